"""From a feed's bytes to what it shows: identities, fingerprint, document of each item."""

from __future__ import annotations

import html
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import blake2b
from urllib.parse import urljoin

from bot.sources import formats, links
from bot.sources.answers import Feed
from bot.sources.formats import BAD_ITEM, Raw
from core.document import Document, Paragraph, spans
from core.pieces import Found
from core.text import fold

MOST = 500  # items of one feed that are looked at
FINGERPRINT = (
    "1:"  # the version of `fingerprint`; a changed rule gets a new number, and old ones are recomputed quietly
)
_LONG = 500  # characters of an identity before it is written as a hash

# What is not shown. What is never closed goes on to the end, as in a browser, so that no text takes quadratic time.
_NOTHING_SHOWN = re.compile(
    r"<!--.*?(?:-->|\Z)|<(script|style|template)\b[^<>]*>.*?(?:</\1\s*>|\Z)|<r[tp]\b[^<>]*>[^<]*(?:</r[tp]\s*>)?",
    re.S | re.I,
)
# Elements within a line: taking one away or adding it moves no word.
_WITHIN = "a|abbr|b|bdi|bdo|big|cite|code|del|dfn|em|font|i|img|ins|kbd|mark|q|rb|rbc|rtc|ruby|s|samp|small|span|strike"
_INLINE = re.compile(rf"</?(?:{_WITHIN}|strong|sub|sup|time|tt|u|var|wbr)\b(?:\s[^<>]*)?/?>", re.I)
_TAG = re.compile(r"<[/!?A-Za-z][^<>]*>")
_NO_DOCUMENT = Document()
_MARKUP = re.compile(r"</?[A-Za-z][^<>]*>|&(?:\w+|#\d+|#x[\da-fA-F]+);")


@dataclass(slots=True)
class _Item:
    """An item on its way: its rungs are still to be compared with those of its neighbours."""

    raw: Raw
    title: str
    url: str | None
    fingerprint: str
    rungs: list[str]
    remembered: bool = False  # `raw` holds no text

    def found(self, language: str | None, document: Document) -> Found:
        raw = self.raw
        tags = (" ".join(html.unescape(one).split())[:100] for one in raw.tags[:50])
        return Found(
            identities=tuple(self.rungs),
            title=self.title,
            url=self.url,
            author=" ".join(html.unescape(raw.author).split())[:200] or None,
            published=raw.published,
            language=(_language(raw.language) if raw.language else None) or language,
            tags=tuple(dict.fromkeys(filter(None, tags))),
            document=document,
            fingerprint=self.fingerprint,
        )


def parse_feed(
    body: bytes, content_type: str, url: str, known: Mapping[str, str] | None = None, *, documents: bool = True
) -> Feed:
    """What a feed shows. `url` is where it was found after redirects; relative addresses start there.

    `known` maps identities to fingerprints of items already kept: making documents is most of the work, and it is
    done only for the others; with `documents` off (a baseline marks items as seen and shows none) for nothing at all.
    Raises SourceError: `empty`, `not-a-feed`, `too-complex`.
    """
    text = formats.as_utf8(body, content_type)
    parts = formats.parts(text)
    if parts is None or len(parts.items) > MOST:
        feed = _feed(text, None, {}, url, known or {}, documents)
    else:
        old = _remembered(parts, url, known) if known else {}
        feed = _feed(text, parts, old, url, known or {}, documents) or _feed(
            text, parts, {}, url, known or {}, documents
        )
    assert feed is not None  # without old items it never is
    return feed


