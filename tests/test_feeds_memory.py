"""The memory of items that were read before changes nothing: a feed read with it is what it is without."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from html import escape

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.sources import feeds, formats
from bot.sources.answers import Feed
from core.errors import SourceError

# What an item's text may hold: words, and whatever could make the cut between items fall at the wrong place.
WORDS = st.lists(
    st.sampled_from(
        ["one", "論壇", " two\n", "<b>x</b>", "<p>para</p>", "&amp;", "<item>", "</item>", "<entry>", "</entry>", "]]>",
         "<![CDATA[", "<!--", "-->", "</channel>", "\0", "<item/>"]
    ),
    max_size=4,
).map("".join)  # fmt: skip


@dataclass(frozen=True)
class Item:
    name: int
    title: str
    text: str
    day: int
    link: bool = True
    guid: bool = True
    raw: bool = False  # its text stands in the XML as it is
    cdata: bool = False

    def xml(self, atom: bool) -> str:
        text = self.text if self.raw else f"<![CDATA[{self.text}]]>" if self.cdata else escape(self.text)
        link = f"https://p.example/{self.name}"
        if atom:
            guid = f"<id>tag:{self.name}</id>" if self.guid else ""
            link = f'<link href="{link}"/>' if self.link else ""
            date = f"<updated>2026-11-{self.day:02}T10:00:00Z</updated>"
            return f"<entry>{guid}<title>{escape(self.title)}</title>{link}{date}<content>{text}</content></entry>"
        guid = f"<guid>id-{self.name}</guid>" if self.guid else ""
        link = f"<link>{link}</link>" if self.link else ""
        date = f"<pubDate>{self.day} Nov 2026 10:00:00 GMT</pubDate>"
        return f"<item>{guid}<title>{escape(self.title)}</title>{link}{date}<description>{text}</description></item>\n"


ITEMS = st.builds(
    Item,
    name=st.integers(1, 6),  # few, so that different items take the same names
    title=st.sampled_from(["", "One", "二", "One & two"]),
    text=WORDS,
    day=st.integers(1, 4),
    link=st.booleans(),
    guid=st.booleans(),
    raw=st.sampled_from([False, False, False, True]),
    cdata=st.booleans(),
)


@dataclass(frozen=True)
class Step:
    """How one of the feeds changes before it is read again. `at` chooses an item, `item` is the one that comes."""

    feed: int
    what: str
    at: int
    item: Item
    forget: bool  # the caller does not know one of the items any more

    def applied(self, items: list[Item]) -> list[Item]:
        at = self.at % len(items) if items else 0
        before, after = items[:at], items[at + 1 :]
        match self.what:
            case "add":
                return [self.item, *items]
            case "edit" if items:
                return [*before, replace(items[at], text=self.item.text), *after]
            case "retitle" if items:
                return [*before, replace(items[at], title=self.item.title, day=self.item.day), *after]
            case "rename" if items:
                return [*before, replace(items[at], name=self.item.name), *after]
            case "remove":
                return before + after
            case "turn":
                return items[::-1]
            case "repeat" if items:
                return [*items, items[at]]
        return items


STEPS = st.builds(
    Step,
    feed=st.integers(0, 2),
    what=st.sampled_from(["add", "add", "edit", "retitle", "rename", "remove", "turn", "repeat", "nothing"]),
    at=st.integers(0, 9),
    item=ITEMS,
    forget=st.sampled_from([False, False, True]),
)
URLS = ("https://p.example/rss", "https://q.example/rss", "https://p.example/atom")


def xml(feed: int, items: list[Item]) -> bytes:
    inside = "".join(item.xml(feed == 2) for item in items)
    if feed == 2:
        return f'<feed xmlns="http://www.w3.org/2005/Atom"><title>F</title>{inside}</feed>'.encode()
    return (
        f'<rss version="2.0"><channel><title>F</title><link>https://p.example</link>{inside}</channel></rss>'.encode()
    )


@contextmanager
def memory(items: dict[int, bytes], marks: dict[int, bytes]) -> Iterator[None]:
    """What the process remembers, for a while."""
    before = feeds._items, feeds._marks
    feeds._items, feeds._marks = items, marks
    try:
        yield
    finally:
        feeds._items, feeds._marks = before


@settings(max_examples=100, deadline=None)
@given(start=st.lists(ITEMS, min_size=2, max_size=6), steps=st.lists(STEPS, min_size=2, max_size=12))
def test_reading_with_memory_is_reading_without(start: list[Item], steps: list[Step]) -> None:
    shown = [start, start[::-1], start]
    known: list[dict[str, str]] = [{}, {}, {}]
    items: dict[int, bytes] = {}
    marks: dict[int, bytes] = {}
    for step in steps:
        feed = step.feed
        shown[feed] = step.applied(shown[feed])
        body = xml(feed, shown[feed])

        def read(body: bytes = body, feed: int = feed) -> Feed | str:
            try:
                return feeds.parse_feed(body, "", URLS[feed], known[feed])
            except SourceError as error:
                return error.code

        with memory(items, marks):
            warm = read()
        with memory({}, {}):
            cold = read()
        assert warm == cold
        if isinstance(warm, Feed):
            known[feed].update((one, entry.fingerprint) for entry in warm.entries for one in entry.identities)
        if step.forget and known[feed]:
            del known[feed][sorted(known[feed])[step.at % len(known[feed])]]


def test_the_memory_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else the property above would say nothing."""
    old = [Item(name, "One", f"text {name}", 1) for name in range(1, 6)]
    read: list[int] = []
    original = formats.read

    def counted(text: bytes) -> formats.RawFeed:
        feed = original(text)
        read.append(len(feed.items))
        return feed

    monkeypatch.setattr(formats, "read", counted)
    with memory({}, {}):
        first = feeds.parse_feed(xml(0, old), "", URLS[0], {})
        known = {one: entry.fingerprint for entry in first.entries for one in entry.identities}
        again = feeds.parse_feed(xml(0, [Item(9, "New", "new", 2), *old]), "", URLS[0], known)
    assert read == [5, 1]
    assert ([one.title for one in again.entries], len(again.unchanged)) == (["New"], 5)
