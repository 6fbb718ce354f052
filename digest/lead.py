"""The lead of a piece: its first sentences in the author's own words, for cards, lists and link previews."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from core.document import Block, Document, Image, Paragraph, Spans, plain_all, spans, words_of
from core.text import length, shorten
from core.text import sentences as split

_CAPTION = re.compile(
    r"[（(【\[〔<＜〈▲△▼↑→※■●\s]*"
    r"(?:写真|画像|図表?|表|グラフ|イラスト|撮影|出典|出所|提供|資料|文|取材・文"
    r"|photos?|images?|figure|fig\.|illustrations?|sources?|credits?|caption|table|chart|courtesy)"
    r"(?:\s*\d+)?\s*(?:[：:＝=／/｜|）)】\]〕]|はイメージ|by\b|of\b|$)|[▲△▼↑]|[©Ⓒ]|\(c\)",
    re.IGNORECASE,
)
_BESIDE_PICTURE = re.compile(r"\((?:pictured|left|right)\b[^()]*\)|[（(]写真", re.IGNORECASE)
_NOTE = re.compile(  # of the page, in texts whose layout is lost
    r"(?i:published|(?:last )?updated|posted|modified|related|read more|文|取材)\s*[:：]|\d{1,2}:\d\d\s+[A-Z]{2,4}\b"
    r"|(?i:scroll down (?:for|to)\b|click here\b|copyright (?:©|\d))|[©|]"
)
_BYLINE = re.compile(r"(?i:by)\s+[A-Z]")
_QUOTED = re.compile(r"「[^「」]*」|『[^『』]*』|“[^“”]*”|\"[^\"]*\"")
_MARKED_LINE = re.compile(r"\s*(?:[>＞#|]|[-*•・]\s|\d+[.)．）]\s)")
_STOPPED = re.compile(r"[。．.!?！？…][」』）)”\"]*\s*\Z")
_LABEL = 24  # UTF-16 units; a line without a stop up to this long is a date, a byline or a label


def lead(body: Document | Iterable[Block] | str, sentences: int = 2, limit: int = 200) -> str:
    """The first `sentences` sentences on one line of at most `limit` UTF-16 units; "" for an empty body.

    Headings, lists, quotations, captions, bylines and what stands in cards or tables are passed over; of a body that
    has nothing else its plain text is taken. Only whole sentences are given, unless the first is itself too long.
    """
    if isinstance(body, str):
        blocks: tuple[Block, ...] = tuple(
            Paragraph(spans=spans(one)) for one in body.splitlines() if not _MARKED_LINE.match(one)
        )
        whole = body
    else:
        blocks = body.blocks if isinstance(body, Document) else tuple(body)
        whole = plain_all(blocks)
    taken: list[str] = []
    for one in [*own_sentences(blocks)] or split(whole):
        line = " ".join(one.split())
        if not line:
            continue
        if len(taken) == sentences or (taken and length(join([*taken, line])) > limit):
            break
        taken.append(line)
    return shorten(join(taken), limit)


def own_sentences(blocks: Iterable[Block]) -> Iterator[str]:
    """Sentences of the paragraphs that are the author's running text, as they stand there."""
    before: Block | None = None
    for block in blocks:
        if isinstance(block, Paragraph) and _is_running_text(block.spans, after_image=isinstance(before, Image)):
            yield from split(words_of(block.spans))
        before = block


def _is_running_text(run: Spans, *, after_image: bool) -> bool:
    text = words_of(run).strip()
    if not text or _CAPTION.match(text) or _QUOTED.fullmatch(text) or all(span.link for span in run):
        return False
    stopped = _STOPPED.search(text) is not None
    return stopped or not (after_image or length(text) <= _LABEL or _BYLINE.match(text))


def passed_over(line: str) -> bool:
    """Whether a line is a caption, a byline or nothing but somebody's words in quotation marks."""
    line = line.strip()
    return any(rule(line) for rule in (_CAPTION.match, _BESIDE_PICTURE.search, _NOTE.match, _QUOTED.fullmatch))


def join(lines: Sequence[str]) -> str:
    """Sentences as one line: a space between two only after a Latin stop."""
    out = ""
    for line in lines:
        out += f" {line}" if out and out[-1].isascii() else line
    return out
