"""What the pieces say under the labels that they use themselves: one sentence a section, word for word.

Labels that several pieces share (結論, "Costs") come first, each with the newest piece on top; of two sentences that
say nearly the same the newer stands, and names the other's piece. Of a person or company as topic only the sections
about it are read, found by its names.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from core.document import Paragraph, words_of
from core.faces import authored, shareable
from core.lines import likeness, pairs
from core.pieces import Piece, Section, Topic
from core.text import fold
from digest.lead import own_sentences, passed_over
from digest.sketch import Account, Point, Verbatim
from digest.summary import pick

MOST = 24
"""Points of a digest."""
SPARE = 12
"""More than those, since some will be merged: each has to be read for its sentence."""
TOGETHER = 3
LINES = 200
"""Sentences of a section that are compared."""
A_PIECE = 3
"""Points of one piece; `ABOUT` of one whose sections about a person or company are gathered."""
ABOUT = 6
ALIKE = 0.6  # share of common pairs of characters from which two sentences say nearly the same


@dataclass(frozen=True, slots=True, kw_only=True)
class _Labelled:
    """A section with a heading, of the piece that is `age` places behind the newest."""

    age: int
    piece: Piece
    section: Section
    lines: tuple[str, ...]  # its running text, what the account of the piece has said left out

    @property
    def label(self) -> str:
        return (self.section.heading or "").strip().rstrip(":：").rstrip()


def points(
    pieces: Sequence[Piece], topic: Topic | None, accounts: Sequence[Account], *, only_about: bool
) -> list[Point]:
    """At most `MOST` points. `only_about`: nothing but the sections about the topic."""
    newest = sorted(pieces, key=lambda piece: (piece.published, piece.number), reverse=True)
    said = {one.text for account in accounts for one in account.sentences}
    about = mention([topic.key, *topic.names.values(), *topic.aliases]) if topic is not None else None
    labelled = [one for age, piece in enumerate(newest) for one in _labelled(age, piece, said)]
    pieces_of: defaultdict[str, set[int]] = defaultdict(set)
    for one in labelled:
        pieces_of[fold(one.label)].add(one.piece.number)
    if about is not None and only_about:
        labelled = [
            one for one in labelled if about.search(fold(one.label)) or any(map(about.search, map(fold, one.lines)))
        ]
    labelled = list(_some_of_each(labelled, pieces_of, about, ABOUT if only_about else A_PIECE))
    labelled = _in_order(labelled, pieces_of)
    said_of = [Point(label=one.label, said=_sentence(one, about)) for one in labelled[: MOST + SPARE]]
    return _unlike(said_of, newest)[:MOST]


def mention(names: Iterable[str]) -> re.Pattern[str]:
    """What finds any of the names in a folded text: Latin words and runs of katakana only as wholes."""
    parts = []
    for name in sorted({fold(one) for one in names if fold(one)}):
        part = re.escape(name)
        for letters in ("a-z0-9", "ァ-ヶー"):
            part = (f"(?<![{letters}])" if re.match(f"[{letters}]", name) else "") + part
            part += f"(?![{letters}])" if re.search(f"[{letters}]$", name) else ""
        parts.append(part)
    return re.compile("|".join(parts) or r"(?!)")


def _labelled(age: int, piece: Piece, said: set[str]) -> Iterable[_Labelled]:
    for section in authored(shareable(piece.outline, piece.text_mode)):
        if not section.heading:
            continue
        lines = [line.strip() for line in own_sentences(section.blocks)]
        if not lines:  # a label over one short line that is no sentence: the line is all that is said
            lines = [words_of(block.spans).strip() for block in section.blocks if isinstance(block, Paragraph)]
        kept = tuple(line for line in lines if line and line not in said and not passed_over(line))
        if kept:
            yield _Labelled(age=age, piece=piece, section=section, lines=kept)


def _some_of_each(
    labelled: Sequence[_Labelled], pieces_of: dict[str, set[int]], about: re.Pattern[str] | None, most: int
) -> Iterable[_Labelled]:
    """Of each piece those that name the topic, then those whose label others use too, then conclusions."""
    of_piece: defaultdict[int, list[_Labelled]] = defaultdict(list)
    for one in labelled:
        of_piece[one.age].append(one)

    def rank(one: _Labelled) -> tuple[bool, bool, bool]:
        named = about is not None and about.search(fold(one.label)) is not None
        return not named, len(pieces_of[fold(one.label)]) < 2, one.section.voice != "conclusion"

    for sections in of_piece.values():
        yield from sorted(sections, key=rank)[:most]


def _in_order(labelled: Sequence[_Labelled], pieces_of: Mapping[str, set[int]]) -> list[_Labelled]:
    """`TOGETHER` of each label, newest first, labels that most pieces use first; then the next so many of each."""
    of_label: defaultdict[str, list[_Labelled]] = defaultdict(list)
    for one in sorted(labelled, key=lambda one: one.age):
        of_label[fold(one.label)].append(one)
    groups = [
        (at // TOGETHER, -len(pieces_of[label]), ones[0].age, label, ones[at : at + TOGETHER])
        for label, ones in of_label.items()
        for at in range(0, len(ones), TOGETHER)
    ]
    return [one for *_, ones in sorted(groups, key=lambda group: group[:4]) for one in ones]


def _sentence(one: _Labelled, about: re.Pattern[str] | None) -> Verbatim:
    lines = [line for line in one.lines if about is not None and about.search(fold(line))] or one.lines
    at = pick(lines[:LINES], one.label, one.piece.language, 1)
    return Verbatim(piece=one.piece.number, text=lines[at[0] if at else 0], section=one.section.key)


def _unlike(found: Sequence[Point], newest: Sequence[Piece]) -> list[Point]:
    """Near-duplicates merged: the newest stands, and names the pieces that say it too."""
    ages: dict[int, int] = {piece.number: age for age, piece in enumerate(newest)}
    kept: list[tuple[Point, set[str]]] = []
    for point in found:
        own = pairs(fold(point.said.text))
        twin = next((at for at, (_, other) in enumerate(kept) if likeness(own, other) >= ALIKE), None)
        if twin is None:
            kept.append((point, own))
            continue
        other, words = kept[twin]
        newer, older = sorted((other, point), key=lambda one: ages[one.said.piece])
        also = {*other.also, *point.also, older.said.piece} - {newer.said.piece}
        merged = replace(newer, also=tuple(sorted(also, key=lambda number: ages[number])))
        kept[twin] = (merged, words if newer is other else own)
    return [point for point, _ in kept]
