"""HTML as a plain tree that no input can break: parsed event by event, so neither attributes nor depth cost extra.

libxml2's own tree takes minutes for an element of 100,000 attributes; its events take a blink.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from lxml import etree


def words(text: str) -> frozenset[str]:
    """The words of a text as a set: the short way to write a list of tag names."""
    return frozenset(text.split())


_DEEPEST = 150  # levels kept; what is nested deeper is put into the last of them
_KEPT = words("""
    href src data-src alt title class id start value reversed type role itemprop data-marker hidden style name
    property content
""")
_DROPPED = words("""
    script style noscript template nav form aside footer button input select textarea svg object canvas dialog video
    audio map math link
""")
_PARTING = words("p div li h1 h2 h3 h4 h5 h6 blockquote pre dd dt tr")
_VOID = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ufffe\uffff]|\ufeff")
_BODY = re.compile(
    r"^(entry-?_?(content|body|text|inner)|post-?_?(content|body|text|entry)|article-?_?(content|body|text)|skin-entrybody"
    r"|note-common-styles__textnote-body|hentry-content|e-content|main-?_?(content|text)|content-?body|story-?body)$"
)
_ASIDE = re.compile(
    r"^(js-|skin-|entry-?|post-?|article-?|blog-?)?(comments?([-_]?(list|area|section|box|form|wrap(per)?|body|thread|block))?"
    r"|respond|disqus_thread|sidebar\w*|widgets?([-_]area)?|related([-_]?(posts?|entries|articles?|links?))?|share([-_]?\w+)?"
    r"|sns([-_]\w+)?|social([-_]\w+)?|breadcrumbs?|pager|pagination|navigation|nav|navi|meta|footer|toc|table-of-contents"
    r"|profile|author-?(box|info|bio)?|byline|posted-on|date|tags?|categor(y|ies)|trackbacks?|reblog\w*|iine\w*|likes?"
    r"|ads?|advert\w*|adsbygoogle|newsletter|subscribe|recommend\w*|ranking\w*|prev-?next|screen-reader-text|visually-hidden)$"
)
_UNSEEN = re.compile(r"display\s*:\s*none")
_CARD = re.compile(r"(^|[-_])(ogp|embed|blog-?card|link-?card|card|bookmark)", re.I)


@dataclass(slots=True, eq=False)
class Node:
    """An element. `size` is its letters, `linked` those within links, `links` their distinct addresses (at most 2)."""

    tag: str
    attrs: Mapping[str, str] = field(default_factory=dict)
    children: list[Node | str] = field(default_factory=list)
    size: int = 0
    linked: int = 0
    links: list[str] = field(default_factory=list)

    def names(self) -> list[str]:
        """Its classes and id, lower case."""
        if not self.attrs:  # most elements
            return []
        return f"{self.attrs.get('class', '')} {self.attrs.get('id', '')}".lower().split()

    @property
    def card(self) -> bool:
        """Whether its class says that it is a card of another page."""
        return any(_CARD.search(name) for name in self.names())

    def nodes(self) -> Iterator[Node]:
        """Itself and every element in it, in order."""
        stack = [self]
        while stack:
            node = stack.pop()
            yield node
            stack += [child for child in reversed(node.children) if isinstance(child, Node)]

    def text(self) -> str:
        """Its words, white space collapsed."""
        out: list[str] = []
        stack: list[Node | str] = [self]
        while stack:
            one = stack.pop()
            if isinstance(one, str):
                out.append(one)
            else:
                stack += [" ", *reversed(one.children)] if one.tag == "br" else reversed(one.children)
        return " ".join("".join(out).split())


class _Builder:
    """Receives the parser's events."""

    def __init__(self) -> None:
        self.root = Node(tag="html")
        self.stack = [self.root]  # holds one node several times where the depth is cut
        self.dropped = 0  # open elements since one that is left out
        self.words: list[str] = []  # text since the last tag; it comes in pieces, cut at every entity

    def start(self, tag: str, attrib: Mapping[str, str]) -> None:
        if self.dropped or tag in _DROPPED:
            self.dropped += 1
            return
        self._flush()
        if len(self.stack) > _DEEPEST:
            if tag in _PARTING:
                self.stack[-1].children += [Node(tag="br"), Node(tag="br")]
            self.stack.append(self.stack[-1])
            return
        attrs = {name: value for name, value in attrib.items() if name in _KEPT}
        node = Node(tag=tag, attrs=attrs)
        self.stack[-1].children.append(node)
        self.stack.append(node)

    def end(self, tag: str) -> None:
        if self.dropped:
            self.dropped -= 1
            return
        self._flush()
        if len(self.stack) == 1:
            return
        node = self.stack.pop()
        parent = self.stack[-1]
        if node is parent:
            return
        if node.tag == "a" and node.attrs.get("href"):
            node.linked = node.size
            node.links = [node.attrs["href"]]
        parent.size += node.size
        parent.linked += node.linked
        if len(parent.links) < 2:
            parent.links = list(dict.fromkeys([*parent.links, *node.links]))[:2]

    def data(self, data: str) -> None:
        if not self.dropped:
            self.words.append(data)

    def _flush(self) -> None:
        if self.words:
            text = "".join(self.words)
            self.words.clear()
            node = self.stack[-1]
            node.children.append(text)
            node.size += len("".join(text.split()))

    def comment(self, text: str) -> None:
        """Comments are not part of the text."""

    def close(self) -> Node:
        self._flush()
        while len(self.stack) > 1:
            self.end("")
        return self.root


