"""What a place may be: the rules that the shell and the chats share. Pure; every Refusal names the mend."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import time
from zoneinfo import ZoneInfo

from core.chat import Caller, Layout, Place
from core.errors import Refusal
from core.filters import parse_filter, quoted
from core.speech import LANGUAGES, say
from core.text import fold

LAYOUTS: Mapping[str, tuple[Layout, ...]] = {
    "web": ("card", "thread", "queue"),
    "console": ("card", "thread", "queue"),
    "discord": ("card", "thread", "forum", "follow", "queue"),
    "slack": ("card", "thread", "queue"),
}
"""The platforms there are, and how a place of each may show a piece."""
MODERATORS: Mapping[str, re.Pattern[str]] = {
    "discord": re.compile(r"<?@?[!&]?(\d{15,20})>?"),
    "slack": re.compile(r"(?:<?@|<!subteam\^)?([UWS][A-Z0-9]{5,})(?:\|[^>]*)?>?"),
}
"""Platforms that vouch for who somebody is, and how the id of a person, role or group may be written there."""
WITH_COMMUNITIES = frozenset({"discord"})
"""Platforms of many communities, each with roles that can be mentioned. Any other platform is one community."""
NOBODY = ("none", "off", "なし")
"""How people say that there shall be none."""
BY_HAND = "by hand"
"""`Place.paused` of a place that somebody paused; who, says the log."""
REMOVED = "removed"
"""`Place.paused` of a place that somebody took away: nothing new is posted there, and what stands stays."""


def split_place(address: str) -> tuple[str, str]:
    """`PLATFORM:CHANNEL` as a pair. Refusal with the mend."""
    platform, separator, channel = address.partition(":")
    if not separator or not platform or not channel:
        raise Refusal(f"{address!r} is no place: write PLATFORM:CHANNEL, such as web:general or console:main")
    return platform.lower(), channel


def topics_filter(topics: Iterable[str]) -> str:
    """The filter that takes pieces on any of these topics; "" for none."""
    return " OR ".join(f"topic:{quoted(topic)}" for topic in topics)


def quiet_hours(text: str, language: str = "en") -> tuple[str, str] | None:
    """`22:00-07:00` as a pair; None for `off`."""
    plain = fold(text)
    if plain in ("", "off", "none", "なし"):
        return None
    start, separator, end = plain.replace("〜", "-").replace("~", "-").replace("–", "-").partition("-")
    if not separator:
        raise Refusal(say(language, "place.quiet", value=text))
    return start.strip(), end.strip()


def moderators_in(text: str, place: Place, language: str = "en") -> tuple[str, ...]:
    """The ids of a place's own moderators, as people type or mention them. Refusal for a word that is none."""
    if fold(text) in ("", *NOBODY):
        return ()
    shape = MODERATORS.get(place.platform)
    if shape is None:
        raise Refusal(say(language, "place.moderators-where", value=place.platform))
    found = []
    for word in re.split(r"[\s,、，]+|(?<=>)(?=<)", text.strip()):
        match = shape.fullmatch(word)
        if match is None or match[1] == place.community:  # on Discord that is the role which everyone has
            raise Refusal(say(language, "place.moderators", value=word))
        found.append(match[1])
    return tuple(dict.fromkeys(found))


def check_place(place: Place, language: str = "en") -> None:
    """Refusal, in `language`, for a place that could not work: what is wrong with which option."""
    layouts = LAYOUTS.get(place.platform)
    if layouts is None:
        raise Refusal(say(language, "place.platform", value=place.platform, choices=", ".join(LAYOUTS)))
    if place.layout not in layouts:
        raise Refusal(say(language, "place.layout", value=place.layout, choices=", ".join(layouts)))
    if place.language not in LANGUAGES:
        raise Refusal(say(language, "place.language", value=place.language, choices=", ".join(LANGUAGES)))
    try:
        ZoneInfo(place.zone)
    except (OSError, ValueError, KeyError) as error:
        raise Refusal(say(language, "place.zone", value=place.zone)) from error
    for clock in place.quiet or ():
        try:
            time.fromisoformat(clock)
        except ValueError as error:
            raise Refusal(say(language, "place.clock", value=clock)) from error
    if place.cap is not None and place.cap < 0:
        raise Refusal(say(language, "place.cap"))
    if place.mention and place.platform not in WITH_COMMUNITIES:
        raise Refusal(say(language, "place.mention", value=place.platform))
    parse_filter(place.filter, language)


def may_keep(caller: Caller, place: Place) -> bool:
    """Whether somebody may set a place up: the publication's admins all, a host those of their own community."""
    if "admin" in caller.roles:
        return True
    own = place.platform == caller.platform and place.community == caller.community != ""
    return "host" in caller.roles and own
