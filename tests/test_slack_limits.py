"""Every limit of Slack that a message can meet: at it, over it, and cut where a reader does not notice."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.platforms.slack.encode import fits, paged, posted, smaller, view
from bot.platforms.slack.richtext import address
from core.document import Code, Heading, Item, List, Paragraph, Quote, Span, Table, spans, words_of
from core.errors import Poison
from core.message import Action, Divider, Message, MessageBlock, Small, to_text
from core.text import graphemes, length
from tests.standins.slack.blocks import check_message
from tests.standins.slack_blocks import plain

KEY = "0123456789abcdef01234567"
COMMENT = Action(id="v1:comment:u:2", label="Comment")
FAMILY = "👩‍👩‍👧‍👦"
PROSE = "論点は三つある。「第一に、公開である。」 The second is <time> & *money*; the third e\u0301 🇯🇵 が゙ 𠮷野家。"


def say(*blocks: MessageBlock, actions: tuple[Action, ...] = (), title: str = "題") -> Message:
    return Message(title=title, blocks=blocks, actions=actions)


def words(text: str, **style: Any) -> Paragraph:
    return Paragraph(spans=spans(text, **style))


def objects(data: Any) -> Iterator[dict[str, Any]]:
    """Every object of a payload."""
    if isinstance(data, dict):
        yield data
    for one in data.values() if isinstance(data, dict) else data if isinstance(data, list) else ():
        yield from objects(one)


def escaped(text: str) -> int:
    return length(text) + 4 * text.count("&") + 3 * (text.count("<") + text.count(">"))


def inside_all_limits(message: Message) -> bool:
    """What Slack accepts, counted anew from the payload (facts, sections 1.1 to 1.3), and checked by the stand-in."""
    payload = posted(message, KEY)
    check_message(payload["blocks"], 9_500, 15_000)
    blocks, every = payload["blocks"], list(objects(payload["blocks"]))
    kinds = [block["type"] for block in blocks]
    buttons = [one for one in every if one.get("type") == "button"]
    ids = [one["action_id"] for one in buttons]
    return (
        1 <= len(blocks) <= 45
        and kinds.count("table") <= 1
        and 1 <= length(payload["text"]) <= 2900
        and sum(escaped(one["text"]) for one in every if isinstance(one.get("text"), str)) <= 9500
        and length(json.dumps(blocks, ensure_ascii=False)) <= 15_000
        and all(one["text"] for one in every if "text" in one)
        and all(length(block["text"]["text"]) <= 150 for block in blocks if block["type"] == "header")
        and all(length(one["text"]) <= 2000 for one in every if one.get("type") in ("plain_text", "mrkdwn"))
        and all(len(block["elements"]) <= 10 for block in blocks if block["type"] == "context")
        and all(1 <= len(block["elements"]) <= 5 for block in blocks if block["type"] == "actions")
        and all(length(one["text"]["text"]) <= 75 for one in buttons)
        and all(len(one["action_id"]) <= 255 and len(one.get("value", "")) <= 2000 for one in buttons)
        and all(length(one.get("url", "")) <= 3000 for one in every)
        and len(ids) == len(set(ids))
    )


def most(text: str, *actions: Action) -> int:
    """How often a text fits into one message."""
    low, high = 0, 20_000
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if fits(say(words(text * middle), actions=actions)) else (low, middle)
    return low


@pytest.mark.parametrize(
    ("text", "count"), [("a", 9500), ("長", 9500), ("𠮷", 4750), ("&", 1900), ("<", 2375), ('"', 7450), ("\x01b", 9500)]
)
def test_as_much_as_fits_and_not_a_letter_more(text: str, count: int) -> None:
    at_most = most(text)
    assert count - 120 < at_most <= count
    assert inside_all_limits(say(words(text * at_most)))
    with pytest.raises(Poison, match="too long for Slack"):
        posted(say(words(text * (at_most + 1))))


def test_marks_and_blocks_have_limits_too() -> None:
    def checkered(count: int) -> Message:
        return say(Paragraph(spans=tuple(Span(text="字", bold=n % 2 == 0) for n in range(count))))

    assert fits(checkered(150))
    with pytest.raises(Poison, match=r"with all marks"):
        posted(checkered(400))
    assert fits(say(*[Divider()] * 44))
    with pytest.raises(Poison, match=r"47 of 45 blocks"):
        posted(say(words("a"), *[Divider()] * 46))


@given(st.text(max_size=40), st.integers(1, 400), st.text(max_size=30), st.integers(1, 200))
def test_the_fallback_is_within_its_limit_at_every_size(text: str, times: int, title: str, title_times: int) -> None:
    payload = posted(paged(say(words(text * times), title=title * title_times))[0])
    assert 1 <= length(payload["text"]) <= 2900
    assert "\n" not in payload["text"]


def test_the_fallback_uses_its_room() -> None:
    assert 2700 < length(posted(say(words("あ、" * 3000)))["text"]) <= 2900
    assert 2000 < length(posted(say(words("&" * 1500)))["text"]) <= 2900


@pytest.mark.parametrize(("size", "kind"), [(150, "header"), (151, "rich_text")])
def test_a_heading_that_is_too_long_for_a_header_is_text(size: int, kind: str) -> None:
    assert posted(say(Heading(level=1, spans=spans("長" * size))))["blocks"][0]["type"] == kind


@pytest.mark.parametrize(("size", "kind"), [(2000, "context"), (2001, "rich_text")])
def test_small_print_that_is_too_long_is_text(size: int, kind: str) -> None:
    assert posted(say(Small(spans=spans("長" * size))))["blocks"][0]["type"] == kind


@pytest.mark.parametrize(
    ("rows", "columns", "kind"), [(100, 1, "table"), (101, 1, "rich_text"), (2, 20, "table"), (2, 21, "rich_text")]
)
def test_a_table_that_is_too_large_is_drawn(rows: int, columns: int, kind: str) -> None:
    table = Table(header=True, rows=(tuple(spans(str(n)) for n in range(columns)),) * rows)
    [block] = posted(say(table))["blocks"]
    assert block["type"] == kind
    assert view(say(table), "a")["blocks"][0]["type"] == "rich_text"


# --- buttons ---


def buttons(*actions: Action) -> list[list[dict[str, Any]]]:
    shown = say(words("a"), actions=actions)
    assert inside_all_limits(shown)
    return [block["elements"] for block in posted(shown)["blocks"] if block["type"] == "actions"]


def test_buttons() -> None:
    rows = buttons(*(Action(id=f"v1:{number}", label=str(number)) for number in range(11)))
    assert [len(row) for row in rows] == [5, 5, 1]
    [[plain_one, primary, danger]] = buttons(
        Action(id="a", label="A"), Action(id="b", label="B", style="primary"), Action(id="c", label="C", style="danger")
    )
    assert "style" not in plain_one
    assert [primary["style"], danger["style"]] == ["primary", "danger"]
    assert [one["text"]["text"] for one in buttons(Action(id="a", label="A"), Action(id="a", label="B"))[0]] == ["A"]
    [[family]] = buttons(Action(id="a", label=FAMILY * 20))
    assert family["text"]["text"].removesuffix("…") == FAMILY * 6
    for label, shown in (("x" * 75, "x" * 75), (" ", "…"), ("x" * 76, "x" * 74 + "…")):
        assert buttons(Action(id="a", label=label))[0][0]["text"]["text"] == shown
    [[entities]] = buttons(Action(id="a", label="&amp;" * 15))
    assert "&amp;" not in entities["text"]["text"]
    assert buttons(Action(id="x" * 255, label="a"))[0][0]["value"] == "x" * 255
    for bad in ("", "x" * 256):
        with pytest.raises(ValueError, match="1 to 255"):
            buttons(Action(id=bad, label="a"))


@pytest.mark.parametrize(
    ("url", "kept"),
    [
        ("https://a.jp/" + "x" * 2987, True),
        ("https://a.jp/" + "x" * 2988, False),
        ("http://a.jp", True),
        ("javascript:alert(1)", False),
        ("slack://x", False),
        ("", False),
    ],
)
def test_buttons_that_are_links(url: str, kept: bool) -> None:
    rows = buttons(Action(id="v1:open", label="Open", url=url))
    label = {"type": "plain_text", "text": "Open", "emoji": False}
    assert rows == ([[{"type": "button", "text": label, "action_id": "v1:open", "url": url}]] if kept else [])


def test_two_links_of_one_id_are_told_apart_and_have_no_value() -> None:
    [row] = buttons(*(Action(id="v1:open", label="Open", url=f"https://a.jp/{n}") for n in range(3)))
    assert [one["action_id"] for one in row] == ["v1:open", "v1:open~2", "v1:open~3"]
    assert all("value" not in one for one in row)


# --- addresses ---


@pytest.mark.parametrize(
    ("url", "sent"),
    [
        ("https://a.jp/x y|z<w>", "https://a.jp/x%20y%7Cz%3Cw%3E"),
        ("http://a.jp", "http://a.jp"),
        ("HTTPS://a.jp/(1)*", "HTTPS://a.jp/(1)*"),
        ("https://日本.jp/論点?q=1#a", "https://日本.jp/論点?q=1#a"),
        ("https://a.jp/\u202e", "https://a.jp/%E2%80%AE"),
        ("https://a.jp/" + "x" * 2987, "https://a.jp/" + "x" * 2987),
        ("https://a.jp/" + "x" * 2988, None),
        ("https://a@b.jp/", None),
        ("https:/a.jp", None),
        ("https:// a", None),
        ("https://a.jp/\x00", None),
        ("javascript:alert(1)", None),
        ("slack://channel?id=C1", None),
        ("mailto:a@b.example", None),
        ("", None),
        (None, None),
    ],
)
def test_addresses(url: str | None, sent: str | None) -> None:
    assert address(url) == sent


# --- paging ---


def squeezed(text: str) -> str:
    return "".join(text.replace("\u200b", "").split())


def pages_of(message: Message, split: Callable[[Message], list[Message]] = paged) -> list[Message]:
    pages = split(message)
    assert all(inside_all_limits(page) for page in pages)
    assert [page.actions for page in pages[:-1]] == [()] * (len(pages) - 1)
    assert pages[-1].actions == message.actions
    assert {(page.title, page.language) for page in pages} == {(message.title, message.language)}
    return pages


def test_a_message_that_fits_is_one_page() -> None:
    message = say(words("a"), Divider(), actions=(COMMENT,))
    assert paged(message) == [message]
    assert paged(say()) == [say()]


@settings(deadline=None, max_examples=40)
@given(
    st.lists(
        st.sampled_from([PROSE * 5, FAMILY * 90, "x" * 1700, "& < > " * 80, "\n", "長い" * 900]),
        min_size=1,
        max_size=20,
    )
)
def test_pages_say_the_same_and_break_no_character(parts: list[str]) -> None:
    text = "".join(parts)
    message = say(words(text, bold=True), words(text[:50]), actions=(COMMENT,))
    for split in (paged, smaller) if length(text) > 500 else (paged,):
        pages = pages_of(message, split)
        shown = [words_of(block.spans) for page in pages for block in page.blocks if isinstance(block, Paragraph)]
        assert squeezed("".join(shown)) == squeezed(text + text[:50])
        assert [one for part in shown for one in graphemes(part) if one.strip()] == [
            one for one in graphemes(text) + graphemes(text[:50]) if one.strip()
        ]
        assert len(pages) <= 4 + sum(map(escaped, parts)) // 3000


@pytest.mark.parametrize(
    "block",
    [
        Small(spans=spans(PROSE * 300)),
        Heading(level=2, spans=spans(PROSE * 300)),
        Quote(blocks=(words(PROSE * 150), words(PROSE * 150))),
        List(ordered=True, items=tuple(Item(marker=f"{n}.", blocks=(words(PROSE * 3),)) for n in range(1, 90))),
        List(ordered=True, items=(Item(marker="（１）", blocks=(words(PROSE * 300), words("after"))),)),
        Table(header=True, rows=tuple((spans(PROSE), spans(str(n))) for n in range(300))),
        Code(text="\n".join(f"x = {n} * `y`" for n in range(2000)), language="py"),
        Paragraph(spans=tuple(Span(text=f"{PROSE} ", link=f"https://a.jp/{n}/{'x' * 400}") for n in range(60))),
    ],
)
def test_every_block_is_cut_to_pages(block: MessageBlock) -> None:
    message = say(words("before"), block, actions=(COMMENT,))
    pages = pages_of(message)
    assert len(pages) > 1
    text = "\n".join(to_text(page) for page in pages)
    for sign in ">", "|":
        text = text.replace(sign, "")
    wanted = to_text(message).replace(">", "").replace("|", "")
    if not isinstance(block, Paragraph):  # a link that is cut is named on both pages
        assert squeezed(text) == squeezed(wanted)
    for page in pages:
        assert plain(posted(page, KEY))


def test_a_table_is_cut_between_rows() -> None:
    pages = pages_of(say(Table(header=True, rows=tuple((spans(PROSE), spans(str(n))) for n in range(300)))))
    tables = [block for page in pages for block in page.blocks]
    assert all(isinstance(table, Table) for table in tables)
    assert [table.header for table in tables if isinstance(table, Table)] == [True] + [False] * (len(tables) - 1)


def test_what_can_not_be_cut_nicely_is_cut_all_the_same() -> None:
    [first, *_] = pages_of(say(words("e" + "\u0301" * 18_000)))
    assert fits(first)
    links = Paragraph(spans=tuple(Span(text="字", link=f"https://a.jp/{n}/{'x' * 2900}") for n in range(60)))
    assert "".join(squeezed(to_text(page)).count("字") * "字" for page in pages_of(say(links))) == "字" * 60
    assert pages_of(say(Table(header=False, rows=((spans("x" * 20_000),),))))


def test_a_heading_goes_with_what_it_heads_and_pages_have_no_line_at_their_ends() -> None:
    full = words("あ" * 7000)
    pages = pages_of(say(full, Heading(level=2, spans=spans("見出し")), full, Divider(), full, Divider()))
    assert [[type(block).__name__ for block in page.blocks] for page in pages] == [
        ["Paragraph"],
        ["Heading", "Paragraph"],
        ["Paragraph"],
    ]


def test_ten_thousand_blocks_are_paged_at_once() -> None:
    pages = pages_of(say(*(words("短い段落。") for _ in range(10_000))))
    assert len(pages) < 12


def test_buttons_that_are_too_many_for_any_message() -> None:
    many = tuple(Action(id=f"v1:{number}", label="x" * 75) for number in range(200))
    for split in (paged, smaller):
        with pytest.raises(Poison):
            split(say(words("a"), actions=many))


def test_smaller_makes_at_least_two_of_anything_that_is_more_than_a_word() -> None:
    for message in (
        say(words("あ" * 9000), actions=(COMMENT,)),
        say(words("段落。" * 20), words("段落。" * 20), actions=(COMMENT,) * 3),
        say(*[words("一")] * 40),
        say(Heading(level=1, spans=spans("題")), words("あ" * 300), Small(spans=spans("い"))),
    ):
        pages = pages_of(message, smaller)
        assert len(pages) >= 2
        whole = length(json.dumps(posted(message)["blocks"], ensure_ascii=False))
        assert all(length(json.dumps(posted(page)["blocks"], ensure_ascii=False)) < whole for page in pages)
    with pytest.raises(Poison, match="any further"):
        smaller(say(words("a")))
    with pytest.raises(Poison, match="any further"):
        smaller(say())
