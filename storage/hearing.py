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
from typing import Any, TypeVar

from core.chat import Cleared, Commented, Heard, Left, Person, Reacted, Removed
from core.folding import CommentState, ReactionState, fold_comment, fold_reaction, hour_of
from core.text import bigrams
from core.times import DAY, micros, moment
from storage import postings
from storage.db import Db, Row, Tx, marks

T = TypeVar("T")

KEEP = "insert into heard(body) values(?)"
PARK = 24 * 3600 * 1_000_000  # µs an event on an unknown message waits for it
CHUNK = 400  # values in one IN list

StanceOf = Callable[[str], str | None]
"""Gives the stance that an emoji means to this publication, or None."""


_to_json = json.JSONEncoder(
    ensure_ascii=False, separators=(",", ":")
).encode  # made once: `json.dumps` makes one a call

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
    return _to_json(row)


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
    # Kind by kind, since statements for many events at once are far cheaper. The order within a kind does not matter
    # (`core.folding`); comments come before the reactions to them, removals and clearings after what they remove.
    await _fold_comments(tx, [(body, one) for body, one in events if isinstance(one, Commented)], now, done)
    await _fold_reactions(tx, [(body, one) for body, one in events if isinstance(one, Reacted)], stance_of, now, done)
    for body, event in events:
        match event:
            case Removed():
                await _fold_removed(tx, event, now, done)
            case Cleared():
                await _fold_cleared(tx, body, event, stance_of, now, done)
            case Left():
                await _fold_left(tx, event)
            case _:
                continue
    await tx.run("delete from heard where id <= ?", journal[-1]["id"])
    return done


# --- looking up what events name ---


def _chunks(values: Sequence[T]) -> Iterable[Sequence[T]]:
    """Values in runs that fit into one IN list."""
    for start in range(0, len(values), CHUNK):
        yield values[start : start + CHUNK]


async def _anchors(tx: Tx, spots: Iterable[_Spot]) -> dict[_Spot, _Anchor]:
    wanted = set(spots)
    names = sorted({anchor for _, _, anchor in wanted})
    found: dict[_Spot, _Anchor] = {}
    for some in _chunks(names):
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
        for some in _chunks(accounts):
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
        for some in _chunks(wanted):
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
    for some in _chunks(pairs):
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
    for some in _chunks(ids):
        for row in await tx.read(f"select id, name from emoji where id in ({marks(len(some))})", *some):
            stance = stance_of(row["name"])
            if stance is not None:
                meaning[row["id"]] = stance
    return meaning


async def _comment_anchors(tx: Tx, after: dict[tuple[int, int], _Rows]) -> set[int]:
    """Which of the anchors concerned are comments: a reaction there is about the comment, not the piece."""
    ids = sorted({anchor for rows in after.values() for anchor, _, _ in rows})
    found: set[int] = set()
    for some in _chunks(ids):
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
    """New comments, and new wordings of known ones; statements for the whole run, not for each event."""
    spots = [
        (event.platform, event.channel, anchor)
        for _, event in run
        for anchor in (event.anchor, event.reply_to, event.thread)
        if anchor is not None
    ]
    anchors = await _anchors(tx, spots)
    erased = await _tombstones(tx, [(e.platform, e.channel, e.anchor) for _, e in run])
    people = await _people(tx, ((e.platform, e.person) for _, e in run))
    known: dict[int, list[Commented]] = defaultdict(list)
    new: dict[_Spot, list[Commented]] = {}
    for body, event in run:
        own: _Spot = (event.platform, event.channel, event.anchor)
        anchor = anchors.get(own)
        under = _under(event, anchors, new)
        if own in erased or people[event.platform, event.person.id] is None:
            done.dropped += 1
        elif anchor is not None:
            if anchor.comment is not None:
                known[anchor.comment].append(event)
        elif under is None:
            await _park(tx, (event.platform, event.channel, event.reply_to or event.thread or ""), body, now, done)
        elif under.piece is not None:
            new.setdefault(own, []).append(event)
            done.pieces.add(under.piece)
    await _reword(tx, known)
    await _add_comments(tx, new, anchors, people)


def _under(event: Commented, anchors: Mapping[_Spot, _Anchor], new: Mapping[_Spot, list[Commented]]) -> _Anchor | None:
    """What a comment stands under: the message it answers, else its thread's root. It may answer a comment as new as
    itself, and then stands where that one does.
    """
    for name in (event.reply_to, event.thread):
        spot = (event.platform, event.channel, name or "")
        if name is not None and (found := anchors.get(spot)) is not None:
            return found
        if name is not None and spot in new and name != event.anchor:
            return _under(new[spot][0], anchors, {})
    return None


