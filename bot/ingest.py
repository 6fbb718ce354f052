"""From what a source shows to pieces and postings, in one transaction: "seen" never runs ahead of what was kept."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal

from bot.sources import links
from core.chat import Place
from core.corrections import changes
from core.faces import full_text
from core.filters import Subject, Verdict, parse_filter
from core.outline import carry_keys, outline
from core.pieces import Found, Outline, Piece, PieceState
from core.topics import told
from storage import corrections, pieces, places, postings, queueing, sorting, sources
from storage.db import Reader, Tx
from storage.indexing import index_piece
from storage.sources import Source

Outcome = Literal["new", "edited", "unchanged", "held", "seen"]

LOCAL_ONLY = ("web", "console")
"""Platforms that need no account: the sample publication is shown nowhere else."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """What became of one item."""

    piece: int | None
    title: str
    outcome: Outcome
    state: PieceState | None = None
    note: str = ""


def piece_uid(source: Source, identity: str) -> str:
    """12 hex digits from where an item comes from; the same on another machine, whatever number it gets there."""
    return hashlib.blake2b(f"{source.address}\n{identity}".encode(), digest_size=6).hexdigest()


def link_key(url: str | None) -> str | None:
    """The form in which two addresses of one article are equal."""
    return None if url is None else links.normalised(url)


async def known(tx: Tx, source: Source, found: Found) -> sources.Seen | None:
    """What a source's earlier showing of this item is known as, by the strongest identity that is known."""
    seen = await sources.seen(tx, source.id, found.identities)
    hits = [seen[identity] for identity in found.identities if identity in seen]
    return next((hit for hit in hits if hit.piece is not None), hits[0] if hits else None)


async def take(
    tx: Tx,
    source: Source,
    found: Found,
    *,
    now: datetime,
    state: PieceState = "published",
    due: datetime | None = None,
    again: bool = False,
    understood: Outline | None = None,
) -> Taken:
    """Keep one item: a new piece, an edit of one, or nothing new. `again` makes a piece of what was only seen.

    `understood`: what it says, where whoever made it knows that.
    """
    before = await known(tx, source, found)
    if before is not None and before.piece is None and not again:
        await sources.mark_seen(tx, source.id, found.identities, found.fingerprint, None, now)
        return Taken(piece=None, title=found.title, outcome="seen")
    if before is None or before.piece is None:
        same = await _same_article(tx, source, found)
        if same is not None:
            await sources.mark_seen(tx, source.id, found.identities, found.fingerprint, same.number, now)
            if same.state == "published" and not source.review:
                await place(tx, same, now, due=due or now)  # this source may serve other places than the first
            return Taken(
                piece=same.number, title=same.title, outcome="unchanged", state=same.state, note="same address"
            )
        return await _keep_new(tx, source, found, now, state, due or now, understood)
    piece = await pieces.piece(tx, before.piece)
    assert piece is not None
    await sources.mark_seen(tx, source.id, found.identities, found.fingerprint, piece.number, now)
    if not _edited(before.fingerprint, found.fingerprint) or piece.source != source.id:
        # Where two sources show an article, the first one's words stand; an excerpt never replaces a full text.
        return Taken(piece=piece.number, title=piece.title, outcome="unchanged", state=piece.state)
    await _revise(tx, piece, found, now)
    return Taken(piece=piece.number, title=found.title, outcome="edited", state=piece.state)


def _edited(before: str, now: str) -> bool:
    """Whether the words changed. A fingerprint of another version (before the colon) says nothing: it is only kept."""
    return before != now and before.partition(":")[0] == now.partition(":")[0]


async def renew(tx: Tx, source: Source, identities: Sequence[str], now: datetime) -> None:
    """An item with known words came under a new guid or address: it is known by that too from now on."""
    seen = await sources.seen(tx, source.id, identities)
    first = next((seen[one] for one in identities if one in seen), None)
    fresh = [one for one in identities if one not in seen and one.startswith(("guid:", "link:"))]
    if first is not None and fresh:
        await sources.mark_seen(tx, source.id, fresh, first.fingerprint, first.piece, now)


async def _same_article(tx: Tx, source: Source, found: Found) -> Piece | None:
    """The piece that another source already brought from the same address."""
    key = link_key(found.url)
    if key is None:
        return None
    piece = await pieces.piece_by_link(tx, key)
    return piece if piece is not None and piece.source != source.id else None


async def _keep_new(
    tx: Tx,
    source: Source,
    found: Found,
    now: datetime,
    state: PieceState,
    due: datetime,
    understood: Outline | None,
) -> Taken:
    if understood is None:
        understood = outline(found.document, title=found.title, default_language=found.language or "en")
    number = await pieces.add_piece(
        tx,
        uid=piece_uid(source, found.identities[0]),
        source=source.id,
        state="held" if source.review else _first_state(state, found.embargo, now),
        title=found.title,
        url=found.url,
        link_key=link_key(found.url),
        author=found.author,
        published=found.published or now,
        embargo=found.embargo,
        outline=replace(understood, language=found.language or understood.language),
        now=now,
    )
    if source.doubted is not None:
        await pieces.doubt(tx, number, source.doubted)
    await _tag(tx, number, found, found.language or understood.language, now)
    await sources.mark_seen(tx, source.id, found.identities, found.fingerprint, number, now)
    piece = await _sorted(tx, number, now)
    await index_piece(tx, piece)
    if piece.state == "published":
        await place(tx, piece, now, due=due, subject=subject_of(piece, source.title or source.address))
    elif piece.state == "held":
        await queueing.wait(tx, number, now)
    return Taken(piece=number, title=piece.title, outcome="held" if piece.state == "held" else "new", state=piece.state)


