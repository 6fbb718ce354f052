"""The one loop that makes chats show what the rows say. Nothing else sends, edits or deletes.

For each place (a lane) that is due, with its oldest open posting: work out which messages it should be
(`core.faces.leaves`), compare with what stands, and take the next step (`core.settle.next_step`) until nothing is left;
then give the lane back, which is due again at once if more waits there. `doing` is committed before each request and
the outcome with the anchors after it, so a crash at any point leaves a row from which the same rule goes on.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import structlog

from bot import beginning, canary
from bot.answered import answered
from bot.waking import woken
from commands.tools import Draw, undrawn
from core.chat import Absent, CannotTell, Chat, Place, Present, Ref
from core.errors import Busy, ChatError, Gone, Poison, Unknown
from core.faces import Wanted, catchup, leaves, with_removed
from core.message import Message
from core.pieces import Piece
from core.settle import Delete, Doing, Edit, Find, Leaf, Nothing, Send, Wait, back_off, next_step, send_key
from core.stances import Scale
from core.times import SECOND, Clock, moment
from storage import lanes, pieces, places, postings
from storage.db import Db, StorageError, Tx
from storage.leases import Share
from storage.postings import NOTED, Outcome, Posting

log = structlog.get_logger()

LEASE = 60 * SECOND
LATER = timedelta(minutes=1)
LANES = 32  # places worked on at the same time
AHEAD = timedelta(minutes=10)  # by which our clock may be ahead of a platform's when a message is looked for

Show = Callable[[Place, int], Awaitable[Message | None]]
"""Gives what a place should show of a subject by its number; None if there is no such subject."""

trace: Callable[[str], None] = lambda _stage: None  # noqa: E731
"""Called between every two steps with the name of the point; tests kill the process here."""


@dataclass(frozen=True, slots=True)
class _Work:
    """One posting at one place, being settled."""

    chat: Chat
    place: Place
    posting: Posting
    piece: Piece | None

    @property
    def trial(self) -> canary.Key:
        """What the canary tells apart."""
        revision = 0 if self.piece is None else self.piece.revision
        return (self.place.platform, self.posting.subject, self.posting.subject_id, revision)

    def key(self, leaf: Leaf) -> str:
        """The key of a message, the same on every attempt."""
        uid = self.piece.uid if self.piece is not None else str(self.posting.subject_id)
        return send_key(self.posting.subject, uid, self.place.address, leaf.name, leaf.epoch)


class Publisher:
    """Runs the lanes. `chats` by platform name; a place whose platform is not running waits.

    `shows` makes the messages of subjects other than pieces, by the subject's name.
    """

    def __init__(self, db: Db, chats: Mapping[str, Chat], scale: Scale, clock: Clock, draw: Draw = undrawn) -> None:
        self._db = db
        self._draw = draw
        self._chats = chats
        self._scale = scale
        self._clock = clock
        self._canary = canary.Canary()
        self.owner = secrets.token_hex(4)  # of the lanes that we work on
        self._wake = asyncio.Event()
        self._busy: set[int] = set()
        self._stopping = False
        self.shows: dict[str, Show] = {}
        # Told the platform on which a post turned out to stand that was in doubt: what people did with it meanwhile may
        # have been missed, by a recall too that did not know it.
        self.surfaced: Callable[[str], None] = lambda _platform: None
        # What of a platform's places is ours, where several processes publish; None: all.
        self.share: Callable[[str], Share | None] = lambda _platform: None

    def wake(self) -> None:
        """Look at the lanes now: rows have changed."""
        self._wake.set()

    async def run(self) -> None:
        """Serve lanes until cancelled."""
        if self._shares() is None:  # else they may be another's; those of one that died end by themselves
            await lanes.free(self._db)
        working: set[asyncio.Task[None]] = set()
        try:
            while True:
                self._wake.clear()
                free = LANES - len(working)
                claimed = await self._claim(free) if free else []
                for place, posting in claimed:
                    if place.id in self._busy:
                        continue  # its lease ran out while we are still at it
                    self._busy.add(place.id)
                    task = asyncio.create_task(self._lane(place, posting), name=f"lane {place.address}")
                    working.add(task)
                    task.add_done_callback(working.discard)
                    task.add_done_callback(lambda _done: self._wake.set())
                if not claimed:
                    await self._sleep()
        finally:
            # A send that is cancelled may have happened: let requests in flight end, their outcome is then known.
            self._stopping = True
            if working:
                await asyncio.wait(working, timeout=10)

    async def _sleep(self) -> None:
        due = await lanes.next_due(self._db, self._shares())
        pause = 60.0 if due is None else (moment(due) - self._clock()).total_seconds()
        await woken(self._wake, min(max(pause, 0.05), self._db.doze))

    async def _claim(self, most: int) -> list[tuple[Place, Posting]]:
        return await lanes.claim(self._db, self.owner, self._clock(), LEASE, most, self._shares())

    def _shares(self) -> dict[str, Share] | None:
        """Our part of the places of each platform; None where all are ours."""
        shares = {name: share for name in self._chats if (share := self.share(name)) is not None}
        return {name: share for name, share in shares.items() if share.mine} if shares else None

    async def settle_all(self) -> None:
        """Work until no lane is due; for the shell and for tests."""
        while claimed := await self._claim(LANES):
            await asyncio.gather(*(self._lane(place, posting) for place, posting in claimed))

    # --- one lane ---

    async def _lane(self, place: Place, posting: Posting) -> None:
        until = None  # set: the place is left alone until then, whatever is due there
        outcome = NOTED
        try:
            chat = self._chats.get(place.platform)
            if chat is None:
                log.info("publish.platform-off", place=place.address)
                until = self._clock() + LATER
            elif not self._stopping:
                outcome = await self._advance(chat, place, posting)
        except Exception as error:
            log.exception("publish.lane-failed", place=place.address, error=str(error))
            until = self._clock() + LATER
        finally:
            self._busy.discard(place.id)  # before it is given back: from then on we may get it again
        try:
            await lanes.release(self._db, self.owner, posting, outcome, self._clock(), until=until)
        except StorageError as error:  # then it is ours until its lease ends, and what became of it is worked out again
            log.error("publish.lane-kept", place=place.address, error=str(error))
        trace("released")

    async def _advance(self, chat: Chat, place: Place, posting: Posting) -> Outcome:
        """Bring one posting as far as it goes now."""
        subject = await self._subject(place, posting, chat)
        if isinstance(subject, Outcome):
            return subject
        wanted, piece = subject
        standing = await postings.leaves(self._db, posting.id)
        if not standing and posting.doubted is None:
            not_yet = await beginning.not_yet(self._db, place, posting, piece, self._clock())
            if not_yet is not None:
                return not_yet
        wanted = with_removed(wanted, standing, place.language)
        if any(one.name not in standing for one in wanted):
            names = [(one.name, position) for position, one in enumerate(wanted)]
            await self._db.write(lambda tx: postings.place_leaves(tx, posting.id, names))
            standing = await postings.leaves(self._db, posting.id)
        work = _Work(chat, place, posting, piece)
        for one in wanted:
            ended = await self._settle_leaf(work, one, standing)
            if ended is not None:
                return ended
        return Outcome("done")

    async def _subject(self, place: Place, posting: Posting, chat: Chat) -> tuple[list[Wanted], Piece | None] | Outcome:
        """The messages that a posting should be, in order."""
        if posting.subject == "catchup":
            message = await self._catchup(place, posting.subject_id)
            return [Wanted("card", message if posting.want == "show" else None)], None
        if posting.subject in self.shows:
            shown = await self.shows[posting.subject](place, posting.subject_id)
            if shown is None:
                return Outcome("skipped", f"there is no {posting.subject} {posting.subject_id}")
            return [Wanted("card", shown if posting.want == "show" else None)], None
        piece = await pieces.piece(self._db, posting.subject_id)
        if piece is None or piece.state in ("held", "approved", "rejected"):
            return Outcome("skipped", "the piece is not published")
        limit, fits = chat.text_limit, chat.fits
        found = leaves(piece, place.layout, place.language, place.zone, self._scale, limit, fits=fits)
        return [*found, *await answered(self._db, place, piece)], piece

    async def _catchup(self, place: Place, number: int) -> Message:
        numbers, reason = await postings.catchup(self._db, number)
        found = [piece for piece in await pieces.pieces(self._db, numbers) if piece.state == "published"]
        return catchup(found, place.language, capped="cap" in reason)

    # --- one leaf ---

    async def _settle_leaf(self, work: _Work, wanted: Wanted, standing: dict[str, Leaf]) -> Outcome | None:
        """Take steps until the leaf is as wanted; an outcome if the posting goes no further now."""
        while True:
            leaf = standing[wanted.name]
            digest = _digest_wanted(wanted, work, leaf)
            # What is doubted is looked up in any case: if it is not there, it begins as others do.
            within = 0.0 if work.posting.doubted else work.chat.resend_within(work.place)
            step = next_step(leaf, digest, self._clock(), resend_within=within)
            if isinstance(step, Nothing):
                return None
            if self._stopping:
                return NOTED  # the posting stays due
            if isinstance(step, Wait):
                reason = "the outcome of a post is not known yet"
                return Outcome("waiting", reason, step.until, work.posting.attempts)
            if isinstance(step, Send) and leaf.misses and work.posting.doubted and not _stands_any(standing):
                await self._db.write(lambda tx: postings.never_sent(tx, work.posting.id))
                return NOTED
            under = standing[wanted.under].ref if wanted.under else None
            if isinstance(step, Send | Edit) and wanted.message is not None:
                wanted = replace(wanted, message=await self._draw(wanted.message))
            try:
                match step:
                    case Send():
                        not_now = await self._send(work, wanted, leaf, step, under)
                        if not_now is not None:
                            return not_now
                    case Find():
                        await self._find(work, wanted, leaf, step, under)
                    case Edit():
                        await self._edit(work, wanted, leaf, step.ref)
                    case Delete():
                        await self._delete(work, wanted, step.ref)
            except ChatError as error:
                in_doubt = isinstance(step, Find) or (isinstance(step, Send) and step.again)
                return await self._failed(work, wanted, error, in_doubt)
            standing[wanted.name] = (await postings.leaves(self._db, work.posting.id))[wanted.name]

    async def _send(self, work: _Work, wanted: Wanted, leaf: Leaf, step: Send, under: Ref | None) -> Outcome | None:
        """An outcome when it was not its turn."""
        message = wanted.message
        assert message is not None
        digest = message.digest()
        if leaf.doing is None and (not_now := self._is_tried(work)) is not None:
            return not_now
        if not step.again:
            await self._begin(work, wanted, "send", digest)
        trace("begun")
        ref = await work.chat.send(work.place, message, work.key(leaf), under=under)
        trace("sent")
        # Sent again after the text changed: the platform may have given the first wording back, so an edit must follow.
        known = digest if not step.again or leaf.doing_digest == digest else ""
        self._canary.taken(work.trial)
        await self._stands(work, wanted, ref, known)
        if step.again:
            self.surfaced(work.place.platform)
        return None

    def _is_tried(self, work: _Work) -> Outcome | None:
        """None if this place may be sent the subject now; otherwise the posting waits, or is stuck."""
        match self._canary.verdict(work.trial, work.place.id):
            case "go":
                return None
            case "wait":
                until = self._clock() + timedelta(seconds=self._canary.pause(work.trial))
                return Outcome("waiting", "a few other places go first", until, work.posting.attempts)
            case "stop":
                return Outcome(
                    "stuck", f"refused at {canary.FIRST} other places of {work.place.platform}, so not sent here"
                )

    async def _begin(self, work: _Work, wanted: Wanted, doing: Doing, digest: str | None) -> None:
        await postings.begin(self._db, work.posting.id, wanted.name, doing, digest, self._clock())

    async def _stands(self, work: _Work, wanted: Wanted, ref: Ref, digest: str) -> None:
        await self._db.write(
            lambda tx: postings.shown(
                tx, work.place, work.posting, wanted.name, ref, digest, self._clock(),
                piece=None if work.piece is None else work.piece.number, section=wanted.section,
            )
        )  # fmt: skip
        trace("stored")

    async def _find(self, work: _Work, wanted: Wanted, leaf: Leaf, step: Find, under: Ref | None) -> None:
        lookup = await work.chat.find(work.place, work.key(leaf), under=under, since=step.since - AHEAD)
        match lookup:
            case Present():
                await self._stands(work, wanted, lookup.ref, leaf.doing_digest or "")
                self.surfaced(work.place.platform)
            case Absent():
                await postings.missed(self._db, work.posting.id, wanted.name)
            case CannotTell():
                reason = f"can't tell whether the last post to {work.place.address} arrived: {lookup.reason}"
                raise Unknown(reason) if lookup.until is None else Busy(reason, until=lookup.until)

    async def _edit(self, work: _Work, wanted: Wanted, leaf: Leaf, ref: Ref) -> None:
        message = wanted.message
        assert message is not None
        await self._begin(work, wanted, "edit", message.digest())
        trace("begun")
        await work.chat.edit(work.place, ref, message, work.key(leaf))
        trace("sent")
        await self._stands(work, wanted, ref, message.digest())

    async def _delete(self, work: _Work, wanted: Wanted, ref: Ref) -> None:
        await self._begin(work, wanted, "delete", None)
        trace("begun")
        await work.chat.delete(work.place, ref)
        trace("sent")
        await postings.vanished(self._db, work.posting.id, wanted.name)
        trace("stored")

    # --- when it does not go well ---

    async def _failed(self, work: _Work, wanted: Wanted, error: ChatError, in_doubt: bool) -> Outcome:
        """What an error means for this posting and this place.

        `in_doubt`: an earlier attempt may have arrived, of which this refusal says nothing.
        """
        place, posting = work.place, work.posting
        now, reason = self._clock(), str(error)
        log.warning("publish.failed", place=place.address, subject=posting.subject_id, leaf=wanted.name, error=reason)
        attempts = posting.attempts + 1
        if isinstance(error, Gone | Busy | Poison) and not in_doubt:
            await postings.refused(self._db, posting.id, wanted.name)
        match error:
            case Gone(what="message"):
                self._canary.left(work.trial, place.id)
                await self._db.write(lambda tx: self._withdrawn(tx, posting, wanted, now))
                return NOTED
            case Gone():
                self._canary.left(work.trial, place.id)
                await self._db.write(lambda tx: self._pause(tx, place, reason))
                return NOTED
            case Busy():
                self._canary.left(work.trial, place.id)
                return Outcome("waiting", reason, error.until, posting.attempts)
            case Poison():
                self._canary.refused(work.trial, place.id)
                return Outcome("stuck", reason)
            case _:  # an outage may last a night: what is not refused is tried until it goes, at most once an hour
                return Outcome("waiting", reason, now + back_off(attempts), attempts)

    async def _withdrawn(self, tx: Tx, posting: Posting, wanted: Wanted, now: datetime) -> None:
        """Our message was deleted by somebody else: this place shows nothing of it until told otherwise."""
        leaf = await postings.leaf_ids(tx, posting.id, wanted.name)
        await postings.withdraw_here(tx, leaf, "removed in the chat", now)

    async def _pause(self, tx: Tx, place: Place, reason: str) -> None:
        if await places.pause(tx, place, reason):
            log.error("publish.place-paused", place=place.address, reason=reason)


def _stands_any(standing: Mapping[str, Leaf]) -> bool:
    return any(leaf.ref is not None for leaf in standing.values())


def _digest_wanted(wanted: Wanted, work: _Work, leaf: Leaf) -> str | None:
    """What a leaf should show. A piece that was retracted before it came here needs no note of its withdrawal."""
    never_shown = leaf.ref is None and work.piece is not None and work.piece.state == "retracted"
    if wanted.message is None or work.posting.want == "gone" or never_shown:
        return None
    return wanted.message.digest()
