"""Readers' comments: folding them from events, erasing them, looking at them, and what moderators set of them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Literal

from core.chat import Commented
from core.folding import CommentState, fold_comment
from core.responses import Voice
from core.times import moment
from storage import acts, answers, fates, holding, tickets
from storage.audience import Audience
from storage.db import Reader, Row, Tx, marks
from storage.editions import quotes_changed, untell
from storage.indexing import index_comments, note_days
from storage.readers import unname
from storage.spots import Anchor, Folded, Spot, anchors_at, chunks, name_people, park, people_ids, unpark

FAR_BACK = 20_000
TRACES = "traces"
"""The fact that words of something erased may still stand in the index or the log."""
REWORDED = timedelta(minutes=10)  # until a digest shows the new wording: the next may follow
Visibility = Literal["visible", "held", "hidden", "featured"]
_ACTS = {"hidden": "hide", "featured": "feature"}

VOICE = """select c.id, c.piece_id, c.text, c.at, c.section, c.state, coalesce(s.agree, 0) as agree,
        coalesce(s.disagree, 0) as disagree, coalesce(s.n, 0) as n, a.platform, a.channel, a.anchor, p.name
    from comment c join place pl on pl.id=c.place_id join anchor a on a.id=c.anchor_id
    left join comment_score s on s.comment_id=c.id left join person p on p.id=c.person_id"""
"""A select of comments with their scores and where they stand; a condition follows."""


def voice(row: Row) -> Voice:
    """A row of `VOICE` as a core type."""
    return Voice(
        comment=row["id"],
        piece=row["piece_id"],
        text=row["text"],
        at=moment(row["at"]),
        agree=row["agree"],
        disagree=row["disagree"],
        n=row["n"],
        section=row["section"],
        platform=row["platform"],
        channel=row["channel"],
        anchor=row["anchor"],
        state=row["state"],
        person=row["name"] or "",
    )


async def comment(db: Reader, number: int) -> Voice:
    """One comment."""
    return voice((await db.read(f"{VOICE} where c.id=?", number))[0])


async def find(db: Reader, number: int) -> Voice | None:
    """One comment that is not erased."""
    rows = await db.read(f"{VOICE} where c.id=? and c.state <> 'erased'", number)
    return voice(rows[0]) if rows else None


async def shown(db: Reader, numbers: Sequence[int]) -> dict[int, Voice]:
    """Those of these comments that may be shown, by number."""
    rows = await db.read(
        f"{VOICE} where c.state in ('visible', 'featured') and c.id in ({marks(len(numbers))})", *numbers
    )
    return {row["id"]: voice(row) for row in rows}


async def at_message(db: Reader, platform: str, channel: str, anchor: str) -> Voice | None:
    """The comment whose own message this is."""
    spot = await pointed_at(db, platform, channel, anchor)
    return None if spot is None or spot.comment is None else await find(db, spot.comment)


async def pointed_at(db: Reader, platform: str, channel: str, anchor: str) -> Anchor | None:
    """What a message is to us; None for a message that we do not know."""
    spot: Spot = (platform, channel, anchor)
    return (await anchors_at(db, [spot])).get(spot)


async def newest(
    db: Reader, audience: Audience, limit: int, *, moderated: Collection[int] | None = None
) -> list[Voice]:
    """The newest comments that somebody may see; hidden ones if they moderate all places, or (`moderated`) these.
    Looks no further back than `FAR_BACK` comments.
    """
    condition, args = audience.clause()
    if moderated is not None:
        there = f"or c.place_id in ({marks(len(moderated))})" if moderated else ""
        condition = f"({condition} and c.state in ('visible', 'featured') {there})"
        args = (*args, *moderated)
    rows = await db.read(
        f"""{VOICE} where {condition} and c.state <> 'erased' and c.text <> ''
              and c.id > (select coalesce(max(id), 0) - ? from comment) order by c.id desc limit ?""",
        *args, FAR_BACK, limit,
    )  # fmt: skip
    return [voice(row) for row in rows]


async def place_of(db: Reader, number: int) -> int | None:
    """The place at which a comment was made."""
    rows = await db.read("select place_id from comment where id=?", number)
    return int(rows[0]["place_id"]) if rows else None


async def of_piece(db: Reader, piece: int, limit: int = 50, *, at: Collection[int] | None = None) -> list[Voice]:
    """Comments on a piece in every state but erased, newest first; with `at` only those made at these places."""
    there = "" if at is None else f"and c.place_id in ({marks(len(at))})"
    rows = await db.read(
        f"{VOICE} where c.piece_id=? and c.state <> 'erased' {there} order by c.at desc, c.id desc limit ?",
        piece, *(at or ()), limit,
    )  # fmt: skip
    return [voice(row) for row in rows]


async def set_state(tx: Tx, number: int, state: Visibility, now: datetime) -> str | None:
    """Set a comment's state; gives the one before, None if there is no such comment. Digests that quote it follow."""
    await fates.note(tx, number, state, now)
    return await _set_state(tx, number, state, now)