def _feed(
    text: bytes,
    parts: formats.Parts | None,
    old: dict[int, _Item],
    url: str,
    known: Mapping[str, str],
    documents: bool,
) -> Feed | None:
    """The feed, `old` items (by position) taken as they were. None if one of them is wanted with all its text."""
    if parts is not None and old:
        raw = formats.read(parts.only(item for at, item in enumerate(parts.items) if at not in old))
        if not raw.sound or len(raw.items) != len(parts.items) - len(old):
            return None
    else:
        raw = formats.read(text)
    base = urljoin(url, raw.base) if raw.base else url
    home = links.absolute(raw.link, base) if raw.link else None
    language = _language(raw.language)
    problems = list(raw.problems)

    new = [_item_or_none(one, base) for one in _newest(raw.items, problems)]
    if lost := sum(item is None for item in new):
        problems.append(f"{lost} items without any content were left out")
    if parts is not None and raw.sound and len(new) == len(parts.items) - len(old):
        _remember(parts, url, old, new)

    weak = {"link:" + links.normalised(one) for one in (home, url) if one}
    entries: list[Found] = []
    unchanged: list[tuple[str, ...]] = []
    for item in _told_apart(_merged(new, old), weak):
        if known and any(known.get(rung) == item.fingerprint for rung in item.rungs):
            unchanged.append(tuple(item.rungs))
        elif item.remembered:
            return None
        else:
            document = _document(item.raw, item.url or base) if documents else _NO_DOCUMENT
            entries.append(item.found(language, document))
    return Feed(
        title=_clean_title(raw.title),
        language=language,
        ttl_minutes=raw.ttl,
        link=home,
        entries=tuple(entries),
        unchanged=tuple(unchanged),
        problems=tuple(problems),
    )


def _merged(new: list[_Item | None], old: dict[int, _Item]) -> list[_Item]:
    """Items in the feed's order."""
    rest = iter(new)
    both = (old.get(at) or next(rest) for at in range(len(new) + len(old))) if old else rest
    return [item for item in both if item]


# --- what was read before. Most items of a changed feed are byte for byte what they were, so that neither their XML nor
# their words need to be looked at again. Lost with the process, which costs time only. Keys are hashes keyed by a
# secret of the process, so nobody can aim at a collision. ---

_REMEMBERED = 50_000  # of each; about 30 MB
_items: dict[int, bytes] = {}
_marks: dict[int, bytes] = {}


def _key(root: int, part: bytes) -> int:
    return hash((root, hash(part), len(part)))


def _remembered(parts: formats.Parts, url: str, known: Mapping[str, str]) -> dict[int, _Item]:
    """Items by position that are byte for byte what they were. One is always left to read: a feed shows an item."""
    root = hash((parts.root, url))
    old: dict[int, _Item] = {}
    for at, part in enumerate(parts.items):
        if kept := _items.get(_key(root, part)):
            mark, title, link, published, *rungs = kept.decode().split("\0")
            if known.get(rungs[0]) == mark or any(known.get(rung) == mark for rung in rungs):
                raw = Raw(
                    guid="1" if rungs[0].startswith("guid:") else "",
                    published=datetime.fromisoformat(published) if published else None,
                )
                old[at] = _Item(raw, title, link or None, mark, rungs, True)
        elif not parts.sound(part):
            return {}
    if len(old) == len(parts.items):
        old.pop(0)
    return old


def _remember(parts: formats.Parts, url: str, old: dict[int, _Item], new: list[_Item | None]) -> None:
    """Keep what `_told_apart` asks of items; of all that are new or of none, since one may begin within another."""
    fresh = [part for at, part in enumerate(parts.items) if at not in old]
    if not all(map(parts.sound, fresh)):
        return
    root = hash((parts.root, url))
    if len(_items) + len(fresh) > _REMEMBERED:
        _items.clear()
    for part, item in zip(fresh, new, strict=True):
        if item:
            published = item.raw.published.isoformat() if item.raw.published else ""
            fields = (item.fingerprint, item.title, item.url or "", published, *item.rungs)
            if not any("\0" in one for one in fields):
                _items[_key(root, part)] = "\0".join(fields).encode("utf-8", "surrogatepass")


def fingerprint(title: str, body: str) -> str:
    """What changes exactly when the shown words change: not with dates, attributes, white space, tracking images."""
    raw = hash((hash(body), len(body), hash(title)))
    mark = _marks.get(raw)
    if mark is None:
        if len(_marks) >= _REMEMBERED:
            _marks.clear()
        mark = _marks[raw] = _hash(f"{fold(title)}\0{shown_text(body)}")
    return FINGERPRINT + mark.hex()


def _hash(text: str) -> bytes:
    return blake2b(text.encode("utf-8", "replace"), digest_size=16).digest()


def shown_text(body: str) -> str:
    """The words of HTML, white space collapsed. Far cheaper than a document, and enough to compare."""
    if "<" in body:
        body = _TAG.sub(" ", _INLINE.sub("", _NOTHING_SHOWN.sub("", body)))
    if "&" in body:
        body = html.unescape(body)
    return " ".join(body.split())


# --- one item ---


