"""Messages as Discord gets them, read back by a parser of Discord's Markdown that is not ours to bend."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bot.platforms.discord.encode import embedded, posted
from bot.platforms.discord.markdown import ZWSP, tidy
from core.document import (
    Block,
    Break,
    Cited,
    Code,
    Heading,
    Image,
    Item,
    List,
    Paragraph,
    Quote,
    Span,
    Table,
    spans,
)
from core.message import Action, Divider, Message, MessageBlock, Small, to_text
from tests.discord_texts import HOSTILE, anything, flavours, normal
from tests.standins.discord.markdown import FLAVOURS, plain

KEY = "0123456789abcdef01234567"


def paragraph(text: str, **style: Any) -> Paragraph:
    return Paragraph(spans=spans(text, **style))


def bullet(marker: str, text: str) -> List:
    return List(ordered=False, items=(Item(marker=marker, blocks=(paragraph(text),)),))


def say(*blocks: MessageBlock, actions: tuple[Action, ...] = ()) -> Message:
    return Message(title="題", blocks=blocks, actions=actions)


def texts(payload: dict[str, Any]) -> list[str]:
    return [one["content"] for one in payload["components"][-1]["components"] if one["type"] == 10]


def every_block(text: str) -> tuple[MessageBlock, ...]:
    line = " ".join(tidy(text).split())  # of one line, where a block has one
    return (
        Heading(level=1, spans=spans(text)),
        Heading(level=5, spans=spans(text, italic=True)),
        paragraph(text, bold=True, italic=True, strike=True),
        Small(spans=spans(text)),
        List(ordered=True, items=(Item(marker="1.", blocks=(paragraph(text),)), Item(marker=line, blocks=()))),
        Quote(blocks=(paragraph(text), Quote(blocks=(paragraph(text),)))),
        Table(header=True, rows=((spans(line), spans("b")), (spans("c"), spans(line)))),
        Image(url="https://a.example/i.png", alt=text),
        Cited(title=text),
        Code(text=text, language=line),
    )


@pytest.mark.parametrize("flavour", FLAVOURS)
@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_in_every_block(text: str, flavour: str) -> None:
    for one, as_read in zip(every_block(text), every_block(tidy(text)), strict=True):
        assert normal(plain(posted(say(one)), flavour)) == normal(to_text(say(as_read))), one
        assert normal(plain(embedded(say(one), KEY), flavour)) == normal(to_text(say(as_read))), one


# --- whole messages ---


@pytest.mark.parametrize(
    ("blocks", "source"),
    [
        ((Heading(level=2, spans=spans("見出し")), paragraph("本文")), "## 見出し\n本文"),
        ((Heading(level=4, spans=spans("C#")), paragraph("a")), "**C\\#**\na"),
        ((paragraph("a"), paragraph("b"), Small(spans=spans("c\nd"))), "a\n\nb\n-# c\n-# d"),
        ((Heading(level=1, spans=spans("#1")),), "# \\#1"),
        (
            (List(ordered=True, items=(
                Item(marker="1.", blocks=(paragraph("a"), paragraph("b"))),
                Item(marker="（２）", blocks=(bullet("-", "c"),)),
            )),),
            "1\\. a\n\u2003b\n（２） \\- c",
        ),
        ((Quote(blocks=(paragraph("a\nb"), Quote(blocks=(paragraph("c"),)))), paragraph("d")),
         "> a\n> b\n> \\> c\n\nd"),
        ((Cited(title="題", url="https://a.jp/x"),), "[\\[題\\]](<https://a.jp/x>)"),
        ((Table(header=True, rows=((spans("a"), spans("b")), (spans("1"), spans("2")))),), "**a** \\| **b**\n1 \\| 2"),
        ((Code(text="\nx = `1`\n```\n", language="py"),), f"```py\nx = `1`\n`{ZWSP}`{ZWSP}`{ZWSP}\n```"),
        ((paragraph("a"), Break(), paragraph("b")), f"a\n\n{ZWSP}\n\nb"),
        ((Image(url="https://a.jp/i.png", alt="*図*"),), "\\*図\\*"),
        ((), "題"),
        ((paragraph(" \n"),), "題"),
    ],
)  # fmt: skip
def test_blocks(blocks: tuple[MessageBlock, ...], source: str) -> None:
    assert texts(posted(say(*blocks))) == [source]


def test_a_japanese_card() -> None:
    link = "https://essays.example/jp/12"
    card = Message(
        title="「会議」は誰のものか",
        language="ja",
        blocks=(
            Heading(level=1, spans=spans("「会議」は誰のものか", link=link)),
            Small(spans=spans("#12 · 三日月みか · 2026年11月24日")),
            Cited(title="自治体の会議録、公開が進む", url="https://news.example/a_b(1)"),
            Paragraph(spans=(Span(text="これは"), Span(text="「論点」", bold=True), Span(text="である。"))),
            Small(spans=spans("話題: 地方、AI")),
        ),
        actions=(
            Action(id="v1:read:u:-", label="読む", style="primary"),
            Action(id="v1:comment:u:-", label="コメント"),
            Action(id="v1:open:u:-", label="元の記事", url=link),
        ),
    )
    assert posted(card, KEY, mention="42") == {
        "flags": 32768,
        "components": [
            {"type": 10, "content": "<@&42>"},
            {
                "type": 17,
                "id": 0x0123456 + 1,
                "components": [
                    {
                        "type": 10,
                        "id": 0x789ABCD + 1,
                        "content": f"# [「会議」は誰のものか](<{link}>)\n-# \\#12 · 三日月みか · 2026年11月24日\n\n"
                        "[\\[自治体の会議録、公開が進む\\]](<https://news.example/a_b%281%29>)\n\n"
                        "これは**「論点」**である。\n-# 話題: 地方、AI",
                    },
                    {
                        "type": 1,
                        "components": [
                            {"type": 2, "style": 1, "label": "読む", "custom_id": "v1:read:u:-"},
                            {"type": 2, "style": 2, "label": "コメント", "custom_id": "v1:comment:u:-"},
                            {"type": 2, "style": 5, "label": "元の記事", "url": link},
                        ],
                    },
                ],
            },
        ],
        "allowed_mentions": {"parse": [], "replied_user": False, "roles": ["42"]},
    }
    wanted = normal(to_text(card)).replace("(1)", "%281%29")
    assert normal(plain(posted(card, KEY))) == wanted
    form = embedded(card, KEY)
    assert form["embeds"][0]["title"] == "「会議」は誰のものか"
    assert form["embeds"][0]["url"] == f"{link}#rondan-{KEY}"
    assert form["content"] == ""
    assert form["allowed_mentions"] == {"parse": [], "replied_user": False}
    assert normal(plain(form)) == wanted
    assert "flags" not in form


def test_an_english_section() -> None:
    section = Message(
        title="What the minutes say",
        blocks=(
            Quote(blocks=(Paragraph(spans=(Span(text="He said: “No.”", italic=True),)),)),
            Heading(level=2, spans=spans("2. What the minutes say")),
            Paragraph(
                spans=(Span(text="See "), Span(text="the minutes", link="https://a.example/m"), Span(text=": 10:30."))
            ),
            List(ordered=False, items=(Item(marker="•", blocks=(paragraph("one"),)),)),
            Divider(),
            Small(spans=spans("Next: *Votes*", italic=True)),
        ),
        actions=(Action(id="v1:comment:u:2", label="Comment"),),
    )
    [container] = posted(section)["components"]
    assert container["components"] == [
        {
            "type": 10,
            "content": "> *He said: “No.”*\n\n## 2\\. What the minutes say\n"
            "See [the minutes](<https://a.example/m>): 10\\:30\\.\n\n• one",
        },
        {"type": 14, "divider": True, "spacing": 1},
        {"type": 10, "content": f"-# *Next: \\*Votes\\*{ZWSP}*"},
        {"type": 1, "components": [{"type": 2, "style": 2, "label": "Comment", "custom_id": "v1:comment:u:2"}]},
    ]
    assert "id" not in container
    assert normal(plain(posted(section))) == normal(to_text(section))
    assert normal(plain(embedded(section, KEY))) == normal(to_text(section))


_word = st.text(alphabet="abc漢字かな。*_~`<>#-@1.:\\ ", min_size=1, max_size=12).map(lambda text: f"x{text}y")
_link = st.sampled_from([None, None, "https://a.jp/x_y", "https://b.jp/?q=1&r=~"])
_span = st.builds(
    Span, text=_word, bold=st.booleans(), italic=st.booleans(), strike=st.booleans(), code=st.booleans(), link=_link,
    ruby=st.sampled_from([None, "かな"]),
)  # fmt: skip
_spans = st.lists(_span, min_size=1, max_size=3).map(tuple)
_leaf = st.one_of(
    st.builds(Heading, level=st.integers(1, 6), spans=_spans),
    st.builds(Paragraph, spans=_spans),
    st.builds(Cited, title=_word, url=_link),
    st.builds(Table, header=st.booleans(), rows=st.lists(st.lists(_word.map(lambda t: spans(" ".join(t.split()))),
              min_size=1, max_size=2).map(tuple), min_size=1, max_size=2).map(tuple)),
    st.builds(Image, url=st.just("https://a.jp/i.png"), alt=_word),
    st.builds(Code, text=anything.map(lambda text: f"x{tidy(text)}"), language=st.sampled_from(["", "py", "x y"])),
)  # fmt: skip
_block: st.SearchStrategy[Block] = st.recursive(
    _leaf,
    lambda inner: st.one_of(
        st.builds(Quote, blocks=st.lists(inner, min_size=1, max_size=3).map(tuple)),
        st.builds(
            List,
            ordered=st.booleans(),
            items=st.lists(
                st.builds(
                    Item,
                    marker=st.sampled_from(["1.", "-", "*", "•", "（１）", "#"]),
                    blocks=st.lists(inner, min_size=1, max_size=2).map(tuple),
                ),
                min_size=1,
                max_size=2,
            ).map(tuple),
        ),
    ),
    max_leaves=5,
)
messages = st.lists(
    st.one_of(_block, st.builds(Small, spans=_spans), st.just(Divider()), st.just(Break())), max_size=5
).map(lambda blocks: say(*blocks))


@given(messages, flavours)
@example(say(Quote(blocks=(Code(text="```\na"),))), "desktop")
def test_any_message_reads_as_its_plain_text(message: Message, flavour: str) -> None:
    if normal(to_text(message).replace("―", "")):
        assert normal(plain(posted(message, KEY), flavour)) == normal(to_text(message))