async def _set_state(tx: Tx, number: int, state: str, now: datetime) -> str | None:
    row = await tx.one("select state from comment where id=? and state <> 'erased'", number)
    if row is None:
        return None
    await tx.run("update comment set state=? where id=?", state, number)
    await _shown_anew(tx, [number], now)
    return str(row["state"])


async def follow_ledger(tx: Tx, numbers: Sequence[int] | None, now: datetime) -> int:
    """What became of these comments (None: of all) in a life that this database does not know becomes of them again;
    gives of how many.
    """
    changed = 0
    for number, state in await fates.take(tx, numbers):
        if state == fates.ERASED:
            await erase_comment(tx, number, now)
            changed += 1
        elif (before := await _set_state(tx, number, state, now)) not in (None, state):
            act = _ACTS.get(state, "show")
            await acts.record(
                tx, actor=None, act=act, target=f"comment {number}", before=str(before), after=state, now=now
            )
            changed += 1
    return changed


async def _shown_anew(tx: Tx, numbers: Sequence[int], now: datetime, due: datetime | None = None) -> None:
    """Whatever shows these comments is looked at: digests (at `due`), answers under pieces, moderators' tickets."""
    await quotes_changed(tx, numbers, now, due=due)
    await answers.comments_changed(tx, numbers, now)
    await tickets.comments_changed(tx, numbers, now)


# --- from events ---


async def fold_comments(tx: Tx, run: list[tuple[str, Commented]], now: datetime, done: Folded) -> None:
    """New comments, and new wordings of known ones; statements for the whole run, not for each event."""
    spots = [
        (event.platform, event.channel, anchor)
        for _, event in run
        for anchor in (event.anchor, event.reply_to, event.thread)
        if anchor is not None
    ]
    anchors = await anchors_at(tx, spots)
    erased = await tombstones(tx, [(e.platform, e.channel, e.anchor) for _, e in run])
    people = await people_ids(tx, ((e.platform, e.person) for _, e in run))
    known: dict[int, list[Commented]] = defaultdict(list)
    new: dict[Spot, list[Commented]] = {}
    for body, event in run:
        own: Spot = (event.platform, event.channel, event.anchor)
        anchor = anchors.get(own)
        under = _under(event, anchors, new)
        if own in erased:
            done.dropped += 1
        elif anchor is not None:
            if anchor.comment is not None:
                known[anchor.comment].append(event)
        elif under is None:
            await park(tx, (event.platform, event.channel, event.reply_to or event.thread or ""), body, now, done)
        elif under.piece is not None:
            new.setdefault(own, []).append(event)
            done.pieces.add(under.piece)
    await _reword(tx, known, now)
    await _add_comments(tx, new, anchors, people, now)


