"""How a piece is shown: its card, its sections as messages, its pages for private reading. Pure, in any language.

What may be shown of a source's text (`full`, `excerpt`, `link`) is decided once, in `shareable`; all else builds on it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from zoneinfo import ZoneInfo

from core.document import Block, Cited, Heading, Paragraph, Quote, bullets, plain, spans, words_of
from core.message import Action, Divider, Message, MessageBlock, Small
from core.pieces import Outline, Part, Piece, Section, TextMode
from core.settle import Leaf
from core.speech import say, say_date, say_list
from core.splitting import size_of, split_blocks
from core.stances import Scale
from core.text import sentences, shorten

EXCERPT = 300
"""Most UTF-16 units of a source's own text that are shown where it allows an excerpt."""
PAGE = 2800
"""Most UTF-16 units on one page of private reading: fits every platform, in Japanese too (3 bytes a character)."""
LEDE = 200
CORRECTED = 3
"""Most changes of a correction that a card tells."""
_BY_MODEL = {say(language, f"draft.by-model.{voice}") for language in ("en", "ja") for voice in ("summary", "analysis")}
"""Headings over what a model wrote in a draft."""
SMALLEST = 100
"""Fewest UTF-16 units to which a message is cut that its platform finds too long."""


def action(kind: str, uid: str, what: str = "-") -> str:
    """The id of a button: versioned, so that posts of an older Rondan keep working."""
    return f"v1:{kind}:{uid}:{what}"


# --- what may be shown ---


def shareable(outline: Outline, mode: TextMode) -> Outline:
    """The part of an outline that may leave the house: all, an excerpt of its first words, or nothing but the title."""
    if mode == "full":
        return outline
    if mode == "link":
        return replace(outline, parts=())
    parts: list[Part] = []
    left = EXCERPT
    for part in outline.parts:
        sections = []
        for section in part.sections:
            blocks: tuple[Block, ...] = ()
            words = " ".join(plain(block) for block in section.blocks if isinstance(block, Paragraph))
            if left > 0 and words:
                text = shorten(words, left)
                blocks = (Paragraph(spans=spans(text)),)
                left = 0
            sections.append(replace(section, blocks=blocks))
        parts.append(replace(part, sections=tuple(sections)))
    return replace(outline, parts=tuple(parts))


def authored(outline: Outline) -> Iterator[Section]:
    """Sections whose words are the author's, and may be quoted as such: no offer, nothing that a model wrote."""
    for section in outline.sections():
        if section.voice != "offer" and section.heading not in _BY_MODEL:
            yield section


def full_text(piece: Piece) -> str:
    """The words of a piece that may be searched, exported and quoted, with its title and topics."""
    topics = (topic.name(piece.language) for topic in piece.topics)
    cited = (one.title for one in shareable(piece.outline, piece.text_mode).cited)
    return "\n".join(filter(None, (piece.title, piece.author, *topics, *cited, body_text(piece))))


def body_text(piece: Piece) -> str:
    """The words of a piece itself that may be shown: the author's remarks and the sections."""
    lines: list[str] = []
    for part in shareable(piece.outline, piece.text_mode).parts:
        lines += [words_of(remark.spans) for remark in part.remarks]
        for section in part.sections:
            if section.voice != "offer":
                lines += [section.heading or "", *(plain(block) for block in section.blocks)]
    return "\n".join(line for line in lines if line)


def lede(piece: Piece) -> str:
    """The author's first remark, or else the first sentence of the text that may be shown."""
    outline = shareable(piece.outline, piece.text_mode)
    for remark in outline.remarks():
        return shorten(words_of(remark.spans), LEDE)
    for section in authored(outline):
        for block in section.blocks:
            if isinstance(block, Paragraph):
                text = words_of(block.spans)
                return shorten((sentences(text, outline.language) or [text])[0].strip(), LEDE)
    return ""


# --- the card ---


