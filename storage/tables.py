"""The tables, as numbered migrations, in the words of both engines. Forward only.

Times are microseconds since 1970 (`core.times`). People, emoji and anchors are interned as integers: a reaction row is
then 20 bytes instead of 70. Counts by hour are kept beside the raw rows, in the same transaction, since digests read
them 19-30 times faster than the rows.
"""

from __future__ import annotations

import re

from storage.db import Dialect

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
    "alter table topic add column kind text not null default 'theme'",
    "alter table topic add column description text not null default ''",
    "alter table topic add column rule text not null default ''",
    # The piece from which a name was learned; null for one that somebody gave.
    "alter table topic_name add column learned_from bigint",
    # What moderators took off is not put on again by itself: a topic off a piece, a name off a topic.
    """create table topic_off(
        piece_id bigint not null, topic_id bigint not null, primary key(piece_id, topic_id)) {clustered}""",
    """create table name_off(
        topic_id bigint not null, folded text not null, primary key(topic_id, folded)) {clustered}""",
    # Pieces that wait to be sorted, and what was found in those that were: their key terms (weights of length 1), what
    # they mean, the pieces that they are like. `term_count` is in how many pieces a term was found.
    # `round` rises whenever there is a new reason, so that one that comes while a piece is being sorted is not lost.
    """create table to_sort(
        piece_id {key}, due_at bigint not null, attempts integer not null default 0,
        round integer not null default 0)""",
    "create index to_sort_due on to_sort(due_at)",
    "insert into to_sort(piece_id, due_at) select id, 0 from piece",
    "create table sorted(piece_id {key}, revision integer not null, vector text not null)",
    """create table piece_term(
        piece_id bigint not null, folded text not null, term text not null, weight double precision not null,
        primary key(piece_id, folded)) {clustered}""",
    "create index piece_term_folded on piece_term(folded, piece_id, weight)",
    "create table term_count(folded text primary key, n integer not null) {clustered}",
    """create table related(
        piece_id bigint not null, other_id bigint not null, position integer not null,
        primary key(piece_id, other_id)) {clustered}""",
    "create index related_other on related(other_id)",
    # --- search by section: a passage's id is its piece's number above a slot; see storage/indexing.py ---
    "{search by section}",
    "create table passage(id {key}, section text not null, words text not null)",
    # Where a comment's words stand in the index, if not on the shelf of its place; and the other shelves of a place.
    "alter table comment add column shelf bigint",
    """create table shelf(
        place_id bigint not null, shelf bigint not null, primary key(place_id, shelf)) {clustered}""",
    # The lowest and the highest number of a day's comments: those of a time have none below or above.
    "create table comment_day(day {key}, first bigint not null, last bigint not null)",
    "create index comment_person on comment(person_id)",
    "create index piece_author on piece(author)",
    # By which rules what is indexed, and up to which number; null when that is all.
    "create table indexed(what text primary key, rules text not null, upto bigint)",
    # --- digests that are posted: schedules, editions, the comments that they quote; the author's answers ---
    # `days` are digits, 0 for Monday; `minute` is of the local day; times up to `upto` are dealt with.
    """create table schedule(
        id {key}, place_id bigint not null references place(id), days text not null, minute integer not null,
        zone text not null, topics text not null, created_at bigint not null, upto bigint not null)""",
    # The ledger too: one row for a schedule and its nominal time, ever; without a sketch there was nothing to say.
    """create table edition(
        id {key}, schedule_id bigint not null, place_id bigint not null, nominal bigint not null,
        end_at bigint not null, sketch text, made_at bigint not null, unique(schedule_id, nominal))""",
    """create table edition_piece(
        piece_id bigint not null, edition_id bigint not null, primary key(piece_id, edition_id)) {clustered}""",
    """create table edition_quote(
        comment_id bigint not null, edition_id bigint not null, primary key(comment_id, edition_id)) {clustered}""",
    """create table answer(
        comment_id bigint primary key, text text not null, person_id bigint not null,
        at bigint not null) {clustered}""",
    "create index revision_at on revision(at) where number > 1",
    # --- the optional model: what it may cost a day; its sentences in editions, and the comments that these rest on ---
    "create table model_day(day bigint primary key, tokens bigint not null, requests integer not null) {clustered}",
    """create table told(
        edition_id bigint not null, position integer not null, body text not null,
        primary key(edition_id, position)) {clustered}""",
    """create table told_of(
        comment_id bigint not null, edition_id bigint not null, position integer not null,
        primary key(comment_id, edition_id, position)) {clustered}""",
    # --- people: opt-outs, erasures; curation ---
    # A place on review: pieces wait there (posting state 'review') until a moderator approves them.
    "alter table place add column review integer not null default 0",
    # Who moderates there and nowhere else: ids of people, roles and groups, between spaces.
    "alter table place add column moderators text not null default ''",
    # An article that is taken up part by part: its sections as JSON, how many of them a piece has, how much it quotes.
    """create table draft(
        piece_id {key}, address text not null, title text not null, sections text not null, upto integer not null,
        quoted integer not null)""",
    # Pieces that turned out to be the article that another piece is.
    "create table merged(piece_id {key}, into_id bigint not null)",
    # What a revision changed, for readers: `changes` as JSON, pairs of an old and a new sentence.
    """create table correction(
        piece_id bigint not null, revision integer not null, at bigint not null, note text not null,
        changes text not null, primary key(piece_id, revision)) {clustered}""",
    # People are keyed hashes (`whose` is the database's own function); account and name only of who said something.
    # `forgotten_at`: all of theirs was erased then, and what they did before is not taken in again.
    """create table somebody(
        id {key}, hash text not null unique, platform text not null, account text, name text not null default '',
        opted_out integer not null default 0, looked_at bigint, forgotten_at bigint)""",
    "{people as hashes}",
    "drop table person",
    "alter table somebody rename to person",
    # What the database knows of itself: which key fits it, whether words of something erased may stand in its index.
    "create table fact(name text primary key, value text not null) {clustered}",
    # What holds comments back until a moderator looked, in one community each; `held_for` names the kind of rule.
    """create table hold_rule(
        platform text not null, community text not null, kind text not null, value text not null,
        created_at bigint not null, primary key(platform, community, kind, value)) {clustered}""",
    "alter table comment add column held_for text",
    # What the ledger says of comments that are not here yet, after a restore (`storage.fates`); hashes of messages.
    "create table fate(hash text primary key, state text not null, at bigint not null) {clustered}",
    # What moderators should look at: a comment or a piece that readers reported, a comment that a rule held. Who
    # reported is a keyed hash, so that one reader counts once.
    """create table ticket(
        id {key}, piece_id bigint not null, comment_id bigint, reason text not null, state text not null default 'open',
        opened_at bigint not null, closed_at bigint, closed_by bigint)""",
    "create index ticket_piece on ticket(piece_id, comment_id)",
    "create index ticket_comment on ticket(comment_id) where comment_id is not null",
    "create index ticket_open on ticket(id) where state='open'",
    """create table ticket_report(
        ticket_id bigint not null, hash text not null, at bigint not null, primary key(ticket_id, hash)) {clustered}""",
    # An act stays as it was written; what of it is a person's can be erased: who it was, and what they wrote.
    """create table act_of(
        act_id {key}, person_id bigint, before text not null default '', after text not null default '',
        reason text not null default '')""",
    "{who acted}",
    "alter table act drop column actor",
    "alter table act drop column reason",
    "create index act_person on act_of(person_id)",
    "update piece_topic set added_by='moderator' where added_by like '%:% (%)'",
    "update place set paused='by hand' where paused like 'by %:% (%)'",
    "{append-only}",
    # Since when a place's channel is gone for the bot; what was said there is purged some days later.
    "alter table place add column left_at bigint",
    # --- coming back from a copy: since when it may stand in a chat without our knowing (`storage.copies.doubt`) ---
    *(f"alter table {table} add column doubted_at bigint" for table in ("source", "piece", "posting")),
    "create index posting_doubted on posting(place_id, due_at) where doubted_at is not null",
    # --- channels: `former` is an id that the channel had until `at` ---
    """create table moved(
        platform text not null, former text not null, channel text not null, at bigint not null,
        primary key(platform, former)) {clustered}""",
)

