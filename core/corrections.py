"""What an edit changed, sentence by sentence, as readers are told it. A slip of the pen is no correction. Pure."""

from __future__ import annotations

import difflib
from collections.abc import Sequence

from core.document import plain, words_of
from core.pieces import Changed, Outline
from core.text import fold, sentences

MOST = 5
"""Most changes that are kept of one edit: one that changes more is a new version, and its first changes tell of it."""
_SENTENCES = 800  # of a text that is compared; reading a longer one would hold others up
_LINE = 20_000  # characters of a paragraph that are read
_COMPARED = 400  # characters of a sentence that are looked at letter by letter
_WORD = 4  # letters of a word in which one letter is a slip of the pen


def changes(old: Outline, new: Outline, *, slips: bool = False) -> tuple[Changed, ...]:
    """Sentences that were replaced or taken out, as they were and as they are. What was only added is none.

    `slips`: tell of one-letter changes too.
    """
    before, after = _sentences(old), _sentences(new)
    found: list[Changed] = []
    matcher = difflib.SequenceMatcher(None, before, after)  # its passing over of what is frequent bounds its time
    for kind, first, last, start, end in matcher.get_opcodes():
        if kind in ("replace", "delete"):
            pairs = _paired(before[first:last], after[start:end])
            found += [one for one in pairs if slips or not is_slip(one.before, one.after)]
    return tuple(found[:MOST])


def _sentences(outline: Outline) -> list[str]:
    """The sentences of remarks and sections; what only moved to another section is no change."""
    found: list[str] = []
    for part in outline.parts:
        texts = [words_of(remark.spans) for remark in part.remarks]
        for section in part.sections:
            if section.voice != "offer":
                texts += [section.heading or "", *(plain(block) for block in section.blocks)]
        for text in texts:
            for line in text.split("\n"):
                found += [one.strip() for one in sentences(line[:_LINE], outline.language) if one.strip()]
    return found[:_SENTENCES]


def _paired(old: Sequence[str], new: Sequence[str]) -> list[Changed]:
    """In order; where more were taken out than came, the rest has nothing in its place."""
    return [Changed(before=one, after=new[at] if at < len(new) else "") for at, one in enumerate(old)]


def is_slip(before: str, after: str) -> bool:
    """Whether only spelling differs: width, case, white space, or one letter of a longer word; never a digit."""
    if fold(before) == fold(after):
        return True
    if not after or max(len(before), len(after)) > _COMPARED:
        return False
    edits = [
        (before[a:b], after[c:d], a)
        for kind, a, b, c, d in difflib.SequenceMatcher(None, before, after, autojunk=False).get_opcodes()
        if kind != "equal"
    ]
    if len(edits) != 1:
        return False
    gone, come, at = edits[0]
    letters = gone + come
    if len(gone) > 1 or len(come) > 1 or any(letter.isdigit() for letter in letters):
        return False
    return not letters.isalpha() or (letters.isascii() and _word_at(before, at) >= _WORD)


def _word_at(text: str, at: int) -> int:
    """How many Latin letters the word around a position has."""
    start, end = at, at
    while start > 0 and text[start - 1].isascii() and text[start - 1].isalpha():
        start -= 1
    while end < len(text) and text[end].isascii() and text[end].isalpha():
        end += 1
    return end - start
