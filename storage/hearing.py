"""What people did: the journal that keeps events before they are acknowledged, and the fold that makes rows of them.

`KEEP` is one insert; `fold` takes a batch of the journal, folds it with `core.folding` and deletes it, in one transaction.
Whatever the order and however often an event comes, the rows come out the same; the counts by hour move with them.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from core.chat import Cleared, Commented, Heard, Left, Person, Reacted, Removed
from core.folding import CommentState, ReactionState, fold_comment, fold_reaction, hour_of
from core.text import bigrams
from core.times import DAY, micros, moment
from storage import postings
from storage.db import Db, Row, Tx, marks

KEEP = "insert into heard(body) values(?)"
PARK = 24 * 3600 * 1_000_000  # µs an event on an unknown message waits for it
CHUNK = 400  # values in one IN list

StanceOf = Callable[[str], str | None]
"""Gives the stance that an emoji means to this publication, or None."""


# --- events as text: a short list, since a journal row is written for every event ---


def encode(event: Heard) -> str:
    """An event as one line of JSON."""
    match event:
        case Reacted():
            row: list[Any] = [
                "r", event.platform, event.channel, event.anchor, event.person.id, event.person.name, event.emoji,
                event.added, micros(event.at), event.source, event.kind, event.recalled,
            ]  # fmt: skip
        case Commented():
            edited = None if event.edited is None else micros(event.edited)
            row = [
                "c", event.platform, event.channel, event.anchor, event.person.id, event.person.name, event.text,
                micros(event.at), event.thread, event.reply_to, event.section, edited, event.source,
            ]  # fmt: skip
        case Removed():
            row = ["d", event.platform, event.channel, list(event.anchors), micros(event.at), event.by]
        case Cleared():
            row = ["x", event.platform, event.channel, event.anchor, micros(event.at), event.emoji]
        case Left():
            row = ["l", event.platform, micros(event.at), event.channel, event.community]
    return json.dumps(row, ensure_ascii=False, separators=(",", ":"))


def decode(body: str) -> Heard:
    """The reverse of `encode`."""
    row = json.loads(body)
    match row[0]:
        case "r":
            return Reacted(
                platform=row[1], channel=row[2], anchor=row[3], person=Person(id=row[4], name=row[5]), emoji=row[6],
                added=row[7], at=moment(row[8]), source=row[9], kind=row[10], recalled=row[11],
            )  # fmt: skip
        case "c":
            return Commented(
                platform=row[1], channel=row[2], anchor=row[3], person=Person(id=row[4], name=row[5]), text=row[6],
                at=moment(row[7]), thread=row[8], reply_to=row[9], section=row[10],
                edited=None if row[11] is None else moment(row[11]), source=row[12],
            )  # fmt: skip
        case "d":
            return Removed(platform=row[1], channel=row[2], anchors=tuple(row[3]), at=moment(row[4]), by=row[5])
        case "x":
            return Cleared(platform=row[1], channel=row[2], anchor=row[3], at=moment(row[4]), emoji=row[5])
        case "l":
            return Left(platform=row[1], at=moment(row[2]), channel=row[3], community=row[4])
        case other:
            raise ValueError(f"unknown event kind {other!r} in the journal")


@dataclass(slots=True)
class Folded:
    """What a fold did. `pieces` had something change; `left` are channels to pause, with the reason as a sentence."""

    events: int = 0
    parked: int = 0
    dropped: int = 0
    pieces: set[int] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class _Anchor:
    id: int
    place: int
    piece: int | None
    section: str | None
    leaf: int | None
    comment: int | None


_Spot = tuple[str, str, str]  # platform, channel, anchor


async def fold(db: Db, stance_of: StanceOf, now: datetime, limit: int = 2000) -> Folded:
    """Fold up to `limit` journal rows, oldest first. `events` 0 means that the journal is empty."""
    return await db.write(lambda tx: _fold(tx, stance_of, now, limit))


async def _fold(tx: Tx, stance_of: StanceOf, now: datetime, limit: int) -> Folded:
    journal = await tx.read("select id, body from heard order by id limit ?", limit)
    done = Folded(events=len(journal))
    if not journal:
        return done
    events = [(row["body"], decode(row["body"])) for row in journal]
    # Runs of one kind are folded together; a run ends where the kind changes, so that order is kept between kinds.
    for kind, run in _runs(events):
        if kind is Reacted:
            await _fold_reactions(tx, run, stance_of, now, done)
        elif kind is Commented:
            await _fold_comments(tx, run, now, done)
        else:
            for body, event in run:
                match event:
                    case Removed():
                        await _fold_removed(tx, event, stance_of, now, done)
                    case Cleared():
                        await _fold_cleared(tx, body, event, stance_of, now, done)
                    case Left():
                        await _fold_left(tx, event)
                    case _:
                        raise AssertionError(event)
    await tx.run("delete from heard where id <= ?", journal[-1]["id"])
    return done


def _runs(events: Sequence[tuple[str, Heard]]) -> Iterable[tuple[type, list[tuple[str, Any]]]]:
    """Consecutive events of one kind; a comment's reactions must not overtake the comment, so the order of kinds stays."""
    run: list[tuple[str, Any]] = []
    for body, event in events:
        if run and type(run[0][1]) is not type(event):
            yield type(run[0][1]), run
            run = []
        run.append((body, event))
    if run:
        yield type(run[0][1]), run


