"""Markdown (CommonMark with tables and strikethrough, and with emphasis right beside Japanese) to a document."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise

from markdown_it import MarkdownIt
from markdown_it.token import Token
from mdit_py_cjk_friendly import cjk_friendly

from bot.sources import html
from bot.sources.text import clean
from core.document import Document
from core.lines import address, bare, gaps, marker

_FENCE = re.compile(r"\A---[ \t]*\n(.*?)\n(?:---|\.\.\.)[ \t]*(?:\n|\Z)", re.S)
_FIELD = re.compile(r"^([A-Za-z][\w-]*)[ \t]*:[ \t]*(.*)$")
_CJK = re.compile(r"[　-〿぀-ヿ㐀-䶿一-鿿豈-﫿＀-｠￠-￦]")

Fields = dict[str, "str | list[str]"]


def _parser() -> MarkdownIt:
    parser = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
    parser.inline.ruler2.disable("fragments_join")  # quadratic, and the HTML reader joins texts anyway
    cjk_friendly(parser)
    return parser


_MARKDOWN = _parser()


def parse(text: str) -> Document:
    """A document from Markdown, without front matter; HTML within it is read as HTML. Never raises.

    Two or more empty lines more than usual are a `Break`, as in plain text.
    """
    lines = clean(text)
    tokens = _MARKDOWN.parse(lines)
    _mark_items(tokens)
    for token in tokens:
        if token.type == "inline" and token.children:
            _mend_breaks(token.children)
    return html.parse(_MARKDOWN.renderer.render(_with_rules(tokens, lines.split("\n")), _MARKDOWN.options, {}))


def front_matter(text: str) -> tuple[Fields, str]:
    """(fields, text without them) of a file that begins with `---` lines of `name: value`.

    Names are lower case; `[a, b]` and lines of `- a` are lists; quotation marks around a value are dropped.
    """
    text = text.removeprefix("\ufeff").replace("\r\n", "\n")
    found = _FENCE.match(text)
    if found is None:
        return {}, text
    fields: Fields = {}
    name = ""
    for line in found[1].split("\n"):
        item = re.match(r"^\s*-\s+(.*)$", line)
        if item and name and not isinstance(fields[name], str):
            fields[name] = [*fields[name], _value(item[1])]
        elif match := _FIELD.match(line):
            name, value = match[1].lower(), match[2].strip()
            listed = value.startswith("[") and value.endswith("]")
            parts = [_value(one) for one in value[1:-1].split(",")] if listed else []
            fields[name] = [one for one in parts if one] if listed or not value else _value(value)
    return fields, text[found.end() :]


def _value(text: str) -> str:
    text = text.strip()
    return text[1:-1] if len(text) > 1 and text[0] == text[-1] and text[0] in "\"'" else text


def _mark_items(tokens: Sequence[Token]) -> None:
    """Give each item of a numbered list the marker as it was typed (`1)`)."""
    for token in tokens:
        if token.type == "list_item_open" and token.info:
            token.attrSet("data-marker", f"{token.info}{token.markup}")


def _mend_breaks(children: list[Token]) -> None:
    """Line ends within a paragraph: none between Japanese, a real one after a bold label or before an address."""
    first = next((at for at, token in enumerate(children) if token.type == "softbreak"), None)
    if first is None:
        return
    types = [one.type for one in children[:first] if one.type != "text" or one.content]
    label = types[:1] == ["strong_open"] and types.count("strong_close") == 1 and types[-1] == "strong_close"
    title = bare(_text(children[:first])) and address(_text(children[first + 1 :])) is not None
    if label or title:
        children[first].type, children[first].tag = "hardbreak", "br"
    before = ""
    for at, token in enumerate(children):
        after = next((one.content for one in children[at + 1 : at + 4] if one.content), "")
        if token.type == "softbreak" and marker(after):
            token.type, token.tag = "hardbreak", "br"  # `・` and `（1）` are no lists to Markdown
        elif token.type == "softbreak" and _CJK.match(before[-1:]) and _CJK.match(after[:1]):
            token.type, token.content = "text", ""
        before = token.content or before


def _text(children: Sequence[Token]) -> str:
    return "".join(one.content for one in children)


def _with_rules(tokens: list[Token], lines: Sequence[str]) -> list[Token]:
    """Tokens with a rule put in where the gap between two blocks is wider than usual."""
    tops = [at for at, token in enumerate(tokens) if token.level == 0 and token.nesting >= 0 and token.map]
    weights: list[int] = []
    for one, two in pairwise(tops):
        end, start = (tokens[one].map or [0, 0])[1], (tokens[two].map or [0, 0])[0]
        while end and not lines[end - 1].strip():
            end -= 1
        weights.append(sum(2 if line else 1 for line in lines[end:start]))
    wide = {at for at, broken in zip(tops[1:], gaps(weights), strict=True) if broken}
    out: list[Token] = []
    for at, token in enumerate(tokens):
        if at in wide:
            out.append(Token("hr", "hr", 0))
        out.append(token)
    return out
