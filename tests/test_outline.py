"""The outline: one essay must be understood alike however it is set, and real commentary as its reader does."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from bot.sources import html, markdown, text
from core.document import Document, words_of
from core.outline import outline
from core.pieces import Outline
from tests.samples import essays
from tests.samples.essays import Essay, headed

ESSAYS = essays.load()
BLANK = "<p>&nbsp;</p>"

SETTINGS: dict[str, tuple[Callable[[str], Document], Callable[[Essay], str]]] = {
    "text": (text.parse, essays.text),
    "text, wide gaps": (text.parse, partial(essays.text, gap="\n\n\n\n")),
    "text, ruled": (text.parse, partial(essays.text, gap="\n＊　＊　＊\n\n")),
    "text, CRLF": (text.parse, lambda essay: "\ufeff" + essays.text(essay).replace("\n", "\r\n")),
    "h1 h2 h3, ruled": (html.parse, headed("h1", "h2", "h3", "<hr>")),
    "h2 h3 h4, blank": (html.parse, headed("h2", "h3", "h4", BLANK)),
    "h1 h2 h3, no breaks": (html.parse, headed("h1", "h2", "h3", "")),
    "h1 h3 h3, ruled": (html.parse, headed("h1", "h3", "h3", "<hr>")),
    "h1 h2 h3 dl": (
        html.parse,
        headed("h1", "h2", "h3", "<hr>", lambda line: f"<dl><dt>{line.text.rstrip(' ^')}</dt></dl>"),
    ),
    "bold headings": (html.parse, essays.bold),
    "one div": (html.parse, essays.lines),
    "empty paragraphs": (html.parse, essays.spaced),
    "page": (html.parse, essays.page),
    "markdown": (markdown.parse, essays.markdown),
    "markdown, no breaks": (markdown.parse, partial(essays.markdown, gap="")),
    "markdown, wide gaps": (markdown.parse, partial(essays.markdown, gap="\n\n\n")),
    "markdown, bold": (markdown.parse, partial(essays.markdown, top="**", sub="**")),
}


def understood(whole: Outline) -> dict[str, Any]:
    """An outline as plain data."""
    return {
        "title": whole.title,
        "language": whole.language,
        "cited": [(one.title, one.url) for one in whole.cited],
        "parts": [
            {
                "remarks": [words_of(one.spans) for one in part.remarks],
                "sections": [
                    {
                        "level": one.level,
                        "heading": one.heading,
                        "voice": one.voice,
                        "paragraphs": one.paragraphs,
                        "items": one.items,
                    }
                    for one in part.sections
                ],
            }
            for part in whole.parts
        ],
    }


@pytest.mark.parametrize("setting", SETTINGS)
@pytest.mark.parametrize("essay", ESSAYS, ids=lambda essay: essay.name)
def test_one_essay_in_every_setting(essay: Essay, setting: str) -> None:
    parse, write = SETTINGS[setting]
    found = understood(outline(parse(write(essay))))
    assert json.dumps(found, ensure_ascii=False, indent=1) == json.dumps(
        essays.structure(essay), ensure_ascii=False, indent=1
    )