def grow(html: str) -> Node:
    """The tree of a page or a piece of one; never raises."""
    builder = _Builder()
    # The stubs want a target that takes bytes too; this parser gives text only.
    parser = etree.HTMLParser(encoding="utf-8", target=builder, remove_pis=True, huge_tree=True)  # type: ignore[arg-type]
    try:
        parser.feed(_VOID.sub("", html).encode("utf-8", "replace") or b" ")
        parser.close()
    except etree.XMLSyntaxError:  # nothing in it, or more than the parser takes: what came so far stands
        builder.close()
    return builder.root


def is_aside(node: Node, whole: int) -> bool:
    """Whether an element is beside the text: comments, side bars, buttons. Never what holds half of all words."""
    if node.size * 2 > whole or node.tag in ("html", "body", "h1"):
        return False
    if "hidden" in node.attrs or ("style" in node.attrs and _UNSEEN.search(node.attrs["style"])):
        return True
    return node.tag == "time" or any(_ASIDE.match(name) for name in node.names())


def article(root: Node) -> tuple[Node, str | None]:
    """(the element that holds the piece, its title if that stands outside of it)."""
    nodes = list(root.nodes())
    body = next((node for node in nodes if node.tag == "body"), root)
    least = max(1, body.size * 0.3)
    ranks = (
        [node for node in nodes if node.attrs.get("itemprop") == "articleBody" or any(map(_BODY.match, node.names()))],
        [node for node in nodes if node.tag == "article" and not node.card],
        [node for node in nodes if node.tag == "main" or node.attrs.get("role") == "main"],
    )
    for candidates in ranks:
        best = max(candidates, key=lambda node: node.size, default=None)
        if best is not None and best.size >= least:
            return best, _title_outside(nodes, best)
    return body, None


def _title_outside(nodes: list[Node], inner: Node) -> str | None:
    within = set(map(id, inner.nodes()))
    headings = [node for node in nodes if re.match(r"h[1-6]$", node.tag) and node.size]
    titled = [
        node
        for node in headings
        if node.attrs.get("itemprop") == "headline"
        or any(re.search(r"(entry|post|article)-?_?title", n) for n in node.names())
    ]
    candidates = titled[:1] or [node for node in headings if node.tag == "h1"]
    if len(candidates) != 1 or id(candidates[0]) in within:
        return None
    return candidates[0].text()


def page_title(html: str) -> str | None:
    """What the page calls itself: og:title, else `<title>` without the site's name behind a bar."""
    found: str | None = None
    for node in grow(html).nodes():
        if node.tag == "meta" and node.attrs.get("property") == "og:title" and node.attrs.get("content"):
            return " ".join(node.attrs["content"].split())
        if node.tag == "title" and found is None:
            found = re.split(r"\s[|｜–—-]\s", node.text())[0].strip() or None
    return found
