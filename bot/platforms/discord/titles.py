"""Names of threads and posts, and the titles of cards read back from their messages."""

from __future__ import annotations

import re
from typing import Any

from bot.platforms.discord.markdown import ZWSP
from core.text import shorten

_TEXT = 10  # the type of a component that is text


def name_of(title: str) -> str:
    """The name of a post or thread, which has one line of 1 to 100 characters."""
    return shorten(" ".join(title.split()), 100) or "…"


def title_shown(raw: dict[str, Any]) -> str:
    """The title of a card from its message as Discord gives it; "" if it shows none."""
    texts: list[str] = [embed["title"] for embed in raw.get("embeds") or () if embed.get("title")]
    texts += [embed["description"] for embed in raw.get("embeds") or () if embed.get("description")]
    waiting = list(raw.get("components") or ())
    while waiting:
        one = waiting.pop(0)
        if one.get("type") == _TEXT:
            texts.append(one["content"])
        waiting += one.get("components") or ()
    heading = next((text for text in texts if text.startswith("# ")), texts[0] if texts else "")
    line = re.sub(r"^#+ ", "", heading.partition("\n")[0])
    line = re.sub(r"(?<!\\)\[|(?<!\\)\]\(<[^>]*>\)", "", line)  # a masked link is its words
    return re.sub(r"\\([^A-Za-z0-9\s])", r"\1", line.replace(ZWSP, ""))