def card(piece: Piece, language: str, zone: str, scale: Scale) -> Message:
    """The announcement of a piece: title, small print, what it is on, the author's remark or first words, buttons."""
    if piece.state == "retracted":
        return withdrawn(piece, language, zone)
    outline = shareable(piece.outline, piece.text_mode)
    blocks: list[MessageBlock] = [Heading(level=1, spans=spans(piece.title, link=piece.url))]
    blocks.append(Small(spans=spans(_small_print(piece, language, zone))))
    blocks += [Cited(title=one.title, url=one.url) for one in outline.cited[:3]]
    opening = next((part.remarks for part in outline.parts if part.remarks), ())
    if opening:
        blocks += [Paragraph(spans=remark.spans) for remark in opening]
    elif text := lede(piece):
        blocks.append(Paragraph(spans=spans(text)))
    if piece.topics:
        topics = say_list(language, (topic.name(language) for topic in piece.topics))
        blocks.append(Small(spans=spans(say(language, "card.topics", topics=topics))))
    blocks += corrected(piece, language, zone)
    blocks += related(piece, language)
    return Message(
        title=piece.title, blocks=tuple(blocks), actions=_card_actions(piece, language, scale), language=language
    )


def corrected(piece: Piece, language: str, zone: str) -> list[MessageBlock]:
    """What the last correction changed, and when others were; none if there was none.

    Sentences are shown only of a source that allows its whole text.
    """
    if not piece.corrections:
        return []
    last, *before = piece.corrections
    days = [say_date(language, one.at.astimezone(ZoneInfo(zone)).date()) for one in (last, *before)]
    said = say(language, "card.corrected-note" if last.note else "card.corrected", date=days[0], note=last.note)
    blocks: list[MessageBlock] = [Paragraph(spans=spans(said, bold=True))]
    for one in last.changes[:CORRECTED] if piece.text_mode == "full" else ():
        old, new = shorten(one.before, LEDE), shorten(one.after, LEDE)
        name = "card.changed" if new else "card.taken-out"
        blocks.append(Small(spans=spans(say(language, name, before=old, after=new))))
    if before:
        earlier = list(dict.fromkeys(days[1:]))[:CORRECTED]
        blocks.append(Small(spans=spans(say(language, "card.corrected-before", dates=", ".join(earlier)))))
    return blocks


def related(piece: Piece, language: str) -> list[MessageBlock]:
    """A line with the pieces that a piece is like; none if there are none."""
    if not piece.related:
        return []
    run = list(spans(say(language, "card.related") + " "))
    for position, one in enumerate(piece.related):
        run += [*spans(" · " if position else ""), *spans(f"#{one.number} {one.title}", link=one.url)]
    return [Small(spans=tuple(run))]


def _small_print(piece: Piece, language: str, zone: str) -> str:
    day = say_date(language, piece.published.astimezone(ZoneInfo(zone)).date())
    parts = [f"#{piece.number}", piece.author or "", day, say(language, "card.featured") if piece.featured else ""]
    return " · ".join(part for part in parts if part)


def _card_actions(piece: Piece, language: str, scale: Scale) -> tuple[Action, ...]:
    actions: list[Action] = []
    if pages(piece):
        actions.append(Action(id=action("read", piece.uid), label=say(language, "read"), style="primary"))
    actions.append(Action(id=action("comment", piece.uid), label=say(language, "comment")))
    for stance in scale.stances:
        label = f"{stance.emoji[0]} {stance.name(language)}"
        actions.append(Action(id=action("stance", piece.uid, stance.key), label=label))
    if piece.url:
        actions.append(Action(id=action("open", piece.uid), label=say(language, "read.at-source"), url=piece.url))
    return tuple(actions)