THIRD: tuple[str, ...] = (
    # --- several processes over one database (`storage.leases`): which of them live, and what each does ---
    "create table process(owner text primary key, until bigint not null) {clustered}",
    """create table lease(
        role text not null, part integer not null, owner text not null, until bigint not null,
        primary key(role, part)) {clustered}""",
    # By which sources a piece came: asked whenever one is taken in.
    "create index item_piece on item(piece_id)",
    # Read again before every fold, since another process may have written it.
    "create index person_out on person(hash) where opted_out=1 or forgotten_at is not null",
)

FOURTH: tuple[str, ...] = (
    # --- what digests count by: a month by day is a tenth of the rows that it is by hour ---
    *(
        statement
        for table, column, kind in (("emoji", "emoji_id", "bigint"), ("stance", "stance", "text"))
        for statement in (
            f"""create table {table}_day(
                piece_id bigint not null, day bigint not null, {column} {kind} not null, n integer not null,
                primary key(piece_id, day, {column})) {{clustered}}""",
            f"""insert into {table}_day(piece_id, day, {column}, n)
                select piece_id, hour / 24, {column}, sum(n) from {table}_hour group by 1, 2, 3""",
        )
    ),
    # The comments that most people answered, without a look at every other.
    "alter table comment_score add column piece_id bigint not null default 0",
    """update comment_score set piece_id=coalesce(
           (select piece_id from comment where comment.id=comment_score.comment_id), 0)""",
    "create index comment_score_piece on comment_score(piece_id, n, comment_id)",
    "create index comment_featured on comment(piece_id) where state='featured'",
    # The messages of a piece's sections.
    "create index anchor_section on anchor(piece_id) where section is not null and comment_id is null",
)
# fmt: on