# --- looking up what events name ---


async def _anchors(tx: Tx, spots: Iterable[_Spot]) -> dict[_Spot, _Anchor]:
    wanted = set(spots)
    names = sorted({anchor for _, _, anchor in wanted})
    found: dict[_Spot, _Anchor] = {}
    for start in range(0, len(names), CHUNK):
        some = names[start : start + CHUNK]
        for row in await tx.read(f"select * from anchor where anchor in ({marks(len(some))})", *some):
            spot = (row["platform"], row["channel"], row["anchor"])
            if spot in wanted:
                found[spot] = _Anchor(
                    row["id"], row["place_id"], row["piece_id"], row["section"], row["leaf_id"], row["comment_id"]
                )
    return found


async def _people(tx: Tx, people: Iterable[tuple[str, Person]]) -> dict[tuple[str, str], int | None]:
    """Ids of people by (platform, account), made where new; None for who opted out."""
    named = {(platform, person.id): person.name for platform, person in people}
    found: dict[tuple[str, str], int | None] = {}
    accounts = sorted({account for _, account in named})

    async def look() -> None:
        for start in range(0, len(accounts), CHUNK):
            some = accounts[start : start + CHUNK]
            sql = f"select id, platform, account, opted_out from person where account in ({marks(len(some))})"
            for row in await tx.read(sql, *some):
                key = (row["platform"], row["account"])
                if key in named:
                    found[key] = None if row["opted_out"] else row["id"]

    await look()
    missing = [
        (platform, account, named[platform, account]) for platform, account in named if (platform, account) not in found
    ]
    if missing:
        await tx.many("insert into person(platform, account, name) values(?,?,?) on conflict do nothing", missing)
        await look()
    return found


async def _emoji(tx: Tx, names: Iterable[str]) -> dict[str, int]:
    wanted = sorted(set(names))
    found: dict[str, int] = {}

    async def look() -> None:
        for start in range(0, len(wanted), CHUNK):
            some = wanted[start : start + CHUNK]
            for row in await tx.read(f"select id, name from emoji where name in ({marks(len(some))})", *some):
                found[row["name"]] = row["id"]

    await look()
    missing = [(name,) for name in wanted if name not in found]
    if missing:
        await tx.many("insert into emoji(name) values(?) on conflict do nothing", missing)
        await look()
    return found


async def _park(tx: Tx, spot: _Spot, body: str, now: datetime, done: Folded) -> None:
    """Keep an event whose message is not known yet; a send in flight makes it known within seconds."""
    platform, channel, anchor = spot
    done.parked += 1
    await tx.run(
        "insert into parked(anchor, channel, platform, body, until) values(?,?,?,?,?)",
        anchor, channel, platform, body, micros(now) + PARK,
    )  # fmt: skip


# --- reactions ---

_Key = tuple[int, int, int, int, str]  # piece, person, anchor, emoji, kind


@dataclass(slots=True)
class _Counts:
    """Changes to the counters that a batch makes."""

    emoji_hour: defaultdict[tuple[int, int, int], int] = field(default_factory=lambda: defaultdict(int))
    stance_hour: defaultdict[tuple[int, int, str], int] = field(default_factory=lambda: defaultdict(int))
    score: defaultdict[int, list[int]] = field(default_factory=lambda: defaultdict(lambda: [0, 0, 0]))