def withdrawn(piece: Piece, language: str, zone: str) -> Message:
    """What stands where a retracted piece stood."""
    title = say(language, "withdrawn", title=piece.title)
    reason, _, day = piece.note.rpartition("\n")
    when = datetime.fromisoformat(day).astimezone(ZoneInfo(zone)) if day else piece.published
    blocks: list[MessageBlock] = [
        Heading(level=1, spans=spans(title)),
        Paragraph(spans=spans(say(language, "withdrawn.note", date=say_date(language, when.date())))),
    ]
    if reason:
        blocks.append(Paragraph(spans=spans(say(language, "reason", reason=reason))))
    return Message(title=title, blocks=tuple(blocks), language=language)


def catchup(found: Sequence[Piece], language: str, *, capped: bool) -> Message:
    """Several pieces in one message: what came while we were away, or over the day's cap."""
    title = say(language, "catchup.title")
    lines = (spans(f"#{piece.number} {piece.title}", link=piece.url) for piece in found)
    why = say(language, "catchup.capped" if capped else "catchup.late", n=len(found))
    blocks = (Heading(level=2, spans=spans(title)), Paragraph(spans=spans(why)), bullets(lines))
    return Message(title=title, blocks=blocks, language=language)


# --- sections as messages under the card ---


@dataclass(frozen=True, slots=True)
class Wanted:
    """One message that a place should show for a piece. `under` names the leaf above it; `message` None: nothing."""

    name: str
    message: Message | None
    under: str | None = None
    section: str | None = None


def leaves(
    piece: Piece,
    layout: str,
    language: str,
    zone: str,
    scale: Scale,
    limit: int,
    *,
    fits: Callable[[Message], bool] = lambda _message: True,
) -> list[Wanted]:
    """All messages of a piece at a place, in order. `limit`: UTF-16 units that one message of the platform holds.

    `fits` is the platform's last word: a section full of addresses, or of signs that it must escape, is cut smaller.
    """
    found = [Wanted("card", card(piece, language, zone, scale))]
    if layout == "forum":
        names = tuple(name for topic in piece.topics for name in (*topic.names.values(), *topic.aliases))
        found = [Wanted("card", replace(card(piece, language, zone, scale), tags=names))]
    if piece.state == "retracted":
        return found
    if layout == "follow":  # the copies at those who follow are a thing of their own: they may come later than the card
        return [*found, Wanted("publish", Message(title="publish"), under="card")]
    if layout not in ("thread", "forum"):
        return found
    outline = shareable(piece.outline, piece.text_mode)
    for part in outline.parts:
        for position, section in enumerate(part.sections):
            if section.voice == "offer":
                continue
            lead: tuple[MessageBlock, ...] = ()
            if position == 0 and part is not outline.parts[0]:
                lead = tuple(Quote(blocks=(remark,)) for remark in part.remarks)
            found += _section_leaves(piece, section, lead, language, limit, fits)
    return found


def _section_leaves(
    piece: Piece,
    section: Section,
    lead: tuple[MessageBlock, ...],
    language: str,
    limit: int,
    fits: Callable[[Message], bool],
) -> list[Wanted]:
    head: tuple[MessageBlock, ...] = (*lead, *_heading(section))
    if not head and not section.blocks:
        return []
    found: list[Wanted] = []
    while True:
        found = list(_in_chunks(piece, section, head, language, limit))
        limit //= 2
        if limit < SMALLEST or all(one.message is None or fits(one.message) for one in found):
            return found


def _in_chunks(
    piece: Piece, section: Section, head: tuple[MessageBlock, ...], language: str, limit: int
) -> Iterator[Wanted]:
    chunks = split_blocks(section.blocks, limit - sum(size_of(block) for block in head) - 20) or [()]
    comment = Action(id=action("comment", piece.uid, section.key), label=say(language, "comment"))
    for number, chunk in enumerate(chunks):
        title = section.heading or piece.title
        last = number == len(chunks) - 1
        blocks = (head if number == 0 else ()) + tuple(chunk)
        message = Message(title=title, blocks=blocks, actions=(comment,) if last else (), language=language)
        yield Wanted(f"section:{section.key}:{number}", message, under="card", section=section.key)


def _heading(section: Section) -> tuple[MessageBlock, ...]:
    return (Heading(level=section.level + 1, spans=spans(section.heading)),) if section.heading else ()


