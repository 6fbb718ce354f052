"""What Discord's client shows of Markdown: a parser of its own after the ordered rules of simple-markdown.

It is no inverse of our encoder: it tries the rules in order at each position, as the client does. Two flavours, because
clients differ and nobody may rely on one: `desktop` (simple-markdown with Discord's rules; here every styled passage
counts as the start of a line, which is stricter than any client) and `android` (older rules, of SimpleAST: many style
signs are found without heed to escapes, quotes end with their line).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

FLAVOURS = ("desktop", "android")


@dataclass(slots=True)
class Node:
    """`kind` is `text`, a style, a block, or something that acts. `text` is what an inner-most node shows."""

    kind: str
    text: str = ""
    inner: list[Node] = field(default_factory=list)
    target: str = ""


# What acts, or is drawn as more than its characters: nothing of it may come from a text.
ACTS = frozenset(
    [
        "user",
        "role",
        "channel",
        "everyone",
        "emoji",
        "shortcode",
        "timestamp",
        "command",
        "guide",
        "sound",
        "url",
        "mailto",
        "invite",
        "spoiler",
        "underline",
        "list",
        "broken-link",
    ]
)
STYLES = frozenset(["strong", "em", "strike", "code", "link", "autolink", "heading", "subtext", "quote", "codeblock"])


class Unintended(AssertionError):
    """Something would act that the sender never meant."""


_INSIDE = r"(?:\[[^\]]*\]|[^\[\]]|\](?=[^\[]*\]))*"
_TARGET = r"\s*<?((?:\([^)]*\)|[^\s\\]|\\.)*?)>?(?:\s+['\"]([\s\S]*?)['\"])?\s*"
_WORD = "A-Za-z0-9_"  # what JavaScript's \b sees as a word

_COMMON: list[tuple[str, str]] = [
    ("user", r"<@!?(\d+)>"),
    ("role", r"<@&(\d+)>"),
    ("channel", r"<#(\d+)>"),
    ("emoji", r"<a?:\w+:\d+>"),
    ("timestamp", r"<t:-?\d+(?::[tTdDfFR])?>"),
    ("command", r"</[^>\n]+:\d+>"),
    ("guide", r"<id:\w+>|<\d+:[\w-]+(?::\d+)?>"),
    ("sound", r"<sound:\d+:\d+>"),
    ("everyone", r"@(?:everyone|here)"),
    ("shortcode", r":[^\s:]+?(?:::skin-tone-\d)?:"),
]
_RULES: dict[str, list[tuple[str, re.Pattern[str]]]] = {
    flavour: [
        (kind, re.compile(pattern, re.IGNORECASE if kind in ("url", "codeblock") else 0)) for kind, pattern in rules
    ]
    for flavour, rules in {
        "desktop": [
            ("heading", r" *(#{1,3})\s+([^\n]+?)(?:\n|\Z)"),
            ("subtext", r" *-#\s+()([^\n]+?)(?:\n|\Z)"),
            ("list", r" *(?:[*+-]|\d+\.) +[^\n]+"),
            ("quote", r" *>>> +([\s\S]*)| *>(?!>>) +[^\n]*(?:\n *>(?!>>) +[^\n]*)*\n?"),
            ("codeblock", r"```(?:([a-z0-9_+\-.#]+?)\n)?\n*([^\n][\s\S]*?)\n*```"),
            ("escape", r"\\([^0-9A-Za-z\s])"),
            ("autolink", r"<([^: >]+:/[^ >]+)>"),
            ("mailto", r"<([^ >]+@[^ >]+)>|<(\+\d[\d -]+)>"),
            ("url", r"((?:https?|steam|discord|ftp)://[^\s<]+[^<.,:;\"'\]\s])"),
            ("link", rf"\[({_INSIDE})\]\({_TARGET}\)"),
            (
                "em",
                (
                    rf"_((?:__|\\[\s\S]|[^\\_])+?)_(?![{_WORD}])"
                    r"|\*(?=\S)((?:\*\*|\\[\s\S]|\s+(?:\\[\s\S]|[^\s*\\]|\*\*)|[^\s*\\])+?)\*(?!\*)"
                ),
            ),
            ("strong", r"\*\*((?:\\[\s\S]|[^\\])+?)\*\*(?!\*)"),
            ("underline", r"__((?:\\[\s\S]|[^\\])+?)__(?!_)"),
            ("strike", r"~~([\s\S]+?)~~(?!_)"),
            ("code", r"(`+)([\s\S]*?[^`])\1(?!`)"),
            ("spoiler", r"\|\|([\s\S]+?)\|\|"),
            *_COMMON,
            ("text", r"\n *|[\s\S]+?(?=[^0-9A-Za-z\s\u00c0-\U0010ffff]|\n|[A-Za-z0-9_]+:\S|\Z)"),
        ],
        "android": [
            ("escape", r"\\([^0-9A-Za-z\s])"),
            ("strong", r"\*\*([\s\S]+?)\*\*(?!\*)"),
            ("underline", r"__([\s\S]+?)__(?!_)"),
            (
                "em",
                (
                    r"_((?:__|\\[\s\S]|[^\\_])+?)_(?!\w)"  # Java's \b knows Japanese letters
                    r"|\*(?=\S)((?:\\\*|\*\*|\s+(?:[^*\s]|\\\*|\*\*)|[^\s*])+?)(?<!\\)\*(?!\*)"
                ),
            ),
            ("strike", r"~~([\s\S]+?)~~"),
            ("spoiler", r"\|\|([\s\S]+?)\|\|"),
            ("codeblock", r"```(?:([\w+\-.]+?)?(?:\s*\n))?([^\n](?:[\s\S]*?))\n*```"),
            ("code", r"(``?)([\s\S]*?)\1"),
            ("quote", r" *>>> ([\s\S]+)| *>(?!>>) [^\n]+\n?"),
            ("subtext", r"-# (?!-#) *()([^\n]+)\n?"),
            ("heading", r"(#{1,3}) (?!#) *([^\n]+)\n?"),
            ("autolink", r"<([^: >]+:/[^ >]+)>"),
            ("url", r"((?:https?|steam|discord|ftp)://[^\s<]+[^<.,:;\"'\]\s])"),
            ("link", r"\[((?:\\.|[^\]\\])*)\]\(\s*<?([^\s()<>\[\]\\]*)>?\s*\)"),
            ("list", r" *(?:[*+-]|\d+\.) +[^\n]+"),
            *_COMMON,
            ("text", r"\n *|[\s\S]+?(?=[^0-9A-Za-z\s\u00c0-\U0010ffff]|\n| {2,}\n|[A-Za-z0-9_]+:\S|\Z)"),
        ],
    }.items()
}
_AT_LINE_START = frozenset(("heading", "subtext", "list", "quote"))
_BY_LENGTH = {"em": 0.2, "strong": 0.1, "underline": 0.0}  # of these the longest wins, on the desktop
_INVITE = re.compile(r"(?:discord\.gg|discord(?:app)?\.com/invite)/[\w-]+", re.IGNORECASE)


class _Parser:
    def __init__(self, flavour: str) -> None:
        self.flavour = flavour
        self.line_start = True
        self.in_quote = False

    def parse(self, source: str) -> list[Node]:
        nodes: list[Node] = []
        at = 0
        while at < len(source):
            kind, match = self._next(source, at)
            node = getattr(self, f"_{kind}".replace("-", "_"), self._leaf(kind))(match)
            if kind in ("text", "escape"):
                self._move(match[0] if kind == "text" else "\\")
                if nodes and nodes[-1].kind == "text":
                    nodes[-1].text += node.text
                    at = match.end()
                    continue
            elif kind in _AT_LINE_START:
                self.line_start = True
            else:
                self.line_start = False
            nodes.append(node)
            at = match.end()
        return nodes

    def _next(self, source: str, at: int) -> tuple[str, re.Match[str]]:
        found: list[tuple[str, re.Match[str]]] = []
        for kind, pattern in _RULES[self.flavour]:
            if (kind in _AT_LINE_START and not self.line_start) or (kind == "quote" and self.in_quote):
                continue
            match = pattern.match(source, at)
            if match is None or (kind in ("code", "codeblock") and not match[2].strip("`")):
                continue
            if self.flavour == "android" or kind not in _BY_LENGTH:
                return max(found, key=_quality) if found else (kind, match)
            found.append((kind, match))
        raise AssertionError("the text rule takes everything")

    def _move(self, text: str) -> None:
        for char in text:
            self.line_start = char == "\n" or (self.line_start and char.isspace())

    def _inside(self, source: str) -> list[Node]:
        if self.flavour == "desktop":
            self.line_start = True
        return self.parse(source)

    def _leaf(self, kind: str) -> Callable[[re.Match[str]], Node]:
        return lambda match: Node(kind, match[0])

    def _text(self, match: re.Match[str]) -> Node:
        return Node("text", match[0])

    def _escape(self, match: re.Match[str]) -> Node:
        return Node("text", match[1])

    def _heading(self, match: re.Match[str]) -> Node:
        return Node("heading", inner=self._inside(match[2]), target=match[1])

    def _subtext(self, match: re.Match[str]) -> Node:
        return Node("subtext", inner=self._inside(match[2]))

    def _quote(self, match: re.Match[str]) -> Node:
        words = match[1] or re.sub(r"^ *> ?", "", match[0].removesuffix("\n"), flags=re.MULTILINE)
        self.in_quote, self.line_start = True, True
        inner = self.parse(words)
        self.in_quote = False
        return Node("quote", inner=inner)

    def _codeblock(self, match: re.Match[str]) -> Node:
        return Node("codeblock", match[2])

    def _code(self, match: re.Match[str]) -> Node:
        return Node("code", match[2])

    def _autolink(self, match: re.Match[str]) -> Node:
        return Node("autolink", match[1], target=match[1])

    def _link(self, match: re.Match[str]) -> Node:
        inner = self._inside(match[1])
        words = shown(inner, links=False)
        valid = re.match(r"https?://[^\s/?#]", match[2], re.IGNORECASE) and words.strip(" \t\n\u3000\u200b")
        if not valid or "://" in words:  # Discord shows such a one as it was typed
            return Node("broken-link", match[0])
        return Node("link", inner=inner, target=match[2])

    def _styled(self, match: re.Match[str]) -> list[Node]:
        return self._inside(next(group for group in match.groups() if group is not None))

    def _em(self, match: re.Match[str]) -> Node:
        return Node("em", inner=self._styled(match))

    def _strong(self, match: re.Match[str]) -> Node:
        return Node("strong", inner=self._styled(match))

    def _underline(self, match: re.Match[str]) -> Node:
        return Node("underline", inner=self._styled(match))

    def _strike(self, match: re.Match[str]) -> Node:
        return Node("strike", inner=self._styled(match))

    def _spoiler(self, match: re.Match[str]) -> Node:
        return Node("spoiler", inner=self._styled(match))


def _quality(found: tuple[str, re.Match[str]]) -> float:
    kind, match = found
    return len(match[0]) + _BY_LENGTH[kind]


def parse(source: str, flavour: str = "desktop") -> list[Node]:
    """The nodes that a client makes of `source`; Discord trims it first."""
    return _Parser(flavour).parse(source.strip())


def walk(nodes: list[Node]) -> Iterator[Node]:
    for node in nodes:
        yield node
        yield from walk(node.inner)


def kinds(source: str, flavour: str = "desktop") -> set[str]:
    """Every kind of node in `source`, `invite` for an invitation, which Discord finds in the raw text."""
    found = {node.kind for node in walk(parse(source, flavour))}
    return found | ({"invite"} if _INVITE.search(re.sub("<[^ >]+>", "", source)) else set())


def shown(nodes: list[Node], *, links: bool = True) -> str:
    """What a reader sees, quotes with `> ` before each line, addresses behind the words of their links."""
    out = ""
    for number, node in enumerate(nodes):
        following = nodes[number + 1].target if number + 1 < len(nodes) and nodes[number + 1].kind == "link" else None
        words = shown(node.inner, links=links) or node.text
        match node.kind:
            case "link":
                out += words + (f" <{node.target}>" if links and node.target != following else "")
            case "quote":
                out += "\n".join(f"> {line}" for line in words.split("\n")) + "\n"
            case "heading" | "subtext":
                out += f"{words}\n"
            case "codeblock":
                out += f"\n{words}\n"
            case _:
                out += words
    return out


def plain(payload: dict[str, Any], flavour: str = "desktop") -> str:
    """A payload or message object as a reader sees it, lines without blank ones between; buttons are not shown.

    The ping before a container is not shown either. Raises `Unintended` if anything acts that no link is.
    """
    parts: list[str] = []
    for embed in payload.get("embeds") or ():
        if title := embed.get("title"):
            parts.append(
                _checked(title, flavour) + (f" <{embed['url'].partition('#rondan-')[0]}>" if embed.get("url") else "")
            )
        parts.append(_checked(embed.get("description", ""), flavour))
    for top in payload.get("components") or ():
        for one in top.get("components", ()):
            if one["type"] == 10:
                parts.append(_checked(one["content"], flavour))
            elif one["type"] == 14 and one.get("divider", True):
                parts.append("―――")
    lines = "\n".join(parts).replace("\u200b", "").split("\n")
    return "\n".join(line.lstrip("\u2003").rstrip() for line in lines if line.strip())


def _checked(source: str, flavour: str) -> str:
    if acting := kinds(source, flavour) & ACTS:
        raise Unintended(f"{sorted(acting)} in {source!r}")
    return shown(parse(source, flavour))