def _under(event: Commented, anchors: Mapping[Spot, Anchor], new: Mapping[Spot, list[Commented]]) -> Anchor | None:
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
    new: Mapping[Spot, list[Commented]],
    anchors: Mapping[Spot, Anchor],
    people: Mapping[tuple[str, str], int],
    now: datetime,
) -> None:
    if not new:
        return
    places: dict[Spot, tuple[Anchor, str | None]] = {}
    for spot, events in new.items():
        under = _under(events[0], anchors, new)
        assert under is not None
        # Only an explicit sign puts a comment to a section: Comment pressed there, or a reply to its message.
        answered = anchors.get((*spot[:2], events[0].reply_to or ""))
        places[spot] = (under, events[0].section or (answered.section if answered is not None else None))
    await tx.many(
        "insert into anchor(platform, channel, anchor, place_id, piece_id, section) values(?,?,?,?,?,?)",
        [(*spot, under.place, under.piece, section) for spot, (under, section) in places.items()],
    )
    made = await anchors_at(tx, new)
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
    for some in chunks(list(states)):
        found = await tx.read(f"select id, anchor_id from comment where anchor_id in ({marks(len(some))})", *some)
        ids += [(row["id"], row["anchor_id"]) for row in found]
    await tx.many("update anchor set comment_id=? where id=?", ids)
    said = [(people[spot[0], one.person.id], one.person) for spot, events in new.items() for one in events]
    await name_people(tx, dict(sorted(said, key=lambda known: known[1].name != "")))  # a name wins over none
    shelves = {made[spot].id: under.place for spot, (under, _) in places.items()}
    await index_comments(tx, [(comment, shelves[anchor], None, states[anchor].text) for comment, anchor in ids])
    await note_days(tx, [(comment, states[anchor].at) for comment, anchor in ids])
    await _shown_anew(tx, await holding.judge(tx, [comment for comment, _ in ids], now), now)
    for few in chunks([comment for comment, _ in ids]):
        await follow_ledger(tx, few, now)
    await unpark(tx, new.keys())


async def _reword(tx: Tx, known: Mapping[int, list[Commented]], now: datetime) -> None:
    """New wordings of comments that we have."""
    words: list[tuple[int, int, str | None, str | None]] = []
    changed: list[tuple[Any, ...]] = []
    for some in chunks(sorted(known)):
        sql = f"""select id, text, at, edited_at, coalesce(shelf, place_id) as shelf from comment
                  where state <> 'erased' and id in ({marks(len(some))})"""
        for row in await tx.read(sql, *some):
            old = new = CommentState(row["text"], row["at"], row["edited_at"])
            for event in known[row["id"]]:
                new = fold_comment(new, event)
            if new != old:
                changed.append((new.text, new.at, new.edited, row["id"]))
                words += [(row["id"], row["shelf"], old.text, new.text)] if new.text != old.text else []
    if changed:
        await tx.many("update comment set text=?, at=?, edited_at=? where id=?", changed)
        await index_comments(tx, words)
        await note_days(tx, [(number, at) for _, at, _, number in changed])
        await untell(tx, [number for number, *_ in words])
        if words:
            await _leaves_traces(tx, f"{words[0][0]} {now.isoformat()}")
        reworded = [number for number, *_ in words]
        await _shown_anew(tx, reworded, now, due=now + REWORDED)
        await _shown_anew(tx, await holding.judge(tx, reworded, now), now)


async def tombstones(tx: Tx, spots: list[Spot]) -> set[Spot]:
    names = sorted({anchor for _, _, anchor in spots})
    found: set[Spot] = set()
    for some in chunks(names):
        for row in await tx.read(f"select * from tombstone where anchor in ({marks(len(some))})", *some):
            found.add((row["platform"], row["channel"], row["anchor"]))
    return found


async def erase_comment(tx: Tx, comment: int, now: datetime) -> None:
    """Deleted in the chat means erased here: text, person, index and answer go; the row stays as a mark.

    Who has said nothing else is kept without account and name from then on.
    """
    row = await tx.one("select text, person_id, coalesce(shelf, place_id) as shelf from comment where id=?", comment)
    if row is not None:
        await index_comments(tx, [(comment, row["shelf"], row["text"], None)])
        await tx.run("update comment set text='', person_id=null, state='erased' where id=?", comment)
        await _shown_anew(tx, [comment], now)
        await tickets.settle(tx, [comment], "gone", None, now)
        await tx.run("delete from answer where comment_id=?", comment)
        await acts.erase_words(tx, f"comment {comment}")
        await unname(tx, row["person_id"])
        await _leaves_traces(tx, f"{comment} {now.isoformat()}")
        await untell(tx, [comment])


async def _leaves_traces(tx: Tx, what: str) -> None:
    """Old words may stand in the index and the log for a while: `erasing.clear_traces` will look."""
    await tx.run(
        "insert into fact(name, value) values(?,?) on conflict(name) do update set value=excluded.value", TRACES, what
    )