async def _fold_reactions(
    tx: Tx, run: list[tuple[str, Reacted]], stance_of: StanceOf, now: datetime, done: Folded
) -> None:
    anchors = await _anchors(tx, ((e.platform, e.channel, e.anchor) for _, e in run))
    known: list[tuple[_Anchor, Reacted]] = []
    for body, event in run:
        spot = (event.platform, event.channel, event.anchor)
        anchor = anchors.get(spot)
        if anchor is None:
            await _park(tx, spot, body, now, done)
        elif anchor.piece is not None:
            known.append((anchor, event))
    people = await _people(tx, ((e.platform, e.person) for _, e in known))
    emoji = await _emoji(tx, (e.emoji for _, e in known))
    changes: dict[_Key, list[Reacted]] = defaultdict(list)
    for anchor, event in known:
        person = people[event.platform, event.person.id]
        if person is None:
            done.dropped += 1
            continue
        assert anchor.piece is not None
        changes[anchor.piece, person, anchor.id, emoji[event.emoji], event.kind].append(event)
    comments = {anchor.id: anchor.comment for anchor, _ in known if anchor.comment is not None}
    await _apply_reactions(tx, changes, comments, stance_of)
    done.pieces |= {key[0] for key in changes}


async def _apply_reactions(
    tx: Tx, changes: dict[_Key, list[Reacted]], comments: Mapping[int, int | None], stance_of: StanceOf
) -> None:
    """Fold events into reaction rows and move every count with them."""
    pairs = sorted({(piece, person) for piece, person, *_ in changes})
    before = await _reactions_of(tx, pairs)
    after = {pair: dict(rows) for pair, rows in before.items()}
    counts = _Counts()
    written: list[tuple[Any, ...]] = []
    for key, events in changes.items():
        piece, person, anchor, emoji, kind = key
        rows = after.setdefault((piece, person), {})
        old = rows.get(key[2:])
        new = old
        for event in events:
            new = fold_reaction(new, event)
        assert new is not None
        if new == old:
            continue
        rows[key[2:]] = new
        written.append((piece, person, anchor, emoji, kind, new.source, int(new.present), new.at))
        if anchor not in comments:
            if old is not None and old.present:
                counts.emoji_hour[piece, hour_of(old.at), emoji] -= 1
            if new.present:
                counts.emoji_hour[piece, hour_of(new.at), emoji] += 1
    if not written:
        return
    await tx.many(
        """insert into reaction(piece_id, person_id, anchor_id, emoji_id, kind, source, present, at)
           values(?,?,?,?,?,?,?,?)
           on conflict(piece_id, person_id, anchor_id, emoji_id, kind)
           do update set source=excluded.source, present=excluded.present, at=excluded.at""",
        sorted(written),
    )
    meaning = await _meanings(tx, before, after, stance_of)
    comment_anchors = set(comments) | await _comment_anchors(tx, after)
    await _move_stances(tx, pairs, before, after, meaning, comment_anchors, counts)
    _move_scores(pairs, before, after, meaning, comments, counts)
    await _write_counts(tx, counts)


_Rows = dict[tuple[int, int, str], ReactionState]  # (anchor, emoji, kind) -> state


async def _reactions_of(tx: Tx, pairs: list[tuple[int, int]]) -> dict[tuple[int, int], _Rows]:
    """Every reaction of these people on these pieces: a prefix of the primary key, so a few rows a pair."""
    found: dict[tuple[int, int], _Rows] = {pair: {} for pair in pairs}
    for start in range(0, len(pairs), CHUNK):
        some = pairs[start : start + CHUNK]
        values = ",".join(["(?,?)"] * len(some))
        sql = f"select * from reaction where (piece_id, person_id) in (values {values})"
        for row in await tx.read(sql, *(part for pair in some for part in pair)):
            state = ReactionState(bool(row["present"]), row["at"], row["source"])
            found[row["piece_id"], row["person_id"]][row["anchor_id"], row["emoji_id"], row["kind"]] = state
    return found


async def _meanings(
    tx: Tx, before: dict[tuple[int, int], _Rows], after: dict[tuple[int, int], _Rows], stance_of: StanceOf
) -> dict[int, str]:
    """What each emoji id that is concerned means, if anything."""
    ids = sorted({emoji for rows in (*before.values(), *after.values()) for _, emoji, _ in rows})
    meaning: dict[int, str] = {}
    for start in range(0, len(ids), CHUNK):
        some = ids[start : start + CHUNK]
        for row in await tx.read(f"select id, name from emoji where id in ({marks(len(some))})", *some):
            stance = stance_of(row["name"])
            if stance is not None:
                meaning[row["id"]] = stance
    return meaning


