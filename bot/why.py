"""Why an item was posted or not, at each place: the rules that the real run uses, asked again."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, get_args

from bot import ingest
from core import manners
from core.errors import Refusal
from core.pieces import Piece, PieceState
from core.text import fold
from storage import pieces, places, postings, sorting, sources

if TYPE_CHECKING:
    from bot.house import House


@dataclass(slots=True)
class Why:
    """The story of one item: what it is, and a sentence a place."""

    what: str
    piece: int | None = None
    lines: list[str] = field(default_factory=list)
    places: list[dict[str, Any]] = field(default_factory=list)

    def to_json(self) -> dict[str, Any]:
        return {"what": self.what, "piece": self.piece, "lines": self.lines, "places": self.places}

    def text(self) -> str:
        return "\n".join(
            [self.what, *self.lines, *(f"{one['place']}: {one['verdict']} — {one['because']}" for one in self.places)]
        )


async def why(house: House, asked: str) -> Why:
    """Explain an address of an item or feed, a piece's number, or words of its title."""
    piece = await _piece(house, asked)
    if piece is not None:
        return await _of_piece(house, piece)
    source = await sources.source_at(house.db, asked)
    if source is not None:
        return _of_source(source)
    return await _of_address(house, asked)


async def _piece(house: House, asked: str) -> Piece | None:
    digits = fold(asked).lstrip("#")
    if digits.isdigit():
        found = await pieces.piece(house.db, int(digits))
        if found is None:
            raise Refusal(f"there is no piece {asked}; `rondan status` says how many there are")
        return found
    if "://" in asked:
        key = ingest.link_key(asked)
        return None if key is None else await pieces.piece_by_link(house.db, key)
    hits = await pieces.find_by_words(house.db, asked, states=get_args(PieceState))
    if len(hits) > 1:
        several = "\n".join(f"#{number} {title}" for number, title in hits[:10])
        raise Refusal(f"several pieces fit {asked!r}; ask by number:\n{several}")
    return await pieces.piece(house.db, hits[0][0]) if hits else None


async def _of_piece(house: House, piece: Piece) -> Why:
    source = await sources.source(house.db, piece.source)
    story = Why(f"#{piece.number} “{piece.title}”: {piece.state}, revision {piece.revision}", piece.number)
    story.lines.append(f"source: {source.title or source.address} ({source.kind}, text: {source.text_mode})")
    if piece.topics:
        by = await sorting.reasons(house.db, piece.number)
        story.lines.append("topics: " + ", ".join(f"{topic.key} ({by[topic.id]})" for topic in piece.topics))
    if source.error:
        story.lines.append(f"the source's last error: {source.error}")
    if piece.state == "held":
        story.lines.append("held: a moderator must approve it before it is posted anywhere")
    subject = ingest.subject_of(piece, source.title or source.address)
    limited = await ingest.limits(house.db, piece)
    for place in await places.all_places(house.db):
        posting = await postings.at_place(house.db, place.id, "piece", piece.number)
        verdict = ingest.belongs(piece, place, subject, limited)
        if posting is not None:
            state, because = await _posted(house, posting, place)
        elif not verdict.ok:
            state, because = "filtered", verdict.because
        elif piece.state == "approved" and piece.embargo is not None:
            state, because = "waiting", f"under embargo until {piece.embargo:%Y-%m-%d %H:%M} UTC"
        elif piece.state != "published":
            state, because = piece.state, f"the piece is {piece.state}"
        else:
            state = "not posted"
            because = f"the place was added later; `rondan backfill --place {place.address}` posts the newest there"
        if verdict.ok and place.platform not in house.chats:
            because += f"; {place.platform} is off in these settings"
        if place.paused:
            because += f"; the place is paused: {place.paused}"
        entry = {"place": place.address, "verdict": state, "because": because, "filter": verdict.because}
        story.places.append(entry)
    if not story.places:
        story.lines.append("there is no place yet: `rondan place add web:general` makes one")
    return story


async def _posted(house: House, posting: postings.Posting, place: Any) -> tuple[str, str]:
    """A posting's state in words. One that was not begun is asked what the publisher would be asked."""
    standing = await postings.leaves(house.db, posting.id)
    if posting.state in ("due", "waiting") and not standing:
        now = house.clock()
        today = await postings.posted_since(house.db, place.id, manners.local_midnight(place, now))
        match manners.manners(place, now, posted_today=today):
            case manners.Later() as later:
                return "waiting", later.reason
            case manners.RollUp() as rolled:
                return "capped", f"{rolled.reason}; it comes with others in one message"
            case _:
                return "due", posting.reason or "it is posted as soon as the bot runs"
    shown = sum(leaf.ref is not None for leaf in standing.values())
    words = {
        "done": f"shown in {shown} message{'s' if shown != 1 else ''}",
        "due": "being brought up to date",
    }
    verdict = "posted" if posting.state == "done" else posting.state
    return verdict, posting.reason or words.get(posting.state, "")


def _of_source(source: sources.Source) -> Why:
    story = Why(f"{source.address}: {source.kind}, {source.title or 'no title yet'}")
    if source.paused:
        story.lines.append(f"paused: {source.paused}")
    if source.error and source.error != source.paused:
        story.lines.append(f"last error ({source.failures} in a row): {source.error}")
    if source.baseline:
        story.lines.append(f"first look on {source.baseline:%Y-%m-%d %H:%M} UTC: what it showed then was not posted")
    if source.held:
        story.lines.append(f"{source.held} of its pieces are held for a moderator; `rondan feed release` posts them")
    if source.next_check:
        story.lines.append(f"next look: {source.next_check:%Y-%m-%d %H:%M} UTC")
    return story


async def _of_address(house: House, asked: str) -> Why:
    key = ingest.link_key(asked) if "://" in asked else None
    rows = await sources.showings(house.db, key, asked) if key else []
    if not rows:
        story = Why(f"{asked}: never seen")
        for source in await sources.sources(house.db, "feed"):
            if source.paused:
                story.lines.append(f"feed {source.address} is paused: {source.paused}")
            elif source.error:
                story.lines.append(f"feed {source.address} has an error: {source.error}")
        return story
    for row in rows:  # a piece that is known by this guid, or by an address that it no longer has
        if row.piece is not None and (piece := await pieces.piece(house.db, row.piece)) is not None:
            return await _of_piece(house, piece)
    story = Why(f"{asked}: seen before, not posted")
    for row in rows:
        story.lines.append(
            f"{row.source} showed it when it was first looked at, and what is there at the first "
            "look is not posted; `rondan backfill --last N` posts the newest"
        )
    return story
