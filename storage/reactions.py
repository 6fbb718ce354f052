"""Reactions: unique rows, one stance a person, and the counts that move with them in the same transaction."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from core.chat import Cleared, Person, Reacted
from core.folding import ReactionState, fold_reaction
from core.times import micros, moment
from storage import counts
from storage.db import Db, Row, Tx, marks
from storage.spots import Anchor, Folded, anchors_at, chunks, emoji_ids, park, people_ids

StanceOf = Callable[[str], str | None]
"""Gives the stance that an emoji means to this publication, or None."""

_Key = tuple[int, int, int, int, str]  # piece, person, anchor, emoji, kind


@dataclass(slots=True)
class _Moved:
    """Changes to the counters that a batch makes: by piece, microsecond and emoji or stance; by comment and piece."""

    emoji: defaultdict[tuple[int, int, int], int] = field(default_factory=lambda: defaultdict(int))
    stance: defaultdict[tuple[int, int, str], int] = field(default_factory=lambda: defaultdict(int))
    score: defaultdict[tuple[int, int], list[int]] = field(default_factory=lambda: defaultdict(lambda: [0, 0, 0]))


async def fold_reactions(
    tx: Tx, run: list[tuple[str, Reacted]], stance_of: StanceOf, now: datetime, done: Folded
) -> None:
    anchors = await anchors_at(tx, ((e.platform, e.channel, e.anchor) for _, e in run))
    known: list[tuple[Anchor, Reacted]] = []
    for body, event in run:
        spot = (event.platform, event.channel, event.anchor)
        anchor = anchors.get(spot)
        if anchor is None:
            await park(tx, spot, body, now, done)
        elif anchor.piece is not None:
            known.append((anchor, event))
    people = await people_ids(tx, ((e.platform, e.person) for _, e in known))
    emoji = await emoji_ids(tx, (e.emoji for _, e in known))
    changes: dict[_Key, list[Reacted]] = defaultdict(list)
    for anchor, event in known:
        person = people[event.platform, event.person.id]
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
    moved = _Moved()
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
                moved.emoji[piece, old.at, emoji] -= 1
            if new.present:
                moved.emoji[piece, new.at, emoji] += 1
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
    comment_anchors = set(comments) | await _commentanchors_at(tx, after)
    await _move_stances(tx, pairs, before, after, meaning, comment_anchors, moved)
    _move_scores(pairs, before, after, meaning, comments, moved)
    await _write_moved(tx, moved)


_Rows = dict[tuple[int, int, str], ReactionState]  # (anchor, emoji, kind) -> state


async def _reactions_of(tx: Tx, pairs: list[tuple[int, int]]) -> dict[tuple[int, int], _Rows]:
    """Every reaction of these people on these pieces: a prefix of the primary key, so a few rows a pair."""
    found: dict[tuple[int, int], _Rows] = {pair: {} for pair in pairs}
    for some in chunks(pairs):
        values = ",".join(["(cast(? as bigint),cast(? as bigint))", *["(?,?)"] * (len(some) - 1)])
        # Not `(piece_id, person_id) in (values …)`, for which SQLite looks at every reaction there is.
        sql = f"""select r.* from (values {values}) v
                  cross join reaction r on r.piece_id=v.column1 and r.person_id=v.column2"""
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
    for some in chunks(ids):
        for row in await tx.read(f"select id, name from emoji where id in ({marks(len(some))})", *some):
            stance = stance_of(row["name"])
            if stance is not None:
                meaning[row["id"]] = stance
    return meaning


async def _commentanchors_at(tx: Tx, after: dict[tuple[int, int], _Rows]) -> set[int]:
    """Which of the anchors concerned are comments: a reaction there is about the comment, not the piece."""
    ids = sorted({anchor for rows in after.values() for anchor, _, _ in rows})
    found: set[int] = set()
    for some in chunks(ids):
        sql = f"select id from anchor where comment_id is not null and id in ({marks(len(some))})"
        found |= {row["id"] for row in await tx.read(sql, *some)}
    return found


def _stance(rows: _Rows, meaning: dict[int, str], anchors: Callable[[int], bool]) -> tuple[str, int] | None:
    """The stance that stands: the newest present reaction that means one. One a person, the latest."""
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
    moved: _Moved,
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
            moved.stance[piece, old[1], old[0]] -= 1
        if new is None:
            gone.append(pair)
        else:
            moved.stance[piece, new[1], new[0]] += 1
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
    moved: _Moved,
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
                    score = moved.score[comment, pair[0]]
                    score[0] += step * (standing[0] == "agree")
                    score[1] += step * (standing[0] == "disagree")
                    score[2] += step


async def _write_moved(tx: Tx, moved: _Moved) -> None:
    await counts.add(tx, "emoji", moved.emoji)
    await counts.add(tx, "stance", moved.stance)
    scores = [(*key, *score) for key, score in sorted(moved.score.items()) if any(score)]
    if scores:
        await tx.many(
            """insert into comment_score(comment_id, piece_id, agree, disagree, n) values(?,?,?,?,?)
               on conflict(comment_id) do update set agree=comment_score.agree+excluded.agree,
                   disagree=comment_score.disagree+excluded.disagree, n=comment_score.n+excluded.n""",
            scores,
        )


async def fold_cleared(tx: Tx, body: str, event: Cleared, stance_of: StanceOf, now: datetime, done: Folded) -> None:
    spot = (event.platform, event.channel, event.anchor)
    anchor = (await anchors_at(tx, [spot])).get(spot)
    if anchor is None:
        await park(tx, spot, body, now, done)
        return
    if anchor.piece is None:
        return
    rows = await tx.read(
        """select r.*, e.name from reaction r join emoji e on e.id=r.emoji_id
           where r.piece_id=? and r.anchor_id=? and r.present=1 and r.source='emoji' and r.at <= ?""",
        anchor.piece, anchor.id, micros(event.at),
    )  # fmt: skip
    changes: dict[_Key, list[Reacted]] = {}
    for row in rows:
        if event.emoji is None or row["name"] == event.emoji:
            key = (row["piece_id"], row["person_id"], row["anchor_id"], row["emoji_id"], row["kind"])
            changes[key] = [_off(kind=row["kind"], at=event.at)]
    comments = {anchor.id: anchor.comment} if anchor.comment is not None else {}
    await _apply_reactions(tx, changes, comments, stance_of)
    done.pieces.add(anchor.piece)


def _off(*, kind: str, at: datetime) -> Reacted:
    """A reaction is taken back; which one and whose stands in the key of its row."""
    return Reacted(platform="", channel="", anchor="", person=Person(id=""), emoji="", added=False, at=at, kind=kind)


async def take_back(tx: Tx, rows: Sequence[Row], stance_of: StanceOf, now: datetime) -> None:
    """Rows of reactions go for good, and every count with them."""
    comments: dict[int, int | None] = {}
    for some in chunks(sorted({row["anchor_id"] for row in rows})):
        sql = f"select id, comment_id from anchor where comment_id is not null and id in ({marks(len(some))})"
        comments |= {row["id"]: row["comment_id"] for row in await tx.read(sql, *some)}
    changes: dict[_Key, list[Reacted]] = {}
    for row in rows:
        key = (row["piece_id"], row["person_id"], row["anchor_id"], row["emoji_id"], row["kind"])
        at = moment(max(micros(now), row["at"]))
        changes[key] = [_off(kind=row["kind"], at=at)]
    await _apply_reactions(tx, changes, comments, stance_of)
    await tx.many(
        "delete from reaction where piece_id=? and person_id=? and anchor_id=? and emoji_id=? and kind=?", changes
    )


async def pressed(db: Db, piece: int, anchor: str, platform: str, account: str) -> dict[str, datetime]:
    """The buttons that a person has pressed on a message and not taken back: emoji and when."""
    rows = await db.read(
        """select e.name, r.at from reaction r join emoji e on e.id=r.emoji_id join person p on p.id=r.person_id
           join anchor a on a.id=r.anchor_id
           where r.piece_id=? and a.anchor=? and p.hash=? and r.present=1 and r.source='button'""",
        piece, anchor, db.whose(platform, account),
    )  # fmt: skip
    return {row["name"]: moment(row["at"]) for row in rows}