MIGRATIONS: tuple[tuple[str, ...], ...] = (FIRST, SECOND, THIRD, FOURTH)

# Full text: tokens made by us (`core.tokens`), so no tokenizer that knows words is needed; `ascii` parts at spaces and
# leaves all else alone. Contentless, a third of the size; deletion hands the old tokens in (3.40 has no
# contentless_delete). `prefix` makes a look-up of one character, or of the three first letters of a word, one list;
# `columnsize=0` leaves out what only the engine's own ranking would need.
_FTS = "create virtual table {} using fts5(words, content='', tokenize='ascii', prefix='1 3', columnsize=0)"
FRAGMENTS: dict[str, dict[str, tuple[str, ...]]] = {
    "{search}": {
        "sqlite": (
            "create virtual table piece_words using fts5(words, content='', tokenize='unicode61')",
            "create virtual table comment_words using fts5(words, content='', tokenize='unicode61')",
        ),
        "postgres": (),
    },
    # What moderators did stays as it was written.
    "{append-only}": {
        "sqlite": tuple(
            f"""create trigger act_kept_from_{what} before {what} on act
                begin select raise(abort, 'the log of acts is append-only'); end"""
            for what in ("update", "delete")
        ),
        "postgres": (
            """create function keep_acts() returns trigger language plpgsql as
               $$ begin raise exception 'the log of acts is append-only'; end $$""",
            "create trigger act_kept before update or delete on act for each row execute function keep_acts()",
        ),
    },
    "{search by section}": {
        "sqlite": (
            "drop table piece_words",
            "drop table comment_words",
            _FTS.format("passage_words"),
            _FTS.format("comment_words"),
        ),
        "postgres": tuple(
            statement
            for table in ("passage_words", "comment_words")
            for statement in (
                f"create table {table}(id bigint, part bigint, words tsvector not null, primary key(id, part))",
                # A search reads all that was written since the index was last brought up to date: let that be little.
                f"create index {table}_held on {table} using gin(words) with (gin_pending_list_limit = 256)",
            )
        ),
    },
    # What the first tables held; on PostgreSQL nobody ever had these alone. `whose` is the SQLite database's function.
    "{people as hashes}": {
        "sqlite": (
            """insert into somebody(id, hash, platform, account, name, opted_out, looked_at)
               select p.id, whose(p.platform, p.account), p.platform,
                   case when c.person_id is not null then p.account end,
                   case when c.person_id is not null then p.name else '' end, p.opted_out, p.looked_at
               from person p left join (select distinct person_id from comment) c on c.person_id=p.id""",
        ),
        "postgres": (),
    },
    "{who acted}": {
        "sqlite": (
            """create table acted as select act.id, substr(actor, 1, instr(actor, ':') - 1) as platform,
                   substr(actor, instr(actor, ':') + 1, instr(actor || ' (', ' (') - instr(actor, ':') - 1) as account,
                   substr(actor, instr(actor || ' (', ' (') + 2, length(actor) - instr(actor || ' (', ' (') - 2)
                       as name
               from act where act <> 'report' and instr(actor, ':') > 0""",
            """insert into person(hash, platform, account, name)
               select whose(platform, account), platform, account, name from acted where true order by id
               on conflict(hash) do update set account=excluded.account, name=excluded.name""",
            """insert into act_of(act_id, person_id, reason) select act.id, (select person.id from acted join person
                   on person.hash=whose(acted.platform, acted.account) where acted.id=act.id), reason from act""",
            "drop table acted",
        ),
        "postgres": (),
    },
}


def statements(version: int, dialect: Dialect) -> list[str]:
    """The statements of one migration (1-based) in a dialect."""
    result: list[str] = []
    for text in MIGRATIONS[version - 1]:
        if text in FRAGMENTS:
            result += FRAGMENTS[text][dialect.name]
        else:
            result.append(_in_words_of(dialect, text.format(key=dialect.key, clustered=dialect.clustered)))
    return result


def _in_words_of(dialect: Dialect, text: str) -> str:
    """On PostgreSQL texts are compared by their bytes and whole numbers have 64 bits, as SQLite has it."""
    if dialect.name == "sqlite":
        return text
    text = re.sub(r"\btext\b(?= not null| primary key|,|\))", 'text collate "C"', text)
    return re.sub(r"\binteger\b", "bigint", text)
