"""Keys of sections: stable across revisions, so that answers stay with what they answer."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import replace
from hashlib import blake2b

from core.document import plain_all
from core.lines import likeness, pairs
from core.pieces import Outline, Part, Section
from core.text import fold

_SAMPLE = 20_000  # characters of a section that are compared
_LIKE = 0.5  # share of common character pairs above which two sections are the same one, edited
_COMPARED = 300  # sections a side that are compared by likeness; beyond, only headings match


def _key(section: Section, occurrence: int) -> str:
    """8 hex digits that depend on what the section is called and how many before it are called so."""
    name = section.voice if section.heading is None else fold(section.heading)
    kind = "" if section.heading is None else "#"
    return blake2b(f"{kind}{name}\n{occurrence}".encode("utf-8", "replace"), digest_size=4).hexdigest()


def _rekeyed(whole: Outline, known: dict[int, str], taken: set[str]) -> Outline:
    """The outline with a key for every section: the known one by position, or a new one that is not taken."""
    seen: Counter[tuple[bool, str]] = Counter()
    position = 0
    parts: list[Part] = []
    for part in whole.parts:
        sections: list[Section] = []
        for section in part.sections:
            name = (section.heading is None, section.voice if section.heading is None else fold(section.heading))
            key = known.get(position)
            while key is None or (position not in known and key in taken):
                key = _key(section, seen[name])
                seen[name] += 1
            taken.add(key)
            sections.append(replace(section, key=key))
            position += 1
        parts.append(replace(part, sections=tuple(sections)))
    return replace(whole, parts=tuple(parts))


def keyed(whole: Outline) -> Outline:
    """An outline whose sections have keys by heading and occurrence."""
    return _rekeyed(whole, {}, set())


def carry_keys(old: Outline, new: Outline) -> Outline:
    """The new outline with the keys of the old one's sections wherever a section is still the same.

    The same folded heading first (the likeliest text where several have it), then likeness of the text; an old key is
    given once. Other sections get keys that no old one had, since answers may hang on a section that is gone.
    """
    olds, news = list(old.sections()), list(new.sections())
    known: dict[int, str] = {}
    used: set[int] = set()
    for mine, other in _by_heading(news, olds):
        known[mine] = olds[other].key
        used.add(other)
    left = [i for i in range(len(news)) if i not in known][:_COMPARED]
    free = [i for i in range(len(olds)) if i not in used][:_COMPARED]
    for mine, other in _matched(left, free, news, olds, _LIKE):
        known[mine] = olds[other].key
    return _rekeyed(new, known, {one.key for one in olds})


def _by_heading(news: Sequence[Section], olds: Sequence[Section]) -> list[tuple[int, int]]:
    """Pairs (new, old) of sections with one heading."""
    groups: defaultdict[str, tuple[list[int], list[int]]] = defaultdict(lambda: ([], []))
    for side, sections in enumerate((news, olds)):
        for at, section in enumerate(sections):
            if section.heading is not None:
                groups[fold(section.heading)][side].append(at)
    out: list[tuple[int, int]] = []
    for mine, others in groups.values():
        many = max(len(mine), len(others)) > _COMPARED
        out += zip(mine, others, strict=False) if many else _matched(mine, others, news, olds, -1)
    return out


def _matched(
    mine: Sequence[int], others: Sequence[int], news: Sequence[Section], olds: Sequence[Section], least: float
) -> list[tuple[int, int]]:
    """The likeliest pairs first, each section once; of equally like ones those in order."""
    left = {i: pairs(_words(news[i])) for i in mine}
    right = {i: pairs(_words(olds[i])) for i in others}
    ranked = sorted(
        (-like, abs(i - j), i, j)
        for i in mine
        for j in others
        if (like := likeness(left[i], right[j])) > least and (news[i].voice == "offer") == (olds[j].voice == "offer")
    )
    out: list[tuple[int, int]] = []
    done: tuple[set[int], set[int]] = (set(), set())
    for _, _, i, j in ranked:
        if i not in done[0] and j not in done[1]:
            out.append((i, j))
            done[0].add(i)
            done[1].add(j)
    return out


def _words(section: Section) -> str:
    return fold(f"{section.heading or ''} {plain_all(section.blocks)}"[:_SAMPLE])
