"""The tables, as numbered migrations. Forward only; each in a transaction of its own; a newer database is refused.

Times are microseconds since 1970 (`core.times`). People, emoji and anchors are interned as integers: a reaction row is
then 20 bytes instead of 70. Counts by hour are kept beside the raw rows, in the same transaction, since digests read
them 19-30 times faster than the rows.
"""

from __future__ import annotations

import asyncio
import os
import sqlite3
from datetime import datetime
from pathlib import Path

import structlog

from core.errors import ConfigError
from storage.db import Db, Dialect, SqliteDb, StorageError, Tx

log = structlog.get_logger()

# fmt: off
FIRST = (
    """create table source(
        id {key}, kind text not null, address text not null unique, title text not null default '',
        text_mode text not null default 'excerpt', review integer not null default 0,
        paused text, created_at bigint not null,
        etag text, modified text, body_hash text, baseline_at bigint, next_check_at bigint, checked_at bigint,
        failures integer not null default 0, error_code text, error text, held integer not null default 0)""",
    "create index source_next on source(next_check_at)",
    """create table source_place(
        source_id bigint not null, place_id bigint not null, primary key(source_id, place_id)) {clustered}""",
    """create table item(
        source_id bigint not null, identity text not null, fingerprint text not null, piece_id bigint,
        seen_at bigint not null, primary key(source_id, identity)) {clustered}""",
    "create index item_seen on item(source_id, seen_at)",
    """create table piece(
        id {key}, uid text not null unique, source_id bigint not null references source(id), state text not null,
        revision integer not null default 1, title text not null, url text, link_key text, title_key text not null,
        author text, language text not null, published_at bigint not null, found_at bigint not null, embargo_at bigint,
        featured integer not null default 0, note text not null default '', changed_at bigint not null,
        outline text not null)""",
    # With all that a digest asks of a window's pieces: their rows carry their texts, so only those shown are read.
    "create index piece_published on piece(state, published_at, featured)",
    "create index piece_link on piece(link_key)",
    "create index piece_source on piece(source_id, found_at)",
    "create index piece_held on piece(source_id) where state='held'",
    """create table revision(
        piece_id bigint not null references piece(id), number integer not null, at bigint not null,
        reason text not null, title text not null, outline text not null, primary key(piece_id, number))""",
    "create table topic(id {key}, key text not null unique, names text not null, created_at bigint not null)",
    """create table topic_name(
        folded text primary key, topic_id bigint not null references topic(id), name text not null)""",
    """create table piece_topic(
        topic_id bigint not null references topic(id), piece_id bigint not null references piece(id),
        added_by text not null, primary key(topic_id, piece_id)) {clustered}""",
    "create index piece_topic_piece on piece_topic(piece_id, topic_id)",
    """create table place(
        id {key}, platform text not null, channel text not null, name text not null default '',
        community text not null default '', layout text not null default 'card', language text not null default 'en',
        zone text not null default 'UTC', filter text not null default '', quiet_from text, quiet_to text, cap integer,
        audience text not null default 'place', mention text not null default '', paused text,
        created_at bigint not null, due_at bigint, lease_until bigint not null default 0, owner text,
        unique(platform, channel))""",
    "create index place_due on place(due_at)",
    """create table posting(
        id {key}, place_id bigint not null references place(id), subject text not null, subject_id bigint not null,
        want text not null, revision integer not null, state text not null, reason text not null default '',
        due_at bigint, attempts integer not null default 0, created_at bigint not null, changed_at bigint not null,
        unique(place_id, subject, subject_id))""",
    "create index posting_due on posting(place_id, due_at)",
    "create index posting_subject on posting(subject, subject_id)",
    """create table leaf(
        id {key}, posting_id bigint not null references posting(id), name text not null, position integer not null,
        epoch integer not null default 0, ref text, shown text, shown_at bigint, encoder integer not null default 1,
        doing text, doing_since bigint, doing_digest text, misses integer not null default 0,
        unique(posting_id, name))""",
    """create table anchor(
        id {key}, platform text not null, channel text not null, anchor text not null,
        place_id bigint not null references place(id), piece_id bigint, section text, leaf_id bigint, comment_id bigint,
        unique(anchor, channel, platform))""",
    "create index anchor_leaf on anchor(leaf_id)",
    "create index anchor_piece on anchor(piece_id) where leaf_id is not null",
    """create table catchup(
        id {key}, place_id bigint not null, reason text not null, created_at bigint not null)""",
    """create table catchup_piece(
        piece_id bigint not null, catchup_id bigint not null, position integer not null,
        primary key(piece_id, catchup_id)) {clustered}""",
    """create table person(
        id {key}, platform text not null, account text not null, name text not null default '',
        opted_out integer not null default 0, looked_at bigint, unique(account, platform))""",
    "create table emoji(id {key}, name text not null unique)",
    """create table reaction(
        piece_id bigint not null, person_id bigint not null, anchor_id bigint not null, emoji_id bigint not null,
        kind text not null, source text not null, present integer not null, at bigint not null,
        primary key(piece_id, person_id, anchor_id, emoji_id, kind)) {clustered}""",
    """create table stance(
        piece_id bigint not null, person_id bigint not null, stance text not null, at bigint not null,
        primary key(piece_id, person_id)) {clustered}""",
    """create table emoji_hour(
        piece_id bigint not null, hour bigint not null, emoji_id bigint not null, n integer not null,
        primary key(piece_id, hour, emoji_id)) {clustered}""",
    """create table stance_hour(
        piece_id bigint not null, hour bigint not null, stance text not null, n integer not null,
        primary key(piece_id, hour, stance)) {clustered}""",
    """create table comment(
        id {key}, piece_id bigint not null, place_id bigint not null, anchor_id bigint not null unique, section text,
        person_id bigint, text text not null, at bigint not null, edited_at bigint, source text not null,
        state text not null default 'visible')""",
    "create index comment_piece on comment(piece_id, at)",
    # What may be shown, with all that a digest asks before it has chosen: it never reads the texts of the others.
    """create index comment_shown on comment(piece_id, at, state, place_id, person_id)
        where state in ('visible', 'featured') and text <> ''""",
    """create table comment_score(
        comment_id bigint primary key, agree integer not null default 0, disagree integer not null default 0,
        n integer not null default 0) {clustered}""",
    """create table tombstone(
        anchor text not null, channel text not null, platform text not null, at bigint not null,
        primary key(anchor, channel, platform)) {clustered}""",
    "create table heard(id {key}, body text not null)",
    # `spot` is a channel or thread, `newest` the message up to which everything in it was heard.
    """create table watermark(
        platform text not null, spot text not null, newest text not null, primary key(platform, spot)) {clustered}""",
    """create table parked(
        id {key}, anchor text not null, channel text not null, platform text not null, body text not null,
        until bigint not null)""",
    "create index parked_anchor on parked(anchor, channel, platform)",
    """create table follow(
        person_id bigint not null, topic_id bigint not null, at bigint not null,
        primary key(person_id, topic_id)) {clustered}""",
    """create table act(
        id {key}, at bigint not null, actor text not null, act text not null, target text not null,
        before text not null default '', after text not null default '', reason text not null default '')""",
    "create index act_target on act(target)",
    # What a platform's adapter must know after a restart: a back-off, the hash of what was registered.
    "create table memo(platform text not null, key text not null, value text not null, primary key(platform, key))",
    "{search}",
)

