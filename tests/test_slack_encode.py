"""Messages as Slack gets them, read back by a renderer of Slack's blocks that is not ours to bend."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bot.platforms.slack.encode import escape, posted, view
from bot.platforms.slack.richtext import ZWSP, tidy
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
from tests.discord_texts import anything
from tests.slack_texts import HOSTILE, normal
from tests.standins.slack_blocks import Unintended, fallback, plain

KEY = "0123456789abcdef01234567"


def paragraph(text: str, **style: Any) -> Paragraph:
    return Paragraph(spans=spans(text, **style))


def bullet(marker: str, *blocks: Block) -> List:
    return List(ordered=False, items=(Item(marker=marker, blocks=blocks),))


def say(*blocks: MessageBlock, actions: tuple[Action, ...] = (), title: str = "題") -> Message:
    return Message(title=title, blocks=blocks, actions=actions)


def every_block(text: str) -> tuple[MessageBlock, ...]:
    line = " ".join(tidy(text).split())  # of one line, where a block has one
    return (
        Heading(level=1, spans=spans(text)),
        Heading(level=1, spans=spans(line[:100])),
        Heading(level=5, spans=spans(text, italic=True)),
        paragraph(text, bold=True, italic=True, strike=True),
        paragraph(text, code=True),
        Small(spans=spans(text)),
        Small(spans=(*spans(line), *spans("x", link="https://a.jp/"))),
        Small(spans=spans(f"x{line}y", link="https://a.jp/")),
        Paragraph(spans=spans(f"x{text}y", link="https://a.jp/?a=1&b=<2>|")),
        List(ordered=True, items=(Item(marker="1.", blocks=(paragraph(text),)), Item(marker=line, blocks=()))),
        Quote(blocks=(paragraph(text), Quote(blocks=(paragraph(text), Code(text=text))))),
        Table(header=True, rows=((spans(line), spans("b")), (spans("c"), spans(line)))),
        Table(header=True, rows=((spans(line),) * 21,)),
        Image(url="https://a.example/i.png", alt=text),
        Cited(title=text),
        Code(text=text, language=line),
    )


def as_sent(text: str) -> str:
    """Plain text with the addresses as they are sent, percent-encoded."""
    return text.replace("https://a.jp/?a=1&b=<2>|", "https://a.jp/?a=1&b=%3C2%3E%7C")


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_in_every_block(text: str) -> None:
    for one, as_read in zip(every_block(text), every_block(tidy(text)), strict=True):
        for message in (say(one), say(paragraph("before"), one, title=text)):
            wanted = to_text(say(*message.blocks[:-1], as_read))
            payload = posted(message, KEY)
            assert normal(plain(payload)) == normal(as_sent(wanted)), one
            assert normal(plain(view(message, text))) == normal(as_sent(wanted)), one
            assert fallback(payload).strip()


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_in_titles_and_labels(text: str) -> None:
    message = say(paragraph("a"), actions=(Action(id="v1:x", label=text),), title=text)
    assert plain(posted(message)) == "a"
    assert normal(fallback(posted(message))) == normal(" ".join(f"{text} ― a".split()))
    assert view(message, text)["title"]["emoji"] is False


@given(anything)
def test_an_escaped_text_is_that_text(text: str) -> None:
    escaped = escape(text)
    assert escaped.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&") == tidy(text)
    assert not set("<>") & set(escaped)


@given(anything)
def test_the_fallback_of_any_text_is_one_line_and_acts_in_no_way(text: str) -> None:
    fallback(posted(say(paragraph(text), title=text)))


def test_the_renderer_is_not_lenient() -> None:
    def drawn(block: dict[str, Any]) -> None:
        plain({"blocks": [block]})

    def small(text: str, **more: object) -> dict[str, Any]:
        return {"type": "context", "elements": [{"type": "mrkdwn", "text": text, **more}]}

    for text in (
        "<!here>",
        "<@U1>",
        "<#C1|x>",
        "a > b",
        "&gt; a",
        "a *b* c",
        "_b_",
        ":smile:",
        "<javascript:x|y>",
        "`a`",
    ):
        with pytest.raises(Unintended):
            drawn(small(text, verbatim=True))
    for text in ("@here", "see #general", "https://a.b", "www.a.b"):
        drawn(small(text, verbatim=True))
        with pytest.raises(Unintended):
            drawn(small(text))
        with pytest.raises(Unintended):
            fallback({"text": text})
    for element in (
        {"type": "user", "user_id": "U1"},
        {"type": "broadcast", "range": "here"},
        {"type": "emoji", "name": "smile"},
        {"type": "channel", "channel_id": "C1"},
        {"type": "link", "url": "slack://x", "text": "x"},
        {"type": "text", "text": ""},
    ):
        with pytest.raises(Unintended):
            drawn({"type": "rich_text", "elements": [{"type": "rich_text_section", "elements": [element]}]})
    with pytest.raises(Unintended):
        drawn({"type": "header", "text": {"type": "plain_text", "text": "a :smile:"}})
    with pytest.raises(Unintended):
        drawn({"type": "section", "text": {"type": "plain_text", "text": "a"}})


# --- blocks ---


def text(words: str, *styles: str) -> dict[str, Any]:
    return {"type": "text", "text": words, **({"style": dict.fromkeys(styles, True)} if styles else {})}


def link(url: str, words: str, *styles: str) -> dict[str, Any]:
    return text(words, *styles) | {"type": "link", "url": url}


def rich(*parts: dict[str, Any]) -> dict[str, Any]:
    return {"type": "rich_text", "elements": list(parts)}


def section(*elements: dict[str, Any]) -> dict[str, Any]:
    return {"type": "rich_text_section", "elements": list(elements)}


def quote(*elements: dict[str, Any]) -> dict[str, Any]:
    return {"type": "rich_text_quote", "elements": list(elements)}


def code(words: str) -> dict[str, Any]:
    return {"type": "rich_text_preformatted", "elements": [text(words)]}


def header(words: str) -> dict[str, Any]:
    return {"type": "header", "text": {"type": "plain_text", "text": words, "emoji": False}}


def small(words: str) -> dict[str, Any]:
    return {"type": "context", "elements": [{"type": "plain_text", "text": words, "emoji": False}]}


def linked_small(words: str) -> dict[str, Any]:
    return {"type": "context", "elements": [{"type": "mrkdwn", "text": words, "verbatim": True}]}


AT = "https://a.jp/x?a=1&b=2"
TWO = Table(header=True, rows=((spans("a"), spans("漢字")), (spans("長い", link=AT), spans("1"))))


@pytest.mark.parametrize(
    ("blocks", "shown"),
    [
        ((Heading(level=1, spans=spans("見出し")), paragraph("本文")), [header("見出し"), rich(section(text("本文")))]),
        ((Heading(level=1, spans=spans("R&amp;D")),), [header(f"R&{ZWSP}amp;D")]),
        ((Heading(level=1, spans=spans("a", link=AT)),), [rich(section(link(AT, "a", "bold")))]),
        ((Heading(level=1, spans=spans("a", italic=True)),), [rich(section(text("a", "bold", "italic")))]),
        ((Heading(level=1, spans=spans("a\nb")),), [rich(section(text("a\nb", "bold")))]),
        (
            (paragraph("a"), Heading(level=1, spans=spans("b")), paragraph("c"), paragraph("d")),
            [rich(section(text("a\n\n"), text("b", "bold"), text("\nc\n\nd")))],
        ),
        ((paragraph("\u3000字下げ\n"), Break(), paragraph("b")), [rich(section(text("\u3000字下げ\n\n\nb")))]),
        ((paragraph("a"), Small(spans=spans("b")), paragraph("c")),
         [rich(section(text("a"))), small("b"), rich(section(text("c")))]),
        ((Small(spans=(*spans("a & <b: "), *spans("c&d", link=AT))),),
         [linked_small("a &amp; &lt;b: <https://a.jp/x?a=1&amp;b=2|c&amp;d>")]),
        ((Small(spans=(*spans("> a "), *spans("b", link=AT))),), [rich(section(text("> a "), link(AT, "b")))]),
        ((Small(spans=(*spans("a "), *spans("*b*", link=AT))),), [rich(section(text("a "), link(AT, "*b*")))]),
        ((Divider(), paragraph("a"), Divider()), [{"type": "divider"}, rich(section(text("a"))), {"type": "divider"}]),
        (
            (List(ordered=True, items=(
                Item(marker="1.", blocks=(paragraph("a"), paragraph("b", bold=True))),
                Item(marker="（２）", blocks=(bullet("-", paragraph("c")),)),
            )), bullet("•", paragraph("d")), paragraph("e")),
            [rich(section(text("1. a\n\u2003"), text("b", "bold"), text("\n（２） - c\n• d\n\ne")))],
        ),
        ((paragraph("x"), Quote(blocks=(paragraph("a\nb"), Quote(blocks=(paragraph("c\nd"),)))), paragraph("e")),
         [rich(section(text("x")), quote(text("a\nb\n> c\n> d")), section(text("e")))]),
        ((Cited(title="題", url=AT),), [rich(section(link(AT, "[題]")))]),
        ((Cited(title="題", url="javascript:x"),), [rich(section(text("[題]")))]),
        ((Code(text="\nx = `1`\n  y\n", language="py"),), [rich(code("x = `1`\n  y"))]),
        ((bullet("-", Code(text="x = 1")),), [rich(section(text("- "), text("x = 1", "code")))]),
        ((Image(url="https://a.jp/i.png", alt="*図*"),), [rich(section(text("*図*")))]),
        ((Paragraph(spans=(Span(text="漢字", ruby="かんじ"), Span(text="だ", strike=True))),),
         [rich(section(text("漢字（かんじ）"), text("だ", "strike")))]),
        ((TWO,), [{"type": "table", "rows": [
            [rich(section(text("a", "bold"))), rich(section(text("漢字", "bold")))],
            [{"type": "raw_text", "text": "長い"}, {"type": "raw_text", "text": "1"}]]}]),
        ((Table(header=False, rows=((spans("a"), ()), (spans("b"),))),), [{"type": "table", "rows": [
            [{"type": "raw_text", "text": "a"}, {"type": "raw_text", "text": " "}],
            [{"type": "raw_text", "text": "b"}, {"type": "raw_text", "text": " "}]]}]),
        ((TWO, TWO), [rich(code("a    | 漢字\n長い | 1"), code("a    | 漢字\n長い | 1"))]),
        ((Quote(blocks=(TWO,)),), [rich(quote(text("a | 漢字\n長い | 1")))]),
        ((), [rich(section(text("題")))]),
        ((paragraph(" \n"), Divider()), [rich(section(text("題"))), {"type": "divider"}]),
    ],
)  # fmt: skip
def test_blocks(blocks: tuple[MessageBlock, ...], shown: list[dict[str, Any]]) -> None:
    assert posted(say(*blocks))["blocks"] == shown


def test_a_message_without_any_words_says_at_least_something() -> None:
    assert posted(say(title=" "))["blocks"] == [rich(section(text("…")))]
    assert posted(say(title=" "))["text"] == "…"


# --- whole messages ---


def test_a_japanese_card() -> None:
    at = "https://essays.example/jp/12"
    card = Message(
        title="「会議」は誰のものか",
        language="ja",
        blocks=(
            Heading(level=1, spans=spans("「会議」は誰のものか", link=at)),
            Small(spans=spans("#12 · 三日月みか · 2026年11月24日")),
            Cited(title="自治体の会議録、公開が進む", url="https://news.example/a_b(1)"),
            Paragraph(spans=(Span(text="これは"), Span(text="「論点」", bold=True), Span(text="である。"))),
            Small(spans=spans("話題: 地方、AI")),
        ),
        actions=(
            Action(id="v1:read:u:-", label="読む", style="primary"),
            Action(id="v1:stance:u:agree", label="👍 賛成"),
            Action(id="v1:open:u:-", label="元の記事", url=at),
        ),
    )

    def button(action_id: str, words: str, **more: str) -> dict[str, Any]:
        label = {"type": "plain_text", "text": words, "emoji": False}
        return {"type": "button", "text": label, "action_id": action_id, **more}

    assert posted(card, KEY) == {
        "blocks": [
            rich(section(link(at, "「会議」は誰のものか", "bold"))),
            small("#12 · 三日月みか · 2026年11月24日"),
            rich(
                section(
                    link("https://news.example/a_b(1)", "[自治体の会議録、公開が進む]"),
                    text("\n\nこれは"),
                    text("「論点」", "bold"),
                    text("である。"),
                )
            ),
            small("話題: 地方、AI"),
            {
                "type": "actions",
                "elements": [
                    button("v1:read:u:-", "読む", value="v1:read:u:-", style="primary"),
                    button("v1:stance:u:agree", "👍 賛成", value="v1:stance:u:agree"),
                    button("v1:open:u:-", "元の記事", url=at),
                ],
            },
        ],
        "text": f"「会議」は誰のものか ― #{ZWSP}12 · 三日月みか · 2026年11月24日 自治体の会議録、公開が進む "
        "これは「論点」である。 話題: 地方、AI",
        "unfurl_links": False,
        "unfurl_media": False,
        "metadata": {"event_type": "rondan_post", "event_payload": {"k": KEY}},
    }
    assert normal(plain(posted(card, KEY))) == normal(to_text(card))


def test_an_english_section() -> None:
    part = Message(
        title="What the minutes say",
        blocks=(
            Quote(blocks=(Paragraph(spans=(Span(text="He said: “No.”", italic=True),)),)),
            Heading(level=2, spans=spans("2. What the minutes say")),
            Paragraph(spans=(Span(text="See "), Span(text="the minutes", link=AT), Span(text=": 10:30."))),
            bullet("•", paragraph("one")),
            Divider(),
            Small(spans=spans("Next: *Votes*", italic=True)),
        ),
        actions=(Action(id="v1:comment:u:2", label="Comment"),),
    )
    payload = posted(part)
    assert payload["blocks"][:-1] == [
        rich(
            quote(text("He said: “No.”", "italic")),
            section(
                text("2. What the minutes say", "bold"),
                text("\nSee "),
                link(AT, "the minutes"),
                text(": 10:30.\n\n• one"),
            ),
        ),
        {"type": "divider"},
        small("Next: *Votes*"),
    ]
    assert payload["text"].startswith("What the minutes say ― He said: “No.” 2. What")
    assert "metadata" not in payload
    assert normal(plain(payload)) == normal(to_text(part))


_word = st.text(alphabet="abc漢字かな。*_~`<>#-@1.:\\& |", min_size=1, max_size=12).map(lambda text: f"x{text}y")
_link = st.sampled_from([None, None, "https://a.jp/x_y", "https://b.jp/?q=1&r=~"])
_span = st.builds(
    Span, text=_word, bold=st.booleans(), italic=st.booleans(), strike=st.booleans(), code=st.booleans(), link=_link,
    ruby=st.sampled_from([None, "かな"]),
)  # fmt: skip
_spans = st.lists(_span, min_size=1, max_size=3).map(tuple)
_leaf = st.one_of(
    st.builds(Heading, level=st.integers(1, 6), spans=st.one_of(_spans, _word.map(spans))),
    st.builds(Paragraph, spans=_spans),
    st.builds(Paragraph, spans=anything.map(lambda text: spans(f"x{tidy(text)}"))),
    st.builds(Cited, title=_word, url=_link),
    st.builds(Table, header=st.booleans(), rows=st.lists(st.lists(_word.map(lambda t: spans(" ".join(t.split()))),
              min_size=2, max_size=2).map(tuple), min_size=1, max_size=2).map(tuple)),
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


@given(messages)
@example(say(Quote(blocks=(Code(text="```\na"),))))
def test_any_message_reads_as_its_plain_text(message: Message) -> None:
    if normal(to_text(message).replace("―", "")):
        payload = posted(message, KEY)
        assert normal(plain(payload)) == normal(to_text(message))
        assert fallback(payload)
        assert normal(plain(view(message, "題"))) == normal(to_text(message))
