"""What a document says and who says it: its title, what it cites, its parts, their sections and voices.

    units = lines by their looks (core.lines)        roles = heading, remark or body (core.seams)
    parts = sections under the author's remarks      voices = report, analysis, conclusion, offer (core.voices)

One rule for HTML, Markdown and plain text; pure, and the same every time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from core.document import Block, Break, Cited, Document, Paragraph, Quote, plain_all, spans, words_of
from core.keys import carry_keys as carry_keys
from core.keys import keyed
from core.lines import ended, headline, likeness, narrow, pairs, several
from core.pieces import Outline, Part, Section, Voice
from core.seams import Role, opens, roles_of
from core.text import fold, language_of
from core.units import House, Unit, house_of, promoted, units_of, without_meta
from core.voices import (
    concludes,
    framed,
    is_area,
    is_comments,
    is_furniture,
    names_analysis,
    names_report,
    offered_name,
    reports,
    weighs,
)

_MOST = 5_000  # blocks of a document that is looked at; a longer one is no essay, and reading it would hold others up
_SAMPLE = 20_000  # characters that the language is judged by
_AREAS = 12  # comment areas and the like that are looked at, from the end


@dataclass(slots=True)
class _Draft:
    """A part while it is put together. `cards` are what is cited before its first heading."""

    remarks: list[Paragraph] = field(default_factory=list)
    cards: list[Cited] = field(default_factory=list)
    cited: list[Cited] = field(default_factory=list)
    sections: list[_DraftSection] = field(default_factory=list)

    def texts(self) -> list[str]:
        return [text for section in self.sections if not section.offer for text in section.texts()]


@dataclass(slots=True)
class _DraftSection:
    level: int
    heading: str | None
    offer: bool = False
    blocks: list[Block] = field(default_factory=list)
    gap: bool = False

    def texts(self) -> list[str]:
        return [words_of(block.spans) for block in self.blocks if isinstance(block, Paragraph)]

    def add(self, block: Block) -> None:
        if self.gap and self.blocks:
            self.blocks.append(Break())
        self.gap = False
        self.blocks.append(block)


def outline(document: Document, *, title: str | None = None, default_language: str = "en") -> Outline:
    """The outline of a document; `title` is what the piece is called elsewhere, if that is known.

    `default_language` decides between Japanese and Chinese for a text of kanji only, and stands for an empty one.
    """
    if len(document.blocks) > _MOST:
        return _unread(document, title, default_language)
    units = units_of(document.blocks)
    title, units = _title(units, title)
    units = _without_areas(without_meta(units))
    house = house_of(units)
    units = promoted(units, house)
    drafts = _drafts(units, house)
    if len(drafts) > 3 and not any(len(draft.sections) > 1 or draft.remarks for draft in drafts) and house.flat:
        units = [unit for unit in units if unit.kind != "break"]  # a gap before every heading says nothing
        drafts = _drafts(units, house)
    body = plain_all(unit.block for unit in units)[:_SAMPLE]
    voices = _voices(drafts)
    parts = [
        Part(
            remarks=tuple(draft.remarks),
            sections=tuple(
                Section(key="", level=one.level, heading=one.heading, voice=voice, blocks=tuple(one.blocks))
                for one, voice in zip(draft.sections, voices_here, strict=True)
            ),
        )
        for draft, voices_here in zip(drafts, voices, strict=True)
    ]
    cited = dict.fromkeys(one for draft in drafts for one in (*draft.cards, *draft.cited))
    return keyed(
        Outline(
            title=title,
            language=language_of(body or title or "", default_language),
            cited=tuple(cited),
            parts=tuple(parts),
        )
    )


def _unread(document: Document, title: str | None, default_language: str) -> Outline:
    """A document as one section, nothing of it lost."""
    whole = Section(key="", level=1, heading=None, voice="analysis", blocks=document.blocks)
    language = language_of(plain_all(document.blocks[:100])[:_SAMPLE], default_language)
    return keyed(Outline(title=title, language=language, parts=(Part(sections=(whole,)),)))


def title_of(document: Document) -> str | None:
    """The title that a document gives itself, if any."""
    return _title(units_of(document.blocks[:_MOST]), None)[0]


# --- title and comment area ---


def _title(units: list[Unit], given: str | None) -> tuple[str | None, list[Unit]]:
    """(title, units without it)."""
    while units and units[0].kind == "break":
        units = units[1:]
    if not units:
        return given, []
    first = units[0]
    worded = first.kind in ("head", "line", "text", "cited")
    if given and worded and (_same(first.text, given) or (first.kind == "head" and _alike(first.text, given))):
        return given, units[1:]
    if not given and first.kind == "cited":
        return first.text, units  # nothing but an article's title stands at the head: the piece is called so too
    if given or not _titles(units):
        return given, units
    return first.text, units[1:]


def _titles(units: Sequence[Unit]) -> bool:
    """Whether the first unit is a title: a heading above the others, or a line with more than its own body below."""
    first, rest = units[0], units[1:]
    if not rest:
        return first.kind == "head"
    if first.kind == "head":
        levels = [unit.level for unit in rest if unit.kind == "head"]
        return first.level not in levels or rest[0].kind not in ("text", "rest") or opens(rest)
    if first.kind == "line":
        return True
    # A line with sentences in it is a title only where lines follow: 「貧しくしたのか。私は怖い」 above a heading.
    titled = first.kind == "text" and narrow(first.text, 100) and not (several(first.text) and ended(first.text))
    return titled and rest[0].kind in ("line", "head")


def _same(text: str, other: str) -> bool:
    return "".join(fold(text).split()) == "".join(fold(other).split())


def _alike(text: str, other: str) -> bool:
    one, two = "".join(fold(text).split()), "".join(fold(other).split())
    return (len(two) > 3 and two in one) or (len(one) > 3 and one in two) or likeness(pairs(one), pairs(two)) > 0.6


def _without_areas(units: list[Unit]) -> list[Unit]:
    """Units up to the comment area, without the page's buttons at the end; the last area is taken off first."""
    units = _without_furniture(units)
    areas = [at for at, one in enumerate(units) if one.kind != "rest" and is_area(one.text, [], headed=False)]
    for at in reversed(areas[-_AREAS:]):
        tail = [one for one in units[at + 1 :] if one.kind != "break"]
        if _cuts(units[at], units[:at], tail):
            units = units[:at]
    return _without_furniture(units)


