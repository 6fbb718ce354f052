"""Our own essays, written once in a small notation and set as text, Markdown and HTML in the ways that blogs do it.

A line's first sign says what it is; a line without one is a paragraph.

    #  the piece's title          >  a remark of the author     1. or ・  a list item
    @  a cited article [| url]    =  a part's own heading       ?  an offer to continue
    !  voice of the sections      -  a sub-heading              ~  a new start without remarks
    ※  a note, a paragraph        +  a label                    :  what begins the comment area
    ^  at a heading's end: its section is the conclusion
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from html import escape
from itertools import groupby
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    sign: str  # one of `# @ ! > = - + 1 ? ~ :` or "p"
    text: str
    mark: str = ""  # a list item's marker
    url: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Essay:
    name: str
    lines: tuple[Line, ...]

    @property
    def japanese(self) -> bool:
        return re.search("[ぁ-ん]", self.lines[0].text) is not None


def load() -> list[Essay]:
    """Every essay, by name."""
    return [
        Essay(name=path.stem, lines=tuple(_lines(path.read_text("utf-8")))) for path in sorted(HERE.glob("*.essay"))
    ]


def _lines(text: str) -> Iterator[Line]:
    for line in text.splitlines():
        if found := re.match(r"(\d+\.|・) (.+)$", line):
            yield Line(sign="1", text=found[2], mark=found[1])
        elif found := re.match(r"([#@!>=+?~:-])(?: (.*))?$", line):
            words, _, url = (found[2] or "").partition(" | ")
            yield Line(sign=found[1], text=words, url=url or None)
        else:
            yield Line(sign="p", text=line)


def structure(essay: Essay) -> dict[str, Any]:
    """What the outline must be, in the form of `understood`."""
    cited: list[tuple[str, str | None]] = []
    parts: list[dict[str, Any]] = []
    voice = "analysis"
    for line in essay.lines:
        if line.sign == "!":
            voice = line.text
        elif line.sign == "@":
            cited.append((line.text, line.url))
        elif line.sign in ">=" and (not parts or parts[-1]["sections"]):
            parts.append({"remarks": [], "sections": []})
        if not parts:
            continue
        sections: list[dict[str, Any]] = parts[-1]["sections"]
        if line.sign == ">":
            parts[-1]["remarks"].append(line.text)
        elif line.sign in "=-+":
            said = "conclusion" if line.text.endswith("^") else voice
            sections.append(_section(1 if line.sign == "=" else 2, line.text.rstrip(" ^"), said))
        elif line.sign == "?":
            sections.append(_section(2, None, "offer"))
        elif line.sign == "1":
            sections[-1]["items"] += 1
        elif line.sign == "p":
            sections[-1]["paragraphs"] += 1
        elif line.sign == "~":
            voice = "analysis"
    title = essay.lines[0].text
    return {"title": title, "language": "ja" if essay.japanese else "en", "cited": cited, "parts": parts}


def _section(level: int, heading: str | None, voice: str) -> dict[str, Any]:
    return {"level": level, "heading": heading, "voice": voice, "paragraphs": 0, "items": 0}


# --- settings: each makes a whole file of an essay ---


def openings(essay: Essay) -> set[int]:
    """The lines with which a part begins: after a break, a remark or the piece's title."""
    out: set[int] = set()
    fresh = False
    for at, line in enumerate(essay.lines):
        if line.sign in ">=" and not fresh and any(one.sign == "=" for one in essay.lines[:at]):
            out.add(at)
        fresh = line.sign == ">" or (fresh and line.sign in "!~")
    return out


def _shown(essay: Essay) -> Iterator[tuple[int, Line]]:
    return ((at, line) for at, line in enumerate(essay.lines) if line.sign not in "!~")


def text(essay: Essay, *, gap: str = "\n\u00a0\n\n\u00a0\n\n") -> str:
    """A line for each paragraph, an empty line between two, `gap` before a part."""
    out: list[str] = []
    anew = openings(essay)
    for at, line in _shown(essay):
        item = f"  {line.mark} {line.text}" if line.sign == "1" else line.text.rstrip(" ^")
        before = essay.lines[at - 1].sign if at else ""
        close = line.sign == "1" and before == "1"
        out.append(f"{gap if at in anew else '' if close else chr(10) if out else ''}{item}\n")
        if line.url:
            out.append(f"{line.url}\n")
    return "".join(out)


Make = Callable[[Line], str]


