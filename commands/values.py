"""What the text of an option means, and what could be typed there: one function each, by the kind of the option."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from commands import allowing, reading
from commands.tools import Tools
from core import attached
from core.chat import Caller, Choice
from core.commands import Option
from core.errors import Refusal
from core.message import File
from core.period import parse_period
from core.responses import Voice
from core.speech import say
from core.text import fold, shorten
from storage import comments, pieces

CHOICES = 25
LABEL = 100  # UTF-16 units of a completion's label
RECENT = 200  # newest comments that are looked through for what was typed

PERIODS = ("day", "week", "month", "30d", "today", "yesterday", "this-week", "last-week", "this-month", "new", "all")
NO = ("no", "false", "0", "off", "いいえ")
YES = ("yes", "true", "1", "on", "はい")


async def value_of(tools: Tools, caller: Caller, option: Option, text: str) -> Any:
    """The value that a text stands for. Refusal if it stands for none."""
    match option.kind:
        case "topic":
            topic = await pieces.topic_named(tools.db, text)
            if topic is None:
                raise Refusal(say(caller.language, "topic.none", name=text))
            return topic
        case "piece":
            return await reading.piece_meant(tools, caller, text)
        case "comment":
            return await _comment(tools, caller, text)
        case "period":
            return parse_period(text, caller.language)
        case "number":
            return _number(caller, option, text)
        case "yes":
            if fold(text) not in (*YES, *NO):
                raise Refusal(say(caller.language, "refused.choice", value=text, choices="yes, no"))
            return fold(text) in YES
        case "choice":
            if fold(text) not in option.choices:
                raise Refusal(say(caller.language, "refused.choice", value=text, choices=", ".join(option.choices)))
            return fold(text)
        case "channel" | "role":
            return text.removeprefix("<").lstrip("#@&").removesuffix(">")
        case "file":
            return file_in(caller.language, text)
        case "words" | "query" | "text":
            return text


def file_in(language: str, text: str) -> File:
    """The file that a text stands for. Refusal if it stands for none."""
    found = attached.read(text)
    if found is None:
        raise Refusal(say(language, "file.none", most=attached.MOST))
    return found


async def _comment(tools: Tools, caller: Caller, text: str) -> Voice:
    if text.startswith("@"):
        found = await comments.at_message(tools.db, caller.platform, caller.channel or "", text[1:])
        if found is None:
            raise Refusal(say(caller.language, "mod.no-comment-there"))
        return found
    digits = fold(text).lstrip("#")
    found = await comments.find(tools.db, int(digits)) if digits.isdecimal() and len(digits) < 19 else None
    if found is None:
        raise Refusal(say(caller.language, "mod.no-comment", number=text))
    return found


def _number(caller: Caller, option: Option, text: str) -> int:
    digits = fold(text).lstrip("#")
    if not digits.removeprefix("-").isdecimal():
        why = say(caller.language, "refused.number", value=text)
        raise Refusal(say(caller.language, "refused.value", option=option.name, why=why))
    number = int(digits)
    for bound, name in ((option.least, "refused.least"), (option.most, "refused.most")):
        if bound is not None and (number < bound if name == "refused.least" else number > bound):
            why = say(caller.language, name, value=text, bound=bound)
            raise Refusal(say(caller.language, "refused.value", option=option.name, why=why))
    return number


async def completions(tools: Tools, caller: Caller, option: Option, text: str) -> Sequence[Choice]:
    """At most `CHOICES` values for what was typed so far."""
    typed = fold(text)
    found: list[Choice] = []
    match option.kind:
        case "topic":
            for topic, count in await pieces.all_topics(tools.db):
                names = (topic.key, *topic.names.values(), *topic.aliases)
                if any(typed in fold(name) for name in names):
                    found.append(_choice(topic.name(caller.language), f"{topic.name(caller.language)} ({count})"))
        case "period":
            found = [_choice(one) for one in PERIODS if one.startswith(typed)]
        case "piece":
            hits = await pieces.find_by_words(tools.db, text.lstrip("#"), CHOICES)
            found = [_choice(f"#{number}", f"#{number} {title}") for number, title in hits]
        case "comment":
            audience = reading.audience_of(caller, await reading.caller_place(tools, caller))
            theirs = await allowing.moderates(tools.db, caller)
            for voice in await comments.newest(tools.db, audience, RECENT, moderated=theirs):
                label = f"{voice.comment} {voice.person or '?'}: {' '.join(voice.text.split())}"
                if typed.lstrip("#") in fold(label):
                    found.append(_choice(str(voice.comment), label))
        case "choice":
            found = [_choice(one) for one in option.choices if one.startswith(typed)]
        case "yes":
            found = [_choice(one) for one in ("yes", "no") if one.startswith(typed)]
        case _:
            pass
    return found[:CHOICES]


def _choice(value: str, label: str | None = None) -> Choice:
    return Choice(value=value, label=shorten(label or value, LABEL))