def _item_or_none(raw: Raw, base: str) -> _Item | None:
    try:
        return _item(raw, base)
    except BAD_ITEM:
        return None


def _item(raw: Raw, base: str) -> _Item | None:
    """None for an item that says nothing at all."""
    url = links.absolute(raw.link.replace("&amp;", "&"), base) if raw.link else None
    title = _clean_title(raw.title)
    if raw.kind == "text":
        raw.body = html.escape(raw.body, quote=False)
    mark = fingerprint(title, raw.body)
    if not title:
        words = shown_text(raw.body)
        title = words if len(words) <= 80 else words[:79].rstrip() + "…"
    if not title and not url:
        return None
    published = raw.published
    rungs = ["guid:" + raw.guid] if raw.guid else []
    if url:
        rungs.append("link:" + links.normalised(url))
    if title and (published or not rungs):
        # The full moment: two of "Open thread" on one day are two.
        rungs.append(f"title:{fold(title)}|{published.isoformat()}" if published else f"title:{fold(title)}")
    return _Item(raw, title or url or "", url, mark, [_short(rung) for rung in rungs])


def _short(rung: str) -> str:
    if len(rung) <= _LONG:
        return rung
    return f"{rung.partition(':')[0]}:#{_hash(rung).hex()}"


def _clean_title(title: str) -> str:
    """A title as plain text: entities read, in-line markup and readings taken off, other `<…>` kept as words."""
    if "<" in title or "&" in title:
        title = _INLINE.sub("", _NOTHING_SHOWN.sub("", html.unescape(title)))
        title = html.unescape(title.replace("<br>", " ").replace("<br/>", " ").replace("<br />", " "))
    return " ".join(title.split())[:500]


def _language(tag: str) -> str | None:
    """`ja`, `en-US`: as written, or None for what is no language tag."""
    return tag if re.fullmatch(r"[A-Za-z]{2,3}(?:-[A-Za-z0-9]{1,8})*", tag) else None


def _document(raw: Raw, base: str) -> Document:
    from bot.sources import html as html_source  # lxml.html is only paid for where there is something new

    body = raw.body
    if not body.strip():
        return _NO_DOCUMENT
    if raw.kind == "text" or not _MARKUP.search(body):
        paragraphs = (part.strip() for part in re.split(r"\n\s*\n", body))
        body = "".join(f"<p>{part.replace(chr(10), '<br>')}</p>" for part in paragraphs if part)
    try:
        return html_source.parse(body, base)
    except BAD_ITEM:
        # The words are worth more than their form.
        return Document(blocks=(Paragraph(spans=spans(shown_text(raw.body))),))


# --- items among each other ---


def _newest(items: list[Raw], problems: list[str]) -> list[Raw]:
    """The 500 newest by date in the feed's order; without dates the first 500, which is how feeds are written."""
    if len(items) <= MOST:
        return items
    problems.append(f"only the newest {MOST} of {len(items)} items were read")
    past = datetime(1970, 1, 1, tzinfo=UTC)
    order = sorted(range(len(items)), key=lambda at: items[at].published or past, reverse=True)
    return [items[at] for at in sorted(order[:MOST])]


def _told_apart(items: Iterable[_Item], weak: set[str]) -> list[_Item]:
    """Drop repeated items, then every rung on which two different ones stand.

    A repetition has another's guid (or, without guids, title and date) *and* its page; the newer one stays. A guid on
    several pages, a home page as every item's link, two "Untitled" of one minute name nothing, so nobody gets that
    rung. An item left without any is known by its title.
    """
    kept: dict[tuple[str, ...], _Item] = {}
    for item in items:
        key = _sameness(item)
        other = kept.get(key)
        if other is None or (item.raw.published or _NEVER) > (other.raw.published or _NEVER):
            kept[key] = item
    counts = Counter(rung for item in kept.values() for rung in item.rungs)
    for item in kept.values():
        strong = [rung for rung in item.rungs if counts[rung] == 1 and rung not in weak]
        item.rungs = strong or [_short(f"title:{fold(item.title)}|{item.url or ''}")]
    return list(kept.values())


_NEVER = datetime(1, 1, 1, tzinfo=UTC)


def _sameness(item: _Item) -> tuple[str, ...]:
    guid_and_link = tuple(rung for rung in item.rungs if not rung.startswith("title:"))
    return guid_and_link if item.raw.guid else (*item.rungs, fold(item.title))