def _html(essay: Essay, make: dict[str, Make], *, gap: str = "") -> str:
    anew = openings(essay)
    out: list[str] = []
    for items, group in groupby(_shown(essay), key=lambda one: one[1].sign == "1"):
        lines = list(group)
        if items:
            tag = "ol" if lines[0][1].mark[0].isdigit() else "ul"
            out.append(f"<{tag}>" + "".join(f"<li>{escape(line.text)}</li>" for _, line in lines) + f"</{tag}>")
            continue
        for at, line in lines:
            out.append((gap if at in anew else "") + make.get(line.sign, _p)(line))
    return "\n".join(out)


def _words(line: Line) -> str:
    return escape(line.text.rstrip(" ^"))


def _p(line: Line) -> str:
    return f"<p>{_words(line)}</p>"


def _tag(name: str) -> Make:
    return lambda line: f"<{name}>{_words(line)}</{name}>"


def _bold(line: Line) -> str:
    return f"<p><b>{_words(line)}</b></p>"


def _cited(line: Line) -> str:
    return f'<p><a href="{line.url}">{_words(line)}</a></p>' if line.url else _p(line)


def headed(title: str, top: str, sub: str, gap: str, label: Make | None = None) -> Callable[[Essay], str]:
    """HTML with marked headings."""
    make = {"#": _tag(title), "=": _tag(top), "-": _tag(sub), "+": label or _tag(sub), "@": _cited, ":": _tag(top)}
    return lambda essay: _html(essay, make, gap=gap)


def bold(essay: Essay) -> str:
    """HTML in which headings are only bold paragraphs."""
    make = {"#": _tag("h1"), "=": _bold, "-": _bold, "+": _bold, "@": _cited}
    return _html(essay, make, gap="<p>&nbsp;</p><p>&nbsp;</p>")


def lines(essay: Essay) -> str:
    """A blog's editor: one div, `<br><br>` between paragraphs, `&nbsp;` lines between parts, nothing marked."""
    anew = openings(essay)
    out: list[str] = []
    for at, line in _shown(essay):
        words = f"{line.mark} {escape(line.text)}" if line.sign == "1" else _words(line)
        words = f'<a href="{line.url}">{words}</a>' if line.url else words
        close = line.sign == "1" and essay.lines[at + 1].sign == "1"
        out.append(("&nbsp;<br>&nbsp;<br>" if at in anew else "") + words + "<br>" + ("" if close else "<br>"))
    return f'<div class="entry">{"".join(out)}</div>'


def spaced(essay: Essay) -> str:
    """A blog's editor that puts an empty paragraph after every paragraph, two between parts."""
    return re.sub(r"</p>\n", "</p>\n<p>&nbsp;</p>\n", _html(essay, {"@": _cited}, gap="<p>&nbsp;</p>\n<p>&nbsp;</p>\n"))


def page(essay: Essay) -> str:
    """A whole page with all that stands around an article."""
    body = headed("h1", "h2", "h3", "<hr>")(essay)
    return (
        "<!DOCTYPE html><html><head><title>Site</title><script>var a = '<p>no</p>';</script></head>"
        '<body class="post-template comments-open"><header><a href="/">Site</a>'
        "<nav><ul><li>Home</li></ul></nav></header>"
        f'<main><article class="post"><div class="entry-content">{body}</div></article>'
        '<div id="comments"><h3>3 comments</h3><ol class="comment-list"><li>私はそうは思わない</li></ol></div></main>'
        '<aside class="sidebar"><h2>人気記事</h2><ul><li><a href="https://example.net/">別の記事</a></li></ul></aside>'
        "<footer><p>© 2026</p></footer></body></html>"
    )


def markdown(essay: Essay, *, top: str = "##", sub: str = "###", gap: str = "---\n\n") -> str:
    """Markdown; `top` and `sub` are the signs of headings, `**` for bold ones."""
    anew = openings(essay)
    out: list[str] = []
    for at, line in _shown(essay):
        words = line.text.rstrip(" ^")
        before = gap if at in anew else ""
        sign = {"#": "#", "=": top, "-": sub, "+": sub, ":": sub}.get(line.sign, "")
        if line.sign == "1":
            mark = "-" if line.mark == "・" else line.mark
            out.append(f"{mark} {words}\n")
            continue
        if out and re.match(r"(-|\d+\.) ", out[-1]):
            out.append("\n")
        if line.url:
            words = f"[{words}]({line.url})"
        words = re.sub(r"^(\d+)\.", r"\1\\.", words) if sign in ("", "**") else words
        words = f"**{words}**" if sign == "**" else f"{sign} {words}".strip()
        out.append(f"{before}{words}\n\n")
    return "".join(out)