async def _add_comments(
    tx: Tx,
    new: Mapping[_Spot, list[Commented]],
    anchors: Mapping[_Spot, _Anchor],
    people: Mapping[tuple[str, str], int | None],
) -> None:
    if not new:
        return
    places: dict[_Spot, tuple[_Anchor, str | None]] = {}
    for spot, events in new.items():
        under = _under(events[0], anchors, new)
        assert under is not None
        # Only an explicit sign puts a comment to a section: Comment pressed there, or a reply to that section's message.
        answered = anchors.get((*spot[:2], events[0].reply_to or ""))
        places[spot] = (under, events[0].section or (answered.section if answered is not None else None))
    await tx.many(
        "insert into anchor(platform, channel, anchor, place_id, piece_id, section) values(?,?,?,?,?,?)",
        [(*spot, under.place, under.piece, section) for spot, (under, section) in places.items()],
    )
    made = await _anchors(tx, new)
    states: dict[int, CommentState] = {}
    rows: list[tuple[Any, ...]] = []
    for spot, events in new.items():
        under, section = places[spot]
        state: CommentState | None = None
        for event in events:
            state = fold_comment(state, event)
        assert state is not None
        states[made[spot].id] = state
        person = people[spot[0], events[0].person.id]
        rows.append(
            (
                under.piece,
                under.place,
                made[spot].id,
                section,
                person,
                state.text,
                state.at,
                state.edited,
                events[0].source,
            )
        )
    await tx.many(
        """insert into comment(piece_id, place_id, anchor_id, section, person_id, text, at, edited_at, source)
           values(?,?,?,?,?,?,?,?,?)""",
        rows,
    )
    ids: list[tuple[int, int]] = []
    for some in _chunks(list(states)):
        found = await tx.read(f"select id, anchor_id from comment where anchor_id in ({marks(len(some))})", *some)
        ids += [(row["id"], row["anchor_id"]) for row in found]
    await tx.many("update anchor set comment_id=? where id=?", ids)
    await _index(tx, "comment_words", [(comment, None, states[anchor].text) for comment, anchor in ids])
    for spot in new:
        await postings.unpark(tx, *spot)


async def _reword(tx: Tx, known: Mapping[int, list[Commented]]) -> None:
    """New wordings of comments that we have."""
    words: list[tuple[int, str | None, str | None]] = []
    changed: list[tuple[Any, ...]] = []
    for some in _chunks(sorted(known)):
        sql = f"select id, text, at, edited_at from comment where state <> 'erased' and id in ({marks(len(some))})"
        for row in await tx.read(sql, *some):
            old = new = CommentState(row["text"], row["at"], row["edited_at"])
            for event in known[row["id"]]:
                new = fold_comment(new, event)
            if new != old:
                changed.append((new.text, new.at, new.edited, row["id"]))
                words += [(row["id"], old.text, new.text)] if new.text != old.text else []
    if changed:
        await tx.many("update comment set text=?, at=?, edited_at=? where id=?", changed)
        await _index(tx, "comment_words", words)


async def index_piece(tx: Tx, piece: int, old: str | None, new: str | None) -> None:
    """Keep the search index of a piece in step; None means that there is no text."""
    await _index(tx, "piece_words", [(piece, old, new)])


async def _index(tx: Tx, table: str, changes: Sequence[tuple[int, str | None, str | None]]) -> None:
    """(rowid, old text, new text) each; a contentless index must be told what it forgets."""
    if gone := [(rowid, bigrams(old)) for rowid, old, _ in changes if old]:
        await tx.many(f"insert into {table}({table}, rowid, words) values('delete', ?, ?)", gone)
    if come := [(rowid, bigrams(new)) for rowid, _, new in changes if new]:
        await tx.many(f"insert into {table}(rowid, words) values(?, ?)", come)


# --- removals ---


async def _tombstones(tx: Tx, spots: list[_Spot]) -> set[_Spot]:
    names = sorted({anchor for _, _, anchor in spots})
    found: set[_Spot] = set()
    for some in _chunks(names):
        for row in await tx.read(f"select * from tombstone where anchor in ({marks(len(some))})", *some):
            found.add((row["platform"], row["channel"], row["anchor"]))
    return found


async def _fold_removed(tx: Tx, event: Removed, now: datetime, done: Folded) -> None:
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
        await _index(tx, "comment_words", [(comment, row["text"], None)])
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
