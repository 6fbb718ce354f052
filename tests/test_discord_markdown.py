"""Text on Discord is only text, and styled only where it should be, as a parser reads it that is not ours to bend."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.platforms.discord.encode import escape
from bot.platforms.discord.markdown import ZWSP, address, inline, tidy
from core.document import Span, Spans, spans, words_of
from tests.discord_texts import HOSTILE, anything, flavours, normal, read
from tests.standins.discord.markdown import ACTS, FLAVOURS, Unintended, kinds, parse, plain, shown, walk

# --- the reader itself ---


@pytest.mark.parametrize(
    ("source", "kind"),
    [
        ("<@1> <@!2>", "user"),
        ("<@&1>", "role"),
        ("<#1>", "channel"),
        ("@everyone", "everyone"),
        ("a@here", "everyone"),
        ("<:e:1>", "emoji"),
        ("a :smile: b", "shortcode"),
        ("<t:0:R>", "timestamp"),
        ("</a b:1>", "command"),
        ("<id:guide>", "guide"),
        ("<sound:1:2>", "sound"),
        ("see https://a.jp/x.", "url"),
        ("<https://a.jp>", "autolink"),
        ("[a](https://a.jp)", "link"),
        ("[**a** b](<https://a.jp>)", "link"),
        ("[https://a.jp](https://b.jp)", "broken-link"),
        ("discord.gg/abc", "invite"),
        ("||a||", "spoiler"),
        ("__a__", "underline"),
        ("これは**「論点」**である", "strong"),
        ("*a*b", "em"),
        ("_a_ b", "em"),
        ("~~a~~", "strike"),
        ("``a`b``", "code"),
        ("```py\na\n```", "codeblock"),
        ("a\n# b", "heading"),
        ("**# b**", "heading"),
        ("a\n-# b", "subtext"),
        ("a\n> b", "quote"),
        (">>> a\nb", "quote"),
        ("a\n- b", "list"),
        ("a\n 1. b", "list"),
    ],
)
@pytest.mark.parametrize("flavour", FLAVOURS)
def test_the_reader_sees_what_discord_draws(source: str, kind: str, flavour: str) -> None:
    assert kind in kinds(source, flavour)
    if kind in ACTS:
        with pytest.raises(Unintended):
            plain({"components": [{"type": 17, "components": [{"type": 10, "content": source}]}]}, flavour)


@pytest.mark.parametrize("flavour", FLAVOURS)
def test_the_reader_takes_plain_text_for_plain(flavour: str) -> None:
    for source in (
        "a b_c_d 2 * 3",
        "#tag a # b",
        "-a a - b",
        ">a",
        "1.5",
        "10:30",
        "a@b",
        "*",
        "** **",
        "\\*a\\*",
        "a [b] (c)",
    ):
        assert kinds(source, flavour) <= {"text", "strong"}, source
    assert read("**bold _both_** ~~gone~~ [a](<https://a.jp>)\n> q\n-# s", flavour) == (
        "bold both gone a <https://a.jp>\n> q\ns"
    )


# --- text is only text ---


@pytest.mark.parametrize("flavour", FLAVOURS)
@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_is_only_text(text: str, flavour: str) -> None:
    assert kinds(escape(text), flavour) <= {"text"}
    assert read(escape(text), flavour) == tidy(text).replace(ZWSP, "").strip()


@pytest.mark.parametrize("flavour", FLAVOURS)
@pytest.mark.parametrize("text", HOSTILE)
@pytest.mark.parametrize("style", ["bold", "italic", "strike", "code"])
def test_hostile_text_has_its_style_and_no_other(text: str, style: str, flavour: str) -> None:
    kind = {"bold": "strong", "italic": "em"}.get(style, style)
    source = inline(spans(text, **{style: True}))
    assert kinds(source, flavour) <= {"text", kind}
    assert normal(read(source, flavour)) == normal(text)


@given(anything, flavours)
def test_any_text_is_only_text(text: str, flavour: str) -> None:
    source = escape(text)
    assert kinds(source, flavour) <= {"text"}
    assert read(source, flavour) == tidy(text).replace(ZWSP, "").strip()


styled = st.builds(
    Span, text=anything, bold=st.booleans(), italic=st.booleans(), strike=st.booleans(), code=st.booleans()
)


@given(st.lists(styled, max_size=5).map(tuple), flavours)
def test_any_run_of_spans_shows_its_words_in_its_styles(run: Spans, flavour: str) -> None:
    source = inline(run)
    wanted = {("strong", "bold"), ("em", "italic"), ("strike", "strike"), ("code", "code")}
    assert kinds(source, flavour) <= {"text"} | {kind for kind, name in wanted if any(getattr(s, name) for s in run)}
    assert read(source, flavour) == tidy(words_of(run)).replace(ZWSP, "").strip()


linked = st.builds(replace, styled, link=st.sampled_from([None, "https://a.jp/x_y_z", "http://b.jp/**~~(x)|`_[y]"]))


@given(st.lists(linked, max_size=4).map(tuple), flavours)
def test_links_show_their_words_and_go_where_they_should(run: Spans, flavour: str) -> None:
    source = inline(run)
    assert not kinds(source, flavour) & (ACTS | {"heading", "subtext", "quote", "codeblock"})
    nodes = list(walk(parse(source, flavour)))
    wanted = {address(span.link) for span in run if span.link}
    assert {node.target for node in nodes if node.kind in ("link", "autolink")} <= wanted
    if "://" not in words_of(run):
        assert shown(parse(source, flavour), links=False).replace(ZWSP, "").strip() == (
            tidy(words_of(run)).replace(ZWSP, "").strip()
        )


@pytest.mark.parametrize("flavour", FLAVOURS)
@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_takes_nothing_of_a_link_before_or_after_it(text: str, flavour: str) -> None:
    link = Span(text="ours", link="https://ours.example")
    for code in (False, True):
        source = inline((link, Span(text=text, code=code), Span(text="\n"), link, Span(text=text, bold=True), link))
        assert not kinds(source, flavour) & (ACTS | {"heading", "subtext", "quote", "codeblock"})
        nodes = [node for node in walk(parse(source, flavour)) if node.kind in ("link", "autolink")]
        assert [(node.inner[0].text, node.target) for node in nodes] == [("ours", "https://ours.example")] * 3


def test_what_is_no_text_is_left_out_and_line_ends_are_made_one() -> None:
    assert escape("a\x00\x1b\ufeff\ud800b") == "ab"
    assert inline(spans("a\r\nb\rc\u2028d\x85e", bold=True)) == "**a**\n**b**\n**c**\n**d**\n**e**"


# --- styles ---


@pytest.mark.parametrize(
    ("run", "source"),
    [
        ((Span(text="これは"), Span(text="「論点」", bold=True), Span(text="である")), "これは**「論点」**である"),
        ((Span(text="x", bold=True, italic=True),), "**_x_**"),
        ((Span(text="a", bold=True), Span(text="b", bold=True, italic=True)), f"**a*b*{ZWSP}**"),
        ((Span(text="a", bold=True, italic=True), Span(text="b", bold=True)), f"**{ZWSP}*a*b**"),
        ((Span(text="a", bold=True), Span(text="b", italic=True)), f"**a**{ZWSP}*b*"),
        ((Span(text="a", italic=True), Span(text="b")), "*a*b"),
        ((Span(text=" a ", bold=True), Span(text="b")), " **a** b"),
        ((Span(text="a\n\nb", bold=True),), "**a**\n\n**b**"),
        ((Span(text="a\\", bold=True),), f"**a\\\\{ZWSP}**"),
        ((Span(text="a~", strike=True),), f"~~a\\~{ZWSP}~~"),
        ((Span(text="x`y", code=True),), "``x`y``"),
        ((Span(text="` ``", code=True),), f"``{ZWSP}`{ZWSP} `{ZWSP}`{ZWSP}``".replace(f"{ZWSP} ", " ")),
        ((Span(text="1"), Span(text=". a")), "1\\. a"),
        ((Span(text="漢字", ruby="かんじ"), Span(text="だ")), "漢字（かんじ）だ"),
        ((Span(text="語", link="https://a.jp/語 x?(y)"),), "[語](<https://a.jp/語%20x?%28y%29>)"),
        ((Span(text="a", link="https://a.jp", bold=True), Span(text="b", link="https://a.jp")), "[**a**b](<https://a.jp>)"),
        ((Span(text="[PR] a", link="https://a.jp"),), "[\\[PR\\] a](<https://a.jp>)"),
        ((Span(text="a[b", link="https://a.jp"),), "[a](<https://a.jp>)\\[[b](<https://a.jp>)"),
        ((Span(text="https://a.jp/x", link="https://a.jp/x"),), "<https://a.jp/x>"),
        ((Span(text="https://bank.example", link="https://evil.example"),),
         "https\\://bank.example \\<<https://evil.example>\\>"),
        ((Span(text="x", link="javascript:alert(1)"),), "x"),
        ((Span(text="x", link="https://"),), "x"),
        ((Span(text="x", link="https://a.jp/" + "x" * 1000),), "x"),
        ((Span(text=" ", link="https://a.jp"),), " "),
    ],
)  # fmt: skip
def test_spans(run: Spans, source: str) -> None:
    assert inline(run) == source
    for flavour in FLAVOURS:
        assert not kinds(source, flavour) & ACTS


def test_addresses_are_web_addresses() -> None:
    assert address("HTTPS://a.jp/%20<>\u202e\\") == "HTTPS://a.jp/%20%3C%3E%E2%80%AE%5C"
    for bad in (
        "",
        None,
        "ftp://a.jp",
        "javascript:x",
        "https:///x",
        "https://good.example@evil.example",
        "https://a b",
    ):
        assert address(bad) is None


@pytest.mark.parametrize(
    "text", ["#", "[", "]", "*", "`", ":", "\\", "> ", "- ", "@everyone", "[]", "][", "1. ", "\n", "a:"]
)
def test_long_hostile_texts_take_no_time_squared(text: str) -> None:
    started = time.process_time()
    for style in ({}, {"bold": True, "italic": True}, {"code": True}, {"link": "https://a.jp"}):
        assert inline(spans(text * 100_000, **style))
    assert time.process_time() - started < 10
