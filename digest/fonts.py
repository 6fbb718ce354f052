"""The fonts that pictures are drawn with, and whether this machine has them: without them Japanese would be boxes."""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Mapping
from pathlib import Path

FOLDERS = (
    "/usr/share/fonts", "/usr/local/share/fonts", "~/.fonts", "~/.local/share/fonts",
    "/System/Library/Fonts", "/Library/Fonts", "~/Library/Fonts",
)  # fmt: skip
"""Where the library that draws looks for them too."""
JAPANESE = {
    "notosanscjk": "Noto Sans CJK JP", "notosansjp": "Noto Sans JP", "sourcehansans": "Source Han Sans",
    "ipaexg": "IPAexGothic", "ipag": "IPAGothic", "bizudgothic": "BIZ UDGothic", "hiragino": "Hiragino Sans",
}  # fmt: skip
"""Beginnings of file names → the family's name, the best first."""
EMOJI = {"notocoloremoji": "Noto Color Emoji"}
_NEEDED = (
    (JAPANESE, "a Japanese font is missing: apt-get install fonts-noto-cjk (or fonts-ipaexfont-gothic)"),
    (EMOJI, "an emoji font in colour is missing: apt-get install fonts-noto-color-emoji"),
)


def missing() -> list[str]:
    """What is missing for pictures, each with its mend; none if all is there."""
    names = _names()
    return [lack for families, lack in _NEEDED if not _there(families, names)]


def stack() -> str:
    """The families that are there as a list for SVG, the best first."""
    names = _names()
    return ", ".join([f"'{one}'" for one in (*_there(JAPANESE, names), *_there(EMOJI, names))] + ["sans-serif"])


def _there(families: Mapping[str, str], names: Collection[str]) -> list[str]:
    return [family for start, family in families.items() if any(name.startswith(start) for name in names)]


def _names() -> set[str]:
    """Names of font files, lower case, of letters and digits only."""
    return {
        re.sub("[^a-z0-9]", "", name.lower())
        for folder in FOLDERS
        for _, _, files in os.walk(Path(folder).expanduser())
        for name in files
        if name.lower().endswith((".ttf", ".ttc", ".otf", ".otc"))
    }