async def _tag(tx: Tx, number: int, found: Found, language: str, now: datetime) -> None:
    """Topics that the source names; one that moderators took off comes back only if the source is edited."""
    for name in found.tags:
        await pieces.tag(tx, number, await pieces.ensure_topic(tx, name.strip(), language, now), "source")


async def _sorted(tx: Tx, number: int, now: datetime) -> Piece:
    """A piece with the topics that rules and names tell at once; the others are found later (`bot.sorting`)."""
    await sorting.again(tx, number, now)
    piece = await pieces.piece(tx, number)
    assert piece is not None
    about = await told_of(tx, piece)
    if about and await sorting.put_on(tx, number, about):
        piece = await pieces.piece(tx, number)
        assert piece is not None
    return piece


async def told_of(db: Reader, piece: Piece) -> dict[int, str]:
    """The topics that rules and names tell of a piece, and why."""
    source = await sources.source(db, piece.source)
    return told(piece, subject_of(piece, source.title or source.address), await pieces.every_topic(db))


async def _revise(tx: Tx, piece: Piece, found: Found, now: datetime) -> None:
    """An edited source edits what was posted: new text, sections keep their keys, every posting is looked at again."""
    fresh = outline(found.document, title=found.title, default_language=piece.language)
    fresh = carry_keys(piece.outline, replace(fresh, language=piece.language))
    await _tag(tx, piece.number, found, piece.language, now)
    revision = await pieces.revise_piece(
        tx, piece.number, title=found.title, author=found.author, outline=fresh, reason="source edited", now=now,
        url=found.url, link_key=link_key(found.url),
    )  # fmt: skip
    changed = changes(piece.outline, fresh) if piece.state == "published" else ()
    if changed:
        await corrections.keep(tx, piece.number, revision, note="", changes=changed, now=now)
    await index_piece(tx, await _sorted(tx, piece.number, now))
    await postings.subject_changed(tx, "piece", piece.number, now)


# --- where a piece goes ---


def subject_of(piece: Piece, source_title: str) -> Subject:
    """A piece as filters see it."""
    topics = [name for topic in piece.topics for name in (topic.key, *topic.names.values(), *topic.aliases)]
    return Subject(
        topics=tuple(topics),
        author=piece.author or "",
        source=source_title,
        language=piece.language,
        text=full_text(piece),
    )


async def limits(db: Reader, piece: Piece) -> set[int]:
    """The places that the sources which showed a piece are limited to; empty means all: one of them posts anywhere."""
    found: set[int] = set()
    for source in await sources.showing(db, piece.number, piece.source, link_key(piece.url)):
        own = await sources.places_of(db, source)
        if not own:
            return set()
        found |= own
    return found


def belongs(piece: Piece, at: Place, subject: Subject, limited_to: set[int]) -> Verdict:
    """Whether a piece is for a place at all, and because of what. The one rule that posting and `why` both use."""
    if at.layout == "queue":
        return Verdict(False, "this is the moderators' place: it shows what waits for them")
    if piece.source_kind == "sample" and at.platform not in LOCAL_ONLY:
        return Verdict(False, "the sample publication is shown in the playground and the console only")
    if limited_to and at.id not in limited_to:
        return Verdict(False, "its source posts to other places only")
    return parse_filter(at.filter).matches(subject, at.language)


async def place(
    tx: Tx,
    piece: Piece,
    now: datetime,
    *,
    due: datetime | None = None,
    only: set[int] | None = None,
    subject: Subject | None = None,
) -> list[Place]:
    """Make a posting at every place that a piece belongs to; gives the new ones. `due` is now unless said.

    `subject` is the piece as filters see it, where the caller has it.
    """
    due = due or now
    if subject is None:
        source = await sources.source(tx, piece.source)
        subject = subject_of(piece, source.title or source.address)
    limited = await limits(tx, piece)
    there = [at for at in await places.in_tx(tx) if only is None or at.id in only]
    wanted = [at for at in there if belongs(piece, at, subject, limited).ok]
    asking = [at.id for at in wanted if at.review]
    if asking and not await queueing.approved(tx, piece.number):
        await queueing.review(tx, asking, piece.number, now)
    else:
        asking = []
    free = [at.id for at in wanted if at.id not in asking]
    new = await postings.want_all(tx, free, "piece", piece.number, due=due, now=now)
    return [at for at in wanted if at.id in new]


async def let_out(tx: Tx, number: int, now: datetime) -> list[Place]:
    """Publish a piece that was held or waited; gives its new places. Under embargo it waits on, approved."""
    piece = await pieces.piece(tx, number)
    assert piece is not None
    if piece.state not in ("held", "approved"):  # a moderator decided since it was found to be due
        return []
    state = _first_state("published", piece.embargo, now)
    await pieces.set_state(tx, number, state, now=now)
    await postings.subject_changed(tx, queueing.SUBJECT, number, now)
    return await place(tx, replace(piece, state=state), now) if state == "published" else []


def _first_state(state: PieceState, embargo: datetime | None, now: datetime) -> PieceState:
    """A piece under embargo is approved and not published: no place, digest or search shows it before its time."""
    return "approved" if state == "published" and embargo is not None and embargo > now else state
