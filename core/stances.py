"""What a reaction means to the publication: a scale of stances, each with the emoji that express it.

The scale is a setting such as `agree=👍,➕ disagree=👎 learned=💡 reply=❓`. An emoji is known by its bare form:
Unicode without variation selector and skin tone (Discord), or Slack's short name without `::skin-tone-2`.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass

from core.errors import ConfigError
from core.text import fold

_DRESS = re.compile("[\ufe0e\ufe0f\U0001f3fb-\U0001f3ff]|\u200d[♂♀]")  # text or picture, skin tones, man or woman
_TONE = re.compile(r"::skin-tone-[2-6]$")
_KEY = re.compile(r"[a-z][a-z0-9_-]{0,19}")
_NAME = re.compile(r"[a-z0-9_+'-]{1,100}|<a?:\w+:\d+>|\w{2,32}:\d+")  # Slack's short names, Discord's own emoji

_NAMES = """
👍 +1 thumbsup
👎 -1 thumbsdown
🙆 ok_woman face_with_ok_gesture man-gesturing-ok woman-gesturing-ok
🙅 no_good face_with_no_good_gesture man-gesturing-no woman-gesturing-no
🙋 raising_hand man-raising-hand woman-raising-hand
🙏 pray
🙌 raised_hands
👏 clap
✋ raised_hand hand
👌 ok_hand
⭕ o
❌ x
✅ white_check_mark
☑ ballot_box_with_check
❎ negative_squared_cross_mark
➕ heavy_plus_sign
➖ heavy_minus_sign
💯 100
❤ heart
⭐ star
💡 bulb
👀 eyes
🎓 mortar_board
📚 books
📝 memo pencil
❓ question
❔ grey_question
❗ exclamation heavy_exclamation_mark
🤔 thinking_face
💬 speech_balloon
1⃣ one
2⃣ two
3⃣ three
4⃣ four
5⃣ five
"""
_SLACK = {name: emoji for emoji, *names in map(str.split, _NAMES.split("\n")[1:-1]) for name in names}
"""Slack's short names of the emoji that scales are made of; any other is matched by the name itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stance:
    """One meaning. The first of `emoji` is the one to show; `label` is by language."""

    key: str
    label: Mapping[str, str]
    emoji: tuple[str, ...]

    def name(self, language: str) -> str:
        """Its label in a language, or in any other, or its key."""
        return self.label.get(language) or next(iter(self.label.values()), self.key)


@dataclass(frozen=True, slots=True)
class Scale:
    """The stances of a publication, in the order in which they are shown."""

    stances: tuple[Stance, ...]

    def of(self, emoji: str) -> Stance | None:
        """What a reaction means here: `👍🏽`, `:+1:`, `+1::skin-tone-4`, `thumbsup`; None if nothing."""
        wanted = bare(emoji)
        return next((stance for stance in self.stances if wanted in map(bare, stance.emoji)), None)

    def get(self, key: str) -> Stance | None:
        """The stance with this key."""
        return next((stance for stance in self.stances if stance.key == key), None)


def bare(emoji: str) -> str:
    """The form in which emoji are compared: without colons, tone, selector and gender; names we know as Unicode.

    Discord's own emoji (`<a:name:123>`) become `name:123`.
    """
    name = _TONE.sub("", re.sub(r"^<a?:(.+)>$", r"\1", emoji.strip()).strip(":"))
    return _SLACK.get(name.lower()) or _DRESS.sub("", name)


_LABELS: dict[str, dict[str, str]] = {
    "agree": {"en": "Agree", "ja": "賛成"},
    "disagree": {"en": "Disagree", "ja": "反対"},
    "learned": {"en": "Learned something", "ja": "学びがあった"},
    "reply": {"en": "Would like an answer", "ja": "返事がほしい"},
}

DEFAULT = Scale(
    (
        Stance(key="agree", label=_LABELS["agree"], emoji=("👍", "🙆", "⭕", "➕")),
        Stance(key="disagree", label=_LABELS["disagree"], emoji=("👎", "🙅", "❌", "➖")),
        Stance(key="learned", label=_LABELS["learned"], emoji=("💡",)),
        Stance(key="reply", label=_LABELS["reply"], emoji=("❓", "❔")),
    )
)
"""The scale without a setting. `reply` asks the author for an answer."""


def parse_scale(text: str) -> Scale:
    """A scale from `key=emoji,emoji key=…`; labels other than the built-in go in brackets: `joy(Fun|楽しい)=😄`.

    Empty gives the default. ConfigError names every fault with its place (1 is the first character) and the mend.
    """
    if not text.strip():
        return DEFAULT
    problems: list[str] = []
    stances: list[Stance] = []
    taken: dict[str, str] = {}
    for match in re.finditer(r"(?:\([^)]*\)|（[^）]*）|\S)+", text):
        place = f"Stances, position {match.start() + 1}"
        try:
            stance = _stance(match[0])
        except ValueError as error:
            problems.append(f"{place}: {error}")
            continue
        if any(stance.key == other.key for other in stances):
            problems.append(f"{place}: “{stance.key}” is there twice; join its emoji with commas.")
        for emoji in stance.emoji:
            other = taken.setdefault(bare(emoji), stance.key)
            if other != stance.key:
                problems.append(f"{place}: {emoji} already means “{other}”; keep it in one of them.")
        stances.append(stance)
    if problems:
        raise ConfigError(*problems)
    return Scale(tuple(stances))


def _stance(entry: str) -> Stance:
    """One `key(label)=emoji,…`; ValueError with the fault."""
    head, sign, tail = entry.replace("＝", "=").partition("=")
    if not sign:
        raise ValueError(f"“{entry}” has no “=”; write it like agree=👍.")
    key, _, labels = head.replace("（", "(").partition("(")
    key = fold(key)
    if not _KEY.fullmatch(key):
        raise ValueError(f"“{key}” is no key; use a word of a–z, such as agree.")
    names = [one.strip() for one in labels.rstrip(")）").split("|") if one.strip()]
    label = _LABELS.get(key, {"en": key.capitalize()})
    if names:
        label = {"en": names[0], "ja": names[-1]}
    emoji = tuple(one for one in re.split("[,、，]", tail) if one)
    if not emoji:
        raise ValueError(f"“{key}” has no emoji; write one after “=”.")
    for one in emoji:
        if not _is_emoji(one):
            raise ValueError(f"“{one}” is no emoji; give one such as 👍 or a name such as :+1:.")
    return Stance(key=key, label=label, emoji=emoji)


def _is_emoji(text: str) -> bool:
    """One picture, or a name as Slack and Discord write it. Which pictures exist is theirs to say."""
    if text.isascii():
        return bool(_NAME.fullmatch(text.removeprefix(":").removesuffix(":").lower()))
    symbols = sum(unicodedata.category(char) in ("So", "Sm", "Me") or char in "‼⁉〰" for char in _DRESS.sub("", text))
    return symbols > 0 and len(text) <= 20 and not any(char.isalpha() for char in text)
