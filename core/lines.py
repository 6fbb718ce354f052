"""What a line of text looks like when it is read by itself: heading, sentence, remark, list item, web address.

No structure is decided here: `core.outline` looks at the lines around one.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import groupby, pairwise

from core.document import Block, Break, Cited, Heading, Item, List, Paragraph, Span, Spans, words_of

_QUOTED = re.compile(r"「[^「」]*」|『[^『』]*』|“[^“”]*”|（[^（）]*）|\([^()]*\)|\"[^\"]*\"")
_CLOSERS = "」』”’\"')）]］】〉》*_ "
_ENDS = "。．.!！…‥"
_ASKS = "?？"
_INNER = re.compile(r"[。！？](?=.)|(?<![A-Z\d])[.!?](?=\s+[\"“‘]?[A-Z])")
_POLITE = re.compile(
    r"(です|ます|でした|ました|ません|でしょう|ましょう|ください|ございます|なさい)(か|ね|よ|よね|が|けど|けれど)?$"
)
_OWN = re.compile(
    r"(?<!公)(私|僕|俺|わたし|ぼく|小生|筆者)(?=[はがもをにのとだ、って]|たち|達|自身|から|なら|か)|個人的に|と思う|思った|思える|気がする|気がした|感じる"
    r"|\b(I|I'm|I’m|I've|I’ve|I'd|I’d|I'll|I’ll|[Mm]y|[Mm]e|[Mm]yself|[Mm]ine)\b"
)
_PLAIN = re.compile(
    r"(だ|である|だった|だろう|かも|かもしれない|らしい|ようだ|みたいだ|わけだ|はずだ|のだ|ない|なかった|たい|しい"
    r"|[ぁ-ん一-龠][うくぐすつぬぶむる]|[いっんし]た|[いえきけげせてねべめれ]た|んだ|つもり|べき|よね?|かな|よな|なあ|だね|ですね)$"
)
_TOPIC_NOUN = re.compile(r"[一-龠ァ-ヶーA-Za-z」]は[一-龠ァ-ヶー]{1,5}$")  # 「王は孤独」: a judgement without a verb
_ADDRESS = re.compile(r"^<?(https?://[^\s<>\"]+)>?$")
_NOTE = re.compile(r"^([※＊]|\*\s|注[:：\d）)]|Note:|NB:)")
_MARKER = re.compile(
    r"[ \t　]*(?:(?:\d{1,3}|[０-９]{1,3})(?:[.．)）、](?!\d)|\.(?=\s))|[(（](?:\d{1,3}|[０-９]{1,3})[)）]"
    r"|[①-⑳]|[・•●◦‣⁃](?=.)|[-*+–](?=[ \t　]))[ \t　]*"
)

HEADLINE = 100  # columns; a kanji takes two
_ASKING = 60
_LABEL = 34


def width(text: str) -> int:
    """Columns on a terminal: two for kanji and kana, one for Latin letters; a fair measure of length for both."""
    if text.isascii():
        return len(text)
    return sum(2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in text)


def narrow(text: str, columns: int) -> bool:
    """Whether a text is at most so many columns wide; a long one is not measured."""
    return len(text) <= columns and width(text) <= columns


def unquoted(text: str) -> str:
    """The text with what stands in quotation marks and brackets taken out, two levels deep."""
    return _QUOTED.sub("", _QUOTED.sub("", text))


def ended(text: str) -> bool:
    """Whether the line ends as a sentence does. A quotation mark after the full stop changes nothing."""
    return text.rstrip(_CLOSERS)[-1:] in tuple(_ENDS)


def several(text: str) -> bool:
    """Whether a sentence ends inside the line, outside of quotations."""
    bare = re.sub(r"^\s*\d+[.．]\s*", "", unquoted(text))
    return _INNER.search(bare.rstrip(_CLOSERS)) is not None


def polite(text: str) -> bool:
    """Whether any Japanese sentence of it ends in です・ます."""
    return any(_POLITE.search(one.rstrip(_CLOSERS)) for one in re.split(r"[。！？!?…\n]", unquoted(text)))


def personal(text: str) -> bool:
    """Whether the writer speaks of himself, outside of quotations."""
    return _OWN.search(unquoted(text)) is not None


def predicate(text: str) -> bool:
    """Whether a Japanese line ends in a plain verb, adjective or particle, as no headline of an article does."""
    return _PLAIN.search(text.rstrip(_CLOSERS + _ENDS + _ASKS)) is not None


def bare(text: str) -> bool:
    """Whether it could be a heading by its looks: one short line that is not a sentence, a note or an address."""
    text = text.strip()
    if not text or "\n" in text or not narrow(text, HEADLINE) or not re.search(r"\w", text):
        return False
    if ended(text) or several(text) or text[-1] in "、,，;；" or _NOTE.match(text) or address(text):
        return False
    if text[-1] in "：:":
        return narrow(text, _LABEL)
    return narrow(text, _ASKING) if text[-1] in _ASKS else True


def label(text: str) -> bool:
    """Whether it is short enough for a label over one paragraph."""
    return bare(text) and narrow(text, _LABEL)


def remarkable(text: str) -> bool:
    """Whether a line sounds like the author speaking: sentences, himself, or a plain predicate."""
    return ended(text) or several(text) or personal(text) or predicate(text) or _TOPIC_NOUN.search(text) is not None


def headline(text: str) -> bool:
    """Whether a bare line could be the title of an article: long enough, no sentence, nobody speaking."""
    return bare(text) and width(text) >= 30 and text[-1] not in "：:" and not remarkable(text)


def address(text: str) -> str | None:
    """The web address if the line is nothing else."""
    found = _ADDRESS.match(text.strip()) if "://" in text[:12] and len(text) < 2100 else None
    return found[1] if found else None


def pairs(text: str) -> set[str]:
    """Its pairs of neighbouring characters."""
    return {text[i : i + 2] for i in range(len(text) - 1)}


def likeness(one: set[str], two: set[str]) -> float:
    """Share of common pairs (Jaccard index); two empty texts are not alike."""
    return len(one & two) / len(one | two) if one and two else 0.0


# --- spans ---


def cut(run: Spans, start: int, end: int | None = None) -> Spans:
    """The part of spans between two offsets of their text, style kept, white space at both ends taken off."""
    out: list[Span] = []
    at = 0
    for span in run:
        text = span.text[max(0, start - at) : None if end is None else max(0, end - at)]
        at += len(span.text)
        if text:
            out.append(replace(span, text=text))
    return trimmed(out)


def trimmed(run: Sequence[Span]) -> Spans:
    """Spans without white space at the ends and without empty ones."""
    out = [span for span in run if span.text]
    while out and not out[0].text.strip():
        out.pop(0)
    while out and not out[-1].text.strip():
        out.pop()
    if out and out[0].text[0].isspace():
        out[0] = replace(out[0], text=out[0].text.lstrip())
    if out and out[-1].text[-1].isspace():
        out[-1] = replace(out[-1], text=out[-1].text.rstrip())
    return tuple(out)


def strong(run: Spans) -> bool:
    """Whether all of it is bold."""
    return any(span.text.strip() for span in run) and all(span.bold or not span.text.strip() for span in run)


def rows(run: Spans) -> list[Spans]:
    """The lines of a paragraph with words in them, each as spans."""
    lines: list[list[Span]] = [[]]
    for span in run:
        first, *more = span.text.split("\n")
        lines[-1].append(span if not more else replace(span, text=first))
        lines += [[replace(span, text=text)] for text in more]
    return [words for line in lines if (words := trimmed(line))]


def broken(lines: Sequence[Spans]) -> Spans:
    """Lines as one run, a line break after each but the last."""
    out: list[Span] = []
    for line in lines:
        if out:
            out[-1] = replace(out[-1], text=out[-1].text + "\n")
        out += line
    return fused(out)


def fused(run: Sequence[Span]) -> Spans:
    """Neighbours of one style as one span; a reading stays with its own text."""
    if len(run) < 2:
        return tuple(run)
    out: list[Span] = []
    for (*_, ruby), group in groupby(run, key=_style_of):
        same = list(group)
        out += same if ruby or len(same) == 1 else [replace(same[0], text=words_of(tuple(same)))]
    return tuple(out)


def _style_of(span: Span) -> tuple[bool, bool, bool, bool, str | None, str | None]:
    return span.bold, span.italic, span.strike, span.code, span.link, span.ruby


# --- lists and addresses that were typed by hand ---


def marker(text: str) -> tuple[str, int] | None:
    """(marker as written, offset of the text after it) of a line that could be a list item."""
    found = _MARKER.match(text)
    if found is None or not text[found.end() :].strip():
        return None
    return found[0].strip(), found.end()


def _style(mark: str) -> tuple[str, int | None]:
    """(style, number): items of one list have one style and numbers that go up by one."""
    if mark[0] in "①②③④⑤⑥⑦⑧⑨⑩⑪⑫⑬⑭⑮⑯⑰⑱⑲⑳":
        return "①", int(unicodedata.numeric(mark[0]))
    digits = re.search(r"\d+", mark)
    if digits is None:
        return mark, None
    return re.sub(r"\d+", "", unicodedata.normalize("NFKC", mark)), int(digits[0])


def follows(before: str, after: str) -> bool:
    """Whether two markers are neighbours in one list."""
    (style, number), (other, next_number) = _style(before), _style(after)
    return style == other and (number is None or next_number == number + 1)


def tidy(blocks: Iterable[Block]) -> tuple[Block, ...]:
    """Blocks with typed lists made lists, and an address under a title made a `Cited`.

    A single numbered line is a heading or a sentence, not a list: `1. …` over paragraphs stays a paragraph.
    """
    parts = [part for block in blocks for part in _unmixed(block)]
    return tuple(_with_addresses(_with_lists(_without_lone_numbers(parts))))


def _without_lone_numbers(blocks: list[Block]) -> list[Block]:
    """Markdown makes a list of `1. Heading` over a paragraph: such a short numbered line is a paragraph again."""
    out = list(blocks)
    for at, (block, after) in enumerate(pairwise(blocks)):
        if not isinstance(block, List) or not block.ordered or not isinstance(after, Paragraph) or len(block.items) > 1:
            continue
        mark, inner = block.items[0].marker, block.items[0].blocks
        if len(inner) == 1 and isinstance(inner[0], Paragraph) and bare(words_of(inner[0].spans)):
            out[at] = Paragraph(spans=(Span(text=f"{mark} "), *inner[0].spans))
    return out


def _unmixed(block: Block) -> list[Block]:
    """A paragraph of several lines, two or more of them list items in a row, as its texts and its items."""
    if not isinstance(block, Paragraph) or not any("\n" in span.text for span in block.spans):
        return [block]
    lines = rows(block.spans)
    marks = [marker(words_of(line)) is not None for line in lines]
    if all(marks) or not any(one and two for one, two in pairwise(marks)):
        return [block]
    out: list[Block] = []
    for _, group in groupby(zip(marks, lines, strict=True), key=lambda one: one[0]):
        out.append(Paragraph(spans=broken([line for _, line in group])))
    return out


def _typed(block: Block) -> list[tuple[str, Spans]] | None:
    """(marker, text) of each line of a paragraph whose lines all carry a marker."""
    if not isinstance(block, Paragraph) or not marker(words_of(block.spans[:2])):
        return None
    out: list[tuple[str, Spans]] = []
    for line in rows(block.spans):
        found = marker(words_of(line))
        if found is None:
            return None
        out.append((found[0], cut(line, found[1])))
    return out or None


def _with_lists(blocks: list[Block]) -> Iterator[Block]:
    at = 0
    while at < len(blocks):
        lines = _typed(blocks[at])
        if lines is None:
            yield blocks[at]
            at += 1
            continue
        end = at + 1
        while end < len(blocks) and (more := _typed(blocks[end])) and follows(lines[-1][0], more[0][0]):
            if _heads(more[0][1], lines, blocks[end + 1 : end + 2]):
                break
            lines += more
            end += 1
        one_list = all(follows(first[0], second[0]) for first, second in pairwise(lines))
        if one_list and (len(lines) > 1 or _lone_item(lines[0], blocks[end : end + 1])):
            items = tuple(Item(marker=mark, blocks=(Paragraph(spans=run),)) for mark, run in lines)
            yield List(ordered=_style(lines[0][0])[1] is not None, items=items)
        else:
            yield from blocks[at:end]
        at = end


def _heads(run: Spans, items: Sequence[tuple[str, Spans]], after: Sequence[Block]) -> bool:
    """Whether a numbered line after items is a heading: short, over a paragraph, and not like the items."""
    over = bool(after) and isinstance(after[0], Paragraph) and _typed(after[0]) is None
    return over and bare(words_of(run)) and not all(bare(words_of(words)) for _, words in items)


def _lone_item(line: tuple[str, Spans], after: Sequence[Block]) -> bool:
    """One marked line alone: a bullet is an item; a number is one only if it is a sentence or nothing follows."""
    mark, run = line
    text = words_of(run)
    if _style(mark)[1] is None:
        return not (bare(text) and mark in "●•" and after and isinstance(after[0], Paragraph))
    return not bare(text) and not strong(run)


def _with_addresses(blocks: Iterable[Block]) -> Iterator[Block]:
    held: Paragraph | None = None  # a title that may have its address on the next line
    first = True
    for block in blocks:
        link = address(words_of(block.spans)) if isinstance(block, Paragraph) else None
        if link is None and isinstance(block, Cited) and block.title == block.url:
            link = block.url
        if link:
            if held is not None and not first and headline(words_of(held.spans)):
                yield Cited(title=words_of(held.spans), url=link)
            else:
                yield from (held,) if held else ()
                yield Cited(title=link, url=link)
            held, first = None, False
            continue
        if held is not None:
            yield held
            first = False
        pair = _title_and_address(block)
        held = block if isinstance(block, Paragraph) and not pair else None
        if held is None:
            yield pair or block
            first = first and isinstance(block, Break)
    if held is not None:
        yield held


def _title_and_address(block: Block) -> Cited | None:
    """A paragraph of two lines, the second an address."""
    if not isinstance(block, Paragraph):
        return None
    title, _, rest = words_of(block.spans).partition("\n")
    link = address(rest) if rest else None
    return Cited(title=title.strip(), url=link) if link and bare(title) else None


def gaps(weights: Sequence[int]) -> list[bool]:
    """Which gaps between paragraphs are separators, given how wide each is: those wider than most are."""
    if not weights:
        return []
    common, times = Counter(weights).most_common(1)[0]
    usual = common if times * 2 > len(weights) and len(weights) > 2 else 0
    return [weight > max(usual, 1) for weight in weights]


def marked_heading(text: str) -> tuple[str, str] | None:
    """(sign, heading) of a line such as `■見出し`, `【見出し】` or `## heading`."""
    text = text.strip()
    if found := re.match(r"^(#{1,6})[ \t　]+(\S.*?)[ #]*$", text):
        return found[1], found[2]
    if found := re.match(r"^([■□◆◇▼▽★☆§▶▷])[ \t　]*(\S.*)$", text):
        return (found[1], found[2]) if bare(found[2]) else None
    if found := re.match(r"^【([^【】]+)】$", text):
        return "【", found[1]
    return None


def is_blank(block: Block) -> bool:
    """Whether a paragraph or heading holds no words."""
    return isinstance(block, Paragraph | Heading) and not words_of(block.spans).strip()