async def _comment_anchors(tx: Tx, after: dict[tuple[int, int], _Rows]) -> set[int]:
    """Which of the anchors concerned are comments: a reaction there is about the comment, not the piece."""
    ids = sorted({anchor for rows in after.values() for anchor, _, _ in rows})
    found: set[int] = set()
    for start in range(0, len(ids), CHUNK):
        some = ids[start : start + CHUNK]
        sql = f"select id from anchor where comment_id is not null and id in ({marks(len(some))})"
        found |= {row["id"] for row in await tx.read(sql, *some)}
    return found


def _stance(rows: _Rows, meaning: dict[int, str], anchors: Callable[[int], bool]) -> tuple[str, int] | None:
    """The stance that stands: the newest present reaction that means one. One a person, whatever they pressed before."""
    best: tuple[int, str] | None = None
    for (anchor, emoji, _), state in rows.items():
        if state.present and emoji in meaning and anchors(anchor):
            best = max(best or (state.at, meaning[emoji]), (state.at, meaning[emoji]))
    return None if best is None else (best[1], best[0])


async def _move_stances(
    tx: Tx,
    pairs: list[tuple[int, int]],
    before: dict[tuple[int, int], _Rows],
    after: dict[tuple[int, int], _Rows],
    meaning: dict[int, str],
    comment_anchors: set[int],
    counts: _Counts,
) -> None:
    gone: list[tuple[int, int]] = []
    kept: list[tuple[int, int, str, int]] = []
    for pair in pairs:
        old = _stance(before[pair], meaning, lambda one: one not in comment_anchors)
        new = _stance(after[pair], meaning, lambda one: one not in comment_anchors)
        if old == new:
            continue
        piece, person = pair
        if old is not None:
            counts.stance_hour[piece, hour_of(old[1]), old[0]] -= 1
        if new is None:
            gone.append(pair)
        else:
            counts.stance_hour[piece, hour_of(new[1]), new[0]] += 1
            kept.append((piece, person, *new))
    if gone:
        await tx.many("delete from stance where piece_id=? and person_id=?", gone)
    if kept:
        await tx.many(
            """insert into stance(piece_id, person_id, stance, at) values(?,?,?,?)
               on conflict(piece_id, person_id) do update set stance=excluded.stance, at=excluded.at""",
            kept,
        )


def _move_scores(
    pairs: list[tuple[int, int]],
    before: dict[tuple[int, int], _Rows],
    after: dict[tuple[int, int], _Rows],
    meaning: dict[int, str],
    comments: Mapping[int, int | None],
    counts: _Counts,
) -> None:
    """How many people agree and disagree with a comment, each counted once."""
    for pair in pairs:
        for anchor, comment in comments.items():
            if comment is None:
                continue
            old = _stance(before[pair], meaning, lambda one, anchor=anchor: one == anchor)  # type: ignore[misc]
            new = _stance(after[pair], meaning, lambda one, anchor=anchor: one == anchor)  # type: ignore[misc]
            for standing, step in ((old, -1), (new, 1)):
                if standing is not None:
                    score = counts.score[comment]
                    score[0] += step * (standing[0] == "agree")
                    score[1] += step * (standing[0] == "disagree")
                    score[2] += step


async def _write_counts(tx: Tx, counts: _Counts) -> None:
    """Keys sorted: on PostgreSQL, several writers that upsert hot rows in one order never deadlock."""
    for table, column, changes in (
        ("emoji_hour", "emoji_id", counts.emoji_hour),
        ("stance_hour", "stance", counts.stance_hour),
    ):
        rows = [(*key, n) for key, n in sorted(changes.items()) if n]
        if rows:
            await tx.many(
                f"""insert into {table}(piece_id, hour, {column}, n) values(?,?,?,?)
                    on conflict(piece_id, hour, {column}) do update set n={table}.n+excluded.n""",
                rows,
            )
    scores = [(comment, *score) for comment, score in sorted(counts.score.items()) if any(score)]
    if scores:
        await tx.many(
            """insert into comment_score(comment_id, agree, disagree, n) values(?,?,?,?)
               on conflict(comment_id) do update set agree=comment_score.agree+excluded.agree,
                   disagree=comment_score.disagree+excluded.disagree, n=comment_score.n+excluded.n""",
            scores,
        )


