"""Every limit of Discord that a message or form can meet: at it, over it, and cut where a reader does not notice."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.platforms.discord.encode import carries, embedded, fits, modal, paged, posted
from core.document import Code, Heading, Item, List, Paragraph, Quote, Span, Table, spans, words_of
from core.errors import Poison
from core.message import Action, Divider, Field, Form, Message, MessageBlock, Small, to_text
from core.text import graphemes, length
from tests.standins.discord.markdown import plain

KEY = "0123456789abcdef01234567"
COMMENT = Action(id="v1:comment:u:2", label="Comment")


def say(*blocks: MessageBlock, actions: tuple[Action, ...] = ()) -> Message:
    return Message(title="題", blocks=blocks, actions=actions)


def words(text: str, **style: Any) -> Paragraph:
    return Paragraph(spans=spans(text, **style))


def nested(components: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """All components of a message, containers before what they hold."""
    return [each for one in components for each in (one, *nested(one.get("components", [])))]


def inside_all_limits(message: Message) -> bool:
    """What Discord accepts, counted anew from the payload (facts, section 1)."""
    every = nested(posted(message, KEY, mention="123456789012345678901")["components"])
    shown = [one["content"] for one in every if one["type"] == 10]
    strings = [value for one in every for value in one.values() if isinstance(value, str)]
    [embed] = embedded(message, KEY)["embeds"]
    return (
        len(every) <= 40
        and all(shown)
        and sum(map(length, shown)) <= 4000
        and sum(len(one.encode()) for one in strings) <= 9000
        and sum(len(one.encode()) for one in shown) + 12 * len(shown) <= 10170
        and length(embed.get("title", "")) <= 256
        and 1 <= length(embed.get("description", "-")) <= 4096
        and length(embed.get("title", "")) + length(embed.get("description", "")) <= 6000
    )


def most(text: str, *actions: Action) -> int:
    """How often a text fits into one message."""
    low, high = 0, 10_000
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if fits(say(words(text * middle), actions=actions)) else (low, middle)
    return low


@pytest.mark.parametrize(
    ("text", "least"),
    [("a", 3900), ("あ", 2950), ("𠮷", 1950), ("*", 1950), ("\\", 1950), ("é", 3900), ("👩‍👩‍👧‍👦", 340), ("a\n", 1900)],
)
def test_a_message_is_filled_to_the_limit_and_not_over(text: str, least: int) -> None:
    count = most(text)
    assert count >= least
    assert inside_all_limits(say(words(text * count)))
    with pytest.raises(Poison, match=r"too long for Discord: [\d,]+ of 4,000 characters, [\d,]+ of 9,000 bytes"):
        posted(say(words(text * (count + 1))))
    with pytest.raises(Poison):
        embedded(say(words(text * (count + 1))))


def test_the_number_of_components_is_limited() -> None:
    def parts(count: int) -> Message:
        return say(*(one for number in range(count) for one in (words(str(number)), Divider())), actions=(COMMENT,))

    assert fits(parts(18))
    assert inside_all_limits(parts(18))
    assert not fits(parts(19))
    assert all(map(inside_all_limits, paged(parts(100))))
    assert len(nested(posted(say(*(words(str(n)) for n in range(200))))["components"])) == 2, "one text for all"


def test_buttons() -> None:
    def buttons(*actions: Action) -> list[list[dict[str, Any]]]:
        [container] = posted(say(words("a"), actions=actions))["components"]
        return [row["components"] for row in container["components"] if row["type"] == 1]

    rows = buttons(*(Action(id=f"v1:{number}", label=str(number)) for number in range(11)))
    assert [len(row) for row in rows] == [5, 5, 1]
    [[plain_one, primary, danger]] = buttons(
        Action(id="a", label="A"), Action(id="b", label="B", style="primary"), Action(id="c", label="C", style="danger")
    )
    assert [one["style"] for one in (plain_one, primary, danger)] == [2, 1, 4]
    assert buttons(Action(id="a", label="A"), Action(id="a", label="again")) == [
        [{"type": 2, "style": 2, "label": "A", "custom_id": "a"}]
    ]
    [[family]] = buttons(Action(id="a", label="👩‍👩‍👧‍👦" * 20))
    assert length(family["label"]) <= 80
    assert family["label"].removesuffix("…") == "👩‍👩‍👧‍👦" * (len(family["label"]) // 7)
    assert buttons(Action(id="a", label="x" * 80))[0][0]["label"] == "x" * 80
    assert length(buttons(Action(id="a", label="x" * 81))[0][0]["label"]) == 80
    assert buttons(Action(id="a", label=" "))[0][0]["label"] == "…"
    assert buttons(Action(id="x" * 100, label="a"))[0][0]["custom_id"] == "x" * 100
    for bad in ("", "x" * 101):
        with pytest.raises(ValueError, match="1 to 100"):
            buttons(Action(id=bad, label="a"))


@pytest.mark.parametrize(
    ("url", "kept"),
    [
        ("https://a.jp/" + "x" * 499, True),
        ("https://a.jp/" + "x" * 500, False),
        ("http://a.jp", True),
        ("javascript:alert(1)", False),
        ("discord://x", False),
        ("", False),
    ],
)
def test_buttons_that_are_links(url: str, kept: bool) -> None:
    message = say(words("a"), actions=(Action(id="ignored " * 20, label="Open", url=url),))
    [container] = posted(message)["components"]
    wanted = [{"type": 1, "components": [{"type": 2, "style": 5, "label": "Open", "url": url}]}] if kept else []
    assert container["components"][1:] == wanted
    assert embedded(message)["components"] == wanted


def test_an_embed_has_five_rows_and_a_title_that_fits() -> None:
    many = tuple(Action(id=f"v1:{number}", label=str(number)) for number in range(28))
    assert len(embedded(say(words("a"), actions=many))["components"]) == 5
    for size, titled in ((256, True), (257, False)):
        heading = Heading(level=1, spans=spans("x" * size, link="https://a.jp/#there"))
        [embed] = embedded(say(heading), KEY)["embeds"]
        assert ("title" in embed, "description" in embed) == (titled, not titled)
        base = "https://a.jp/" if titled else "https://rondan.invalid/"
        assert embed["url"] == f"{base}#rondan-{KEY}"
    assert embedded(say(words("a")), mention="7")["content"] == "<@&7>"
    assert embedded(say(words("a")))["embeds"] == [{"description": "a"}]
    with pytest.raises(ValueError, match="role"):
        posted(say(words("a")), mention="everyone> @here")


# --- paging ---

FAMILY = "👩‍👩‍👧‍👦"
PROSE = "論点は三つある。「第一に、公開である。」 The second is *time*; the third e\u0301 🇯🇵 が゙ 𠮷野家。"


def squeezed(text: str) -> str:
    return "".join(text.replace("\u200b", "").split())


def pages_of(message: Message) -> tuple[Message, ...]:
    pages = paged(message)
    assert all(inside_all_limits(page) for page in pages)
    assert [page.actions for page in pages[:-1]] == [()] * (len(pages) - 1)
    assert pages[-1].actions == message.actions
    assert {(page.title, page.language) for page in pages} == {(message.title, message.language)}
    return pages


def test_a_message_that_fits_is_one_page() -> None:
    message = say(words("a"), Divider(), actions=(COMMENT,))
    assert paged(message) == (message,)
    assert paged(say()) == (say(),)


@given(
    st.lists(
        st.sampled_from([PROSE, FAMILY * 9, "x" * 700, "* # > \\" * 20, "\n", "長い" * 500]), min_size=1, max_size=30
    )
)
def test_pages_say_the_same_and_break_no_character(parts: list[str]) -> None:
    text = "".join(parts)
    pages = pages_of(say(words(text, bold=True), words(text[:50]), actions=(COMMENT,)))
    shown = [words_of(block.spans) for page in pages for block in page.blocks if isinstance(block, Paragraph)]
    assert "".join(shown) == text + text[:50]
    assert [one for part in shown for one in graphemes(part)] == graphemes(text) + graphemes(text[:50])
    assert len(pages) <= 1 + sum(length(one) * 2 for one in parts) // 1300


@pytest.mark.parametrize(
    "block",
    [
        Small(spans=spans(PROSE * 200)),
        Heading(level=2, spans=spans(PROSE * 200)),
        Quote(blocks=(words(PROSE * 100), words(PROSE * 100))),
        List(ordered=True, items=tuple(Item(marker=f"{n}.", blocks=(words(PROSE * 3),)) for n in range(1, 90))),
        List(ordered=True, items=(Item(marker="（１）", blocks=(words(PROSE * 200), words("after"))),)),
        Table(header=False, rows=tuple((spans(PROSE), spans(str(n))) for n in range(200))),
        Code(text="\n".join(f"x = {n} * `y`" for n in range(1000)), language="py"),
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


def test_what_can_not_be_cut_nicely_is_cut_all_the_same() -> None:
    monster = "e" + "\u0301" * 9000
    [first, *_] = pages_of(say(words(monster)))
    assert fits(first)
    links = Paragraph(spans=tuple(Span(text="字", link=f"https://a.jp/{n}/{'x' * 900}") for n in range(60)))
    assert "".join(squeezed(to_text(page)).count("字") * "字" for page in pages_of(say(links))) == "字" * 60


def test_a_heading_goes_with_what_it_heads_and_pages_have_no_line_at_their_ends() -> None:
    full = words("あ" * 2900)
    pages = pages_of(say(full, Heading(level=2, spans=spans("見出し")), full, Divider(), full, Divider()))
    assert [[type(block).__name__ for block in page.blocks] for page in pages] == [
        ["Paragraph"],
        ["Heading", "Paragraph"],
        ["Paragraph"],
    ]


def test_ten_thousand_blocks_are_paged_at_once() -> None:
    pages = pages_of(say(*(words("短い段落。") for _ in range(10_000))))
    assert len(pages) < 30


# --- forms ---


def test_a_form() -> None:
    form = Form(
        id="v1:comment:u:2",
        title="コメント",
        submit="送る",
        fields=(
            Field(key="text", label="あなたの考え", limit=1000),
            Field(key="name", label="x" * 60, kind="line", required=False, value="みか", limit=9000),
            Field(key="stance", label="立場", kind="choice", choices=(("a", "賛成"), ("d", "反対")), value="d"),
        ),
    )
    assert modal(form) == {
        "custom_id": "v1:comment:u:2",
        "title": "コメント",
        "components": [
            {
                "type": 18,
                "label": "あなたの考え",
                "component": {"type": 4, "custom_id": "text", "style": 2, "required": True, "max_length": 1000},
            },
            {
                "type": 18,
                "label": "x" * 44 + "…",
                "description": "x" * 60,
                "component": {
                    "type": 4,
                    "custom_id": "name",
                    "style": 1,
                    "required": False,
                    "max_length": 4000,
                    "value": "みか",
                },
            },
            {
                "type": 18,
                "label": "立場",
                "component": {
                    "type": 3,
                    "custom_id": "stance",
                    "options": [
                        {"value": "a", "label": "賛成"},
                        {"value": "d", "label": "反対", "default": True},
                    ],
                    "required": True,
                    "min_values": 1,
                    "max_values": 1,
                },
            },
        ],
    }


def test_the_limits_of_a_form() -> None:
    field = Field(key="text", label="a")

    def made(*fields: Field, title: str = "t", form_id: str = "v1:x") -> dict[str, Any]:
        return modal(Form(id=form_id, title=title, submit="s", fields=fields))

    def choice(*choices: tuple[str, str]) -> Field:
        return Field(key="c", label="c", kind="choice", choices=choices)

    assert length(made(field, title="長" * 46)["title"]) == 45
    assert made(field, title="長" * 45)["title"] == "長" * 45
    [label] = made(Field(key="k", label="a", value=FAMILY * 3, limit=30))["components"]
    assert label["component"]["value"] == FAMILY * 2, "no character is broken"
    assert len(made(*(Field(key=str(n), label="a") for n in range(5)))["components"]) == 5
    bad: list[Callable[[], object]] = [
        lambda: made(),
        lambda: made(*[field] * 6),
        lambda: made(field, form_id=""),
        lambda: made(field, form_id="x" * 101),
        lambda: made(Field(key="", label="a")),
        lambda: made(choice()),
        lambda: made(choice(*((str(n), "x") for n in range(26)))),
        lambda: made(choice(("x" * 101, "x"))),
    ]
    for one in bad:
        with pytest.raises(ValueError, match="Discord"):
            one()


# --- the key ---

hex_keys = st.text(alphabet="0123456789abcdef", min_size=24, max_size=24)


@given(hex_keys, hex_keys)
def test_a_message_carries_its_key_and_so_does_an_edit(key: str, other: str) -> None:
    for build in (posted, embedded):
        body = json.loads(json.dumps(build(say(Divider(), words("a"), Divider(), words("b")), key, mention="1")))
        assert carries(body, key)
        assert carries(body, other) == (other[:14] == key[:14] if build is posted else other == key)
        assert carries(build(say(words("edited")), key), key)
    ids = [one["id"] for one in nested(posted(say(words("a")), key)["components"]) if "id" in one]
    assert len(set(ids)) == 2
    assert all(1 <= one < 1 << 31 for one in ids)


def test_the_same_half_twice_gives_two_ids() -> None:
    same = "abcdef0" * 2 + "0" * 10
    assert carries(posted(say(words("a")), same), same)
    assert not carries(posted(say(words("a")), "abcdef0abcdef1" + "0" * 10), "abcdef1abcdef0" + "0" * 10)


def test_other_messages_carry_nothing() -> None:
    for raw in (
        {},
        {"content": f"#rondan-{KEY}", "components": [], "embeds": []},
        {"embeds": [{"url": None}, {"description": f"https://a.jp/#rondan-{KEY}"}]},
        {"components": [{"type": 17, "components": []}, {"type": 10, "id": 5, "content": KEY}]},
        {"components": [{"type": 1, "id": 1, "components": [{"type": 2, "id": 2}]}]},
    ):
        assert not carries(raw, KEY)
    halves = posted(say(words("a")), KEY)
    halves["components"][0]["id"] += 1
    assert not carries(halves, KEY), "only where both match"
    deep = {"components": [{"type": 9, "components": posted(say(words("a")), KEY)["components"]}]}
    assert carries(deep, KEY)
