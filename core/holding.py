"""Which comments wait until a moderator has looked: by rules that moderators set, from the comments alone. Pure.

What is held depends on what was said when, never on the order in which it was heard: comments may come twice, late and
out of order. Words are compared folded and as they are; there are no patterns, so nothing here can run away.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from core.errors import Refusal
from core.speech import say
from core.text import fold

Kind = Literal["word", "links", "first", "flood", "copies"]
KINDS: tuple[Kind, ...] = ("word", "links", "first", "flood", "copies")
COPIES = timedelta(hours=1)
"""How long saying the same again counts as a copy."""
LONGEST = 86400
MOST_WORD = 100
_LINK = re.compile(r"\bhttps?://|\bwww\.[a-z0-9-]+\.|\bdiscord\.gg/", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One rule, in force for what was said `since` then. `value`: the words; of a flood `5/60`, five in 60 seconds."""

    kind: Kind
    value: str = ""
    since: datetime

    def flood(self) -> tuple[int, timedelta]:
        """How many comments in how long are still none."""
        most, _, seconds = self.value.partition("/")
        return int(most), timedelta(seconds=int(seconds))


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """One comment of a person; `order` (its time, then its message's id) is the same however it was heard."""

    comment: int
    text: str
    at: datetime
    order: tuple[int, str]


def checked(kind: Kind, value: str, language: str) -> str:
    """The value of a rule as it is kept. Refusal if the kind can't have it."""
    match kind:
        case "word":
            words = fold(value).strip()
            if not words or len(words) > MOST_WORD:
                raise Refusal(say(language, "rules.word", most=MOST_WORD))
            return words
        case "flood":
            found = re.fullmatch(r"([0-9]{1,4}) ?/ ?([0-9]{1,5})", fold(value).strip(), re.ASCII)
            if found is None or int(found[1]) < 1 or not 1 <= int(found[2]) <= LONGEST:
                raise Refusal(say(language, "rules.flood", value=value))
            return f"{int(found[1])}/{int(found[2])}"
        case "links" | "first" | "copies":
            return ""


def reach(rules: Iterable[Rule]) -> timedelta:
    """How far back and forth a comment can matter for another of the same person."""
    spans = [one.flood()[1] for one in rules if one.kind == "flood"]
    return max([COPIES if any(one.kind == "copies" for one in rules) else timedelta(), *spans])


def held_for(rules: Sequence[Rule], said: Said, others: Sequence[Said], *, first: bool) -> Kind | None:
    """The kind of rule that holds a comment. `others`: the same person's, within `reach`; `first`: of all of theirs."""
    for kind in KINDS:
        for rule in rules:
            if rule.kind == kind and rule.since <= said.at and _applies(rule, said, others, first=first):
                return kind
    return None


def _applies(rule: Rule, said: Said, others: Sequence[Said], *, first: bool) -> bool:
    before = [one for one in others if one.order < said.order]
    match rule.kind:
        case "word":
            return stands(rule.value, said.text)
        case "links":
            return _LINK.search(fold(said.text)) is not None
        case "first":
            return first
        case "flood":
            most, span = rule.flood()
            return sum(one.at > said.at - span for one in before) >= most
        case "copies":
            text = _plain(said.text)
            return text != "" and any(one.at > said.at - COPIES and _plain(one.text) == text for one in before)


def stands(words: str, text: str) -> bool:
    """Whether folded words stand in a text; letters of the Latin alphabet only as whole words (no `ass` in `class`)."""
    folded = fold(text)
    at = folded.find(words)
    while at >= 0:
        end = at + len(words)
        if not (_joined(folded[at - 1 : at + 1]) or _joined(folded[end - 1 : end + 1])):
            return True
        at = folded.find(words, at + 1)
    return False


def _joined(pair: str) -> bool:
    """Whether two characters side by side are of one word."""
    return len(pair) == 2 and pair.isascii() and pair.isalnum()


def _plain(text: str) -> str:
    return " ".join(fold(text).split())