# --- comments ---


async def _fold_comments(tx: Tx, run: list[tuple[str, Commented]], now: datetime, done: Folded) -> None:
    spots: list[_Spot] = []
    for _, event in run:
        for anchor in (event.anchor, event.reply_to, event.thread):
            if anchor is not None:
                spots.append((event.platform, event.channel, anchor))
    anchors = await _anchors(tx, spots)
    erased = await _tombstones(tx, [(e.platform, e.channel, e.anchor) for _, e in run])
    people = await _people(tx, ((e.platform, e.person) for _, e in run))
    for body, event in run:
        own: _Spot = (event.platform, event.channel, event.anchor)
        if own in erased:
            done.dropped += 1
            continue
        person = people[event.platform, event.person.id]
        if person is None:
            done.dropped += 1
            continue
        known = anchors.get(own)
        if known is not None:
            if known.comment is not None:
                await _reword(tx, known.comment, event)
                done.pieces.add(known.piece or 0)
            continue
        under = _under(event, anchors)
        if under is None:
            await _park(tx, (event.platform, event.channel, event.reply_to or event.thread or ""), body, now, done)
        elif under.piece is not None:
            anchors[own] = await _new_comment(tx, event, under, person)
            done.pieces.add(under.piece)


def _under(event: Commented, anchors: dict[_Spot, _Anchor]) -> _Anchor | None:
    """What a comment stands under: the message it answers, else its thread's root."""
    for name in (event.reply_to, event.thread):
        if name is not None and (found := anchors.get((event.platform, event.channel, name))) is not None:
            return found
    return None


async def _new_comment(tx: Tx, event: Commented, under: _Anchor, person: int) -> _Anchor:
    state = fold_comment(None, event)
    # Only an explicit sign puts a comment to a section: Comment pressed there, or a reply to that section's message.
    section = event.section or (under.section if event.reply_to else None)
    row = await tx.one(
        """insert into anchor(platform, channel, anchor, place_id, piece_id, section) values(?,?,?,?,?,?) returning id""",
        event.platform, event.channel, event.anchor, under.place, under.piece, section,
    )  # fmt: skip
    assert row is not None
    comment = await tx.one(
        """insert into comment(piece_id, place_id, anchor_id, section, person_id, text, at, edited_at, source)
           values(?,?,?,?,?,?,?,?,?) returning id""",
        under.piece, under.place, row["id"], section, person, state.text, state.at, state.edited, event.source,
    )  # fmt: skip
    assert comment is not None
    await tx.run("update anchor set comment_id=? where id=?", comment["id"], row["id"])
    await index_comment(tx, comment["id"], None, state.text)
    await postings.unpark(tx, event.platform, event.channel, event.anchor)
    return _Anchor(row["id"], under.place, under.piece, section, None, comment["id"])


async def _reword(tx: Tx, comment: int, event: Commented) -> None:
    row = await tx.one("select text, at, edited_at, state from comment where id=?", comment)
    if row is None or row["state"] == "erased":
        return
    old = CommentState(row["text"], row["at"], row["edited_at"])
    new = fold_comment(old, event)
    if new == old:
        return
    await tx.run("update comment set text=?, at=?, edited_at=? where id=?", new.text, new.at, new.edited, comment)
    if new.text != old.text:
        await index_comment(tx, comment, old.text, new.text)


async def index_comment(tx: Tx, comment: int, old: str | None, new: str | None) -> None:
    """Keep the search index of a comment in step; None means that there is no text."""
    await _index(tx, "comment_words", comment, old, new)


async def index_piece(tx: Tx, piece: int, old: str | None, new: str | None) -> None:
    """Keep the search index of a piece in step."""
    await _index(tx, "piece_words", piece, old, new)


async def _index(tx: Tx, table: str, rowid: int, old: str | None, new: str | None) -> None:
    if old:
        await tx.run(f"insert into {table}({table}, rowid, words) values('delete', ?, ?)", rowid, bigrams(old))
    if new:
        await tx.run(f"insert into {table}(rowid, words) values(?, ?)", rowid, bigrams(new))


# --- removals ---