def _without_furniture(units: list[Unit]) -> list[Unit]:
    end = len(units)
    while end and (units[end - 1].kind == "break" or is_furniture(units[end - 1].text)):
        end -= 1
    return units[:end]


def _cuts(unit: Unit, before: Sequence[Unit], tail: Sequence[Unit]) -> bool:
    headed = any(one.kind == "head" and one.level <= max(unit.level, 3) for one in tail)
    if is_area(unit.text, [one.text for one in tail], headed=headed):
        return True
    short = sum(len(one.text) for one in tail) * 5 < sum(len(one.text) for one in before)
    return not headed and short and is_comments(unit.text) and not any(concludes(one.text, last=True) for one in tail)


# --- parts ---


def _drafts(units: Sequence[Unit], house: House) -> list[_Draft]:
    roles, starts = roles_of(units, house)
    drafts = [_Draft()]
    for at, (unit, role) in enumerate(zip(units, roles, strict=True)):
        part = drafts[-1]
        anew = at in starts or role == "remark" or (role == "head" and not house.flat and unit.level == house.levels[0])
        if anew and part.sections:
            part = _Draft()
            drafts.append(part)
        _add(part, unit, role, house)
    return [draft for draft in drafts if draft.sections or draft.remarks or draft.cards]


def _add(part: _Draft, unit: Unit, role: Role, house: House) -> None:
    match role:
        case "break":
            if part.sections:
                part.sections[-1].gap = True
        case "remark":
            part.remarks += _spoken(unit)
        case "head":
            top = not part.sections if house.flat else unit.level == house.levels[0] or not part.sections
            part.sections.append(_DraftSection(level=1 if top else 2, heading=unit.text.rstrip("：:").rstrip()))
        case "offer":
            part.sections.append(_DraftSection(level=2, heading=None, offer=True, blocks=[unit.block]))
        case "cited" if not part.sections:
            assert isinstance(unit.block, Cited)
            part.cards.append(unit.block)
        case "cited" | "body":
            if isinstance(unit.block, Cited):
                part.cited.append(unit.block)
            if not part.sections or part.sections[-1].offer:
                part.sections.append(_DraftSection(level=2 if part.sections else 1, heading=None))
            part.sections[-1].add(unit.block)