SECOND: tuple[str, ...] = (
    # --- topics: descriptions, rules, what was learned, which pieces were sorted ---
    # --- search by section ---
    # --- digests that are posted: schedules, editions, the comments that they quote; the author's answers ---
    # --- people: opt-outs, erasures; curation ---
)
# fmt: on

MIGRATIONS: tuple[tuple[str, ...], ...] = (FIRST, SECOND)

# Full text: bigrams made by us (`core.text.bigrams`), so no tokenizer that knows words is needed. Contentless, a third
# of the size; deletion hands the old bigrams in (3.40 has no contentless_delete).
SEARCH = {
    "sqlite": (
        "create virtual table piece_words using fts5(words, content='', tokenize='unicode61')",
        "create virtual table comment_words using fts5(words, content='', tokenize='unicode61')",
    )
}


def statements(version: int, dialect: Dialect) -> list[str]:
    """The statements of one migration (1-based) in a dialect."""
    result: list[str] = []
    for text in MIGRATIONS[version - 1]:
        if text == "{search}":
            result += SEARCH[dialect.name]
        else:
            result.append(text.format(key=dialect.key, clustered=dialect.clustered))
    return result


async def version_of(db: Db) -> int:
    """The version of the database; 0 for an empty one."""
    try:
        rows = await db.read("select max(version) as version from schema_version")
    except sqlite3.OperationalError:
        return 0
    return rows[0]["version"] or 0


async def migrate(db: Db, now: datetime) -> tuple[int, int]:
    """Bring the database to the newest version; gives (before, after).

    An existing SQLite file is first copied to `NAME.before-vN-TIME.db` by VACUUM INTO; the copy is checked and synced.
    ConfigError when the database was written by a newer Rondan.
    """
    before = await version_of(db)
    target = len(MIGRATIONS)
    if before > target:
        raise ConfigError(
            f"the database has schema {before}, this Rondan knows {target}: start the newer Rondan again, "
            "or restore the copy that was made before its migration"
        )
    if 0 < before < target and isinstance(db, SqliteDb):
        copy = db.path.with_name(f"{db.path.stem}.before-v{before + 1}-{now:%Y%m%dT%H%M%S}.db")
        await asyncio.to_thread(copy_verified, db.path, copy)
        log.info("database.copied", path=str(copy))
    for version in range(before + 1, target + 1):
        await db.write(lambda tx, version=version: _apply(tx, version, db.dialect, now))  # type: ignore[misc]
    if before < target:
        log.info("database.migrated", before=before, after=target)
    return before, target


async def _apply(tx: Tx, version: int, dialect: Dialect, now: datetime) -> None:
    if version == 1:
        await tx.run("create table schema_version(version integer primary key, at text not null)")
    for sql in statements(version, dialect):
        await tx.run(sql)
    await tx.run("insert into schema_version(version, at) values(?, ?)", version, now.isoformat())


def copy_verified(path: Path, target: Path) -> None:
    """A compact copy of an SQLite file, checked, synced and renamed into place. StorageError if it is not sound."""
    unfinished = target.with_name(target.name + ".unfinished")
    unfinished.unlink(missing_ok=True)
    source = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    try:
        source.execute("vacuum into ?", (str(unfinished),))
    finally:
        source.close()
    unfinished.chmod(0o600)
    copy = sqlite3.connect(unfinished)
    try:
        verdict = copy.execute("pragma quick_check").fetchone()[0]
    finally:
        copy.close()
    if verdict != "ok":
        raise StorageError(f"the copy of {path} is damaged ({verdict}): nothing was migrated; check the disk")
    for place in (unfinished, unfinished.parent):
        handle = os.open(place, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
    unfinished.rename(target)