async def _tombstones(tx: Tx, spots: list[_Spot]) -> set[_Spot]:
    names = sorted({anchor for _, _, anchor in spots})
    found: set[_Spot] = set()
    for start in range(0, len(names), CHUNK):
        some = names[start : start + CHUNK]
        for row in await tx.read(f"select * from tombstone where anchor in ({marks(len(some))})", *some):
            found.add((row["platform"], row["channel"], row["anchor"]))
    return found


async def _fold_removed(tx: Tx, event: Removed, stance_of: StanceOf, now: datetime, done: Folded) -> None:
    spots = [(event.platform, event.channel, anchor) for anchor in event.anchors]
    anchors = await _anchors(tx, spots)
    # A removal may come before its comment; the tombstone keeps a late comment out. A day is longer than any retry.
    await tx.run("delete from tombstone where at < ?", micros(now) - 2 * DAY)
    await tx.many(
        "insert into tombstone(platform, channel, anchor, at) values(?,?,?,?) on conflict do nothing",
        [(*spot, micros(now)) for spot in spots],
    )
    leaves = []
    for anchor in anchors.values():
        if anchor.comment is not None:
            await erase_comment(tx, anchor.comment)
            done.pieces.add(anchor.piece or 0)
        elif anchor.leaf is not None and await _still_ours(tx, anchor.leaf, event.anchors):
            leaves.append(anchor.leaf)
    who = f" by {event.by}" if event.by else ""
    await postings.withdraw_here(tx, leaves, f"removed in the chat{who}", now)
    for gone in event.anchors:
        await tx.run(
            "delete from parked where anchor=? and channel=? and platform=?", gone, event.channel, event.platform
        )


async def _still_ours(tx: Tx, leaf: int, anchors: tuple[str, ...]) -> bool:
    """Whether the leaf stands under one of these ids and we are not deleting it ourselves."""
    row = await tx.one("select ref, doing from leaf where id=?", leaf)
    return row is not None and row["doing"] != "delete" and bool(set((row["ref"] or "").split(" ")) & set(anchors))


async def erase_comment(tx: Tx, comment: int) -> None:
    """Deleted in the chat means erased here: text, person and index go; the row stays as a mark."""
    row = await tx.one("select text from comment where id=?", comment)
    if row is not None:
        await index_comment(tx, comment, row["text"], None)
        await tx.run("update comment set text='', person_id=null, state='erased' where id=?", comment)


async def _fold_cleared(tx: Tx, body: str, event: Cleared, stance_of: StanceOf, now: datetime, done: Folded) -> None:
    spot = (event.platform, event.channel, event.anchor)
    anchor = (await _anchors(tx, [spot])).get(spot)
    if anchor is None:
        await _park(tx, spot, body, now, done)
        return
    if anchor.piece is None:
        return
    rows = await tx.read(
        """select r.*, e.name, p.platform, p.account from reaction r join emoji e on e.id=r.emoji_id
           join person p on p.id=r.person_id
           where r.piece_id=? and r.anchor_id=? and r.present=1 and r.source='emoji' and r.at <= ?""",
        anchor.piece, anchor.id, micros(event.at),
    )  # fmt: skip
    changes: dict[_Key, list[Reacted]] = {}
    for row in rows:
        if event.emoji is None or row["name"] == event.emoji:
            key = (row["piece_id"], row["person_id"], row["anchor_id"], row["emoji_id"], row["kind"])
            changes[key] = [_taken_off(row, event)]
    comments = {anchor.id: anchor.comment} if anchor.comment is not None else {}
    await _apply_reactions(tx, changes, comments, stance_of)
    done.pieces.add(anchor.piece)


def _taken_off(row: Row, event: Cleared) -> Reacted:
    return Reacted(
        platform=event.platform,
        channel=event.channel,
        anchor=event.anchor,
        person=Person(id=row["account"]),
        emoji=row["name"],
        added=False,
        at=event.at,
        kind=row["kind"],
    )


async def _fold_left(tx: Tx, event: Left) -> None:
    """A channel is gone for the bot: the place pauses; what was said there stays until it is purged on purpose."""
    column, value = ("channel", event.channel) if event.channel is not None else ("community", event.community)
    await tx.run(
        f"update place set paused=? where platform=? and {column}=? and paused is null",
        "the channel is gone, or the bot was removed from it", event.platform, value,
    )  # fmt: skip


async def sweep_parked(db: Db, now: datetime) -> int:
    """Drop events whose message never became known; gives how many, for the log."""
    return await db.write(lambda tx: tx.run("delete from parked where until < ?", micros(now)))