def removed_section(language: str) -> Message:
    """What stands where a section stood that a later revision no longer has; answers may hang on it."""
    text = say(language, "section.removed")
    return Message(title=text, blocks=(Small(spans=spans(text)),), language=language)


# --- private reading ---


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a piece. `key` names it in buttons: the section's key, with `.n` for the n-th part of a long one."""

    key: str
    section: str
    name: str
    blocks: tuple[MessageBlock, ...]
    offer: str = ""


def pages(piece: Piece) -> list[Page]:
    """A piece as pages: a section each, the author's remarks above the first of their part, long sections cut."""
    outline = shareable(piece.outline, piece.text_mode)
    found: list[Page] = []
    for part in outline.parts:
        waiting: list[MessageBlock] = [Quote(blocks=(remark,)) for remark in part.remarks]
        name = ""
        for section in part.sections:
            if section.voice == "offer":
                if found:
                    found[-1] = replace(found[-1], offer=" ".join(plain(block) for block in section.blocks))
                continue
            waiting += _heading(section)
            name = name or section.heading or piece.title
            if not section.blocks:
                continue  # a heading without text of its own stands above its first child
            for number, chunk in enumerate(split_blocks(section.blocks, PAGE)):
                key = section.key if number == 0 else f"{section.key}.{number}"
                found.append(Page(key, section.key, name, (*waiting, *chunk)))
                waiting, name = [], section.heading or piece.title
            name = ""
        if waiting and piece.text_mode == "full":  # remarks or headings with nothing under them are still read
            key = part.sections[-1].key if part.sections else f"remark{len(found)}"
            found.append(Page(key, key, name or piece.title, tuple(waiting)))
    return found


def page(piece: Piece, key: str, language: str) -> Message | None:
    """A page with what comes next, offered by name; `-` is the first page, None if there is no such page."""
    all_pages = pages(piece)
    at = next((n for n, one in enumerate(all_pages) if one.key == key), 0 if key == "-" and all_pages else None)
    if at is None:
        return None
    this = all_pages[at]
    blocks: list[MessageBlock] = [
        Small(spans=spans(f"{piece.title} · {at + 1}/{len(all_pages)}")),
        *this.blocks,
        Divider(),
    ]
    actions: list[Action] = []
    if at + 1 < len(all_pages):
        following = all_pages[at + 1]
        if this.offer:
            blocks.append(Small(spans=spans(this.offer, italic=True)))
        blocks.append(Small(spans=spans(say(language, "read.next", heading=following.name))))
        label = shorten(say(language, "read.more", heading=following.name), 70)
        actions.append(Action(id=action("page", piece.uid, following.key), label=label, style="primary"))
    else:
        ending = "read.end" if piece.text_mode == "full" else "read.rest"
        blocks += [Small(spans=spans(say(language, ending))), *related(piece, language)]
        if at > 0:
            actions.append(Action(id=action("page", piece.uid, "-"), label=say(language, "read.start")))
    actions.append(Action(id=action("comment", piece.uid, this.section), label=say(language, "comment")))
    if piece.url:
        actions.append(Action(id=action("open", piece.uid), label=say(language, "read.at-source"), url=piece.url))
    return Message(title=piece.title, blocks=tuple(blocks), actions=tuple(actions), language=language)


def with_removed(wanted: list[Wanted], standing: Mapping[str, Leaf], language: str) -> list[Wanted]:
    """Leaves that stand and are wanted no more: a section says that it was removed, since answers may hang on it."""
    names = {one.name for one in wanted}
    retracted = len(wanted) == 1
    gone = [name for name, leaf in standing.items() if name not in names and (leaf.ref or leaf.doing)]
    note = None if retracted else removed_section(language)
    return wanted + [
        Wanted(name, None if section is None else note, under="card", section=section)
        for name in gone
        for section in ((name.split(":")[1] if name.startswith("section:") else None),)
    ]