def _spoken(unit: Unit) -> list[Paragraph]:
    blocks = unit.block.blocks if isinstance(unit.block, Quote) else (unit.block,)
    return [one for one in blocks if isinstance(one, Paragraph)] or [Paragraph(spans=spans(unit.text))]


# --- voices ---


@dataclass(slots=True)
class _Evidence:
    """What of a part's paragraphs reports, weighs, and whether it names its article."""

    reporting: float
    weighing: float
    framed: bool
    named: bool
    offers: bool  # to go on with the same article

    @property
    def summary(self) -> bool:
        """Enough without any article before it."""
        return self.reporting >= 0.5 and self.framed and self.weighing < 0.34

    @property
    def likely(self) -> bool:
        """Enough after the title or card of an article."""
        told = self.reporting >= 0.25 and self.reporting > self.weighing
        return self.summary or told or (self.offers and self.weighing < 0.34)


def _evidence(draft: _Draft) -> _Evidence:
    texts = draft.texts()
    count = max(len(texts), 1)
    headings = [section.heading or "" for section in draft.sections[:1]]
    return _Evidence(
        reporting=sum(map(reports, texts)) / count,
        weighing=sum(map(weighs, texts)) / count,
        framed=any(map(framed, [*headings, *texts[:2]])),
        named=any(map(names_report, headings)),
        offers=any(section.offer for section in draft.sections),
    )


def _voices(drafts: Sequence[_Draft]) -> list[list[Voice]]:
    """The voices of each part's sections. Bare titles of articles move from the remarks to what is cited."""
    out: list[list[Voice]] = []
    offered: str | None = None  # what the part before, a summary itself, offered to go on with
    for at, draft in enumerate(drafts):
        evidence = _evidence(draft)
        goes_on = offered is not None and evidence.reporting > 0 and _takes_up(draft, offered, evidence)
        if not goes_on:
            _cite(draft, evidence, first=at == 0)
        summary = (
            evidence.summary
            or (bool(draft.cards) and evidence.likely)
            or (evidence.named and evidence.reporting > 0)
            or goes_on
        )
        out.append(_section_voices(draft, summary, last=at == len(drafts) - 1))
        offers = [plain_all(section.blocks) for section in draft.sections if section.offer]
        offered = offers[-1] if offers and summary else None
    return out


def _takes_up(draft: _Draft, offer: str, evidence: _Evidence) -> bool:
    """Whether a part gives what was offered: it says the name, or simply goes on reporting."""
    name = pairs(fold(offered_name(offer) or ""))
    said = pairs(fold(" ".join([*(words_of(one.spans) for one in draft.remarks), draft.sections[0].heading or ""])))
    return evidence.likely or (len(name) > 0 and len(name & said) * 2 >= len(name))


def _cite(draft: _Draft, evidence: _Evidence, *, first: bool) -> None:
    """Take the bare title of an article out of the remarks: the piece's first line, or the last before a summary."""
    if not draft.remarks or draft.cards:
        return
    titles = [words_of(one.spans).strip() for one in draft.remarks]
    at = None
    if first and headline(titles[0]) and evidence.likely:
        at = 0
    elif evidence.summary and headline(titles[-1]):
        at = len(titles) - 1
    if at is not None:
        del draft.remarks[at]
        draft.cards.append(Cited(title=titles[at]))


def _section_voices(draft: _Draft, summary: bool, *, last: bool) -> list[Voice]:
    out: list[Voice] = []
    real = [section for section in draft.sections if not section.offer]
    for section in draft.sections:
        heading = section.heading or ""
        reported = any(map(reports, section.texts()))
        if section.offer:
            out.append("offer")
            continue
        if heading and concludes(heading, last=last and section is real[-1]):
            out.append("conclusion")
            continue
        if summary and names_analysis(heading) and not reported:
            summary = False  # and what follows in this part is analysis too
        elif not summary and names_report(heading) and reported:
            out.append("summary")
            continue
        out.append("summary" if summary else "analysis")
    return out


def next_offer(section: Section) -> str | None:
    """The name, in quotation marks, of what an offer offers; None for other sections and unnamed offers."""
    return offered_name(plain_all(section.blocks)) if section.voice == "offer" else None


def next_section(whole: Outline, key: str) -> Section | None:
    """The section to read after the one with this key, offers passed over; None after the last or for no such key."""
    rest = iter(whole.sections())
    if not any(section.key == key for section in rest):
        return None
    return next((section for section in rest if section.voice != "offer"), None)
