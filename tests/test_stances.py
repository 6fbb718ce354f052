"""Stances: one meaning under every spelling that a platform gives an emoji."""

from __future__ import annotations

import pytest

from core.errors import ConfigError
from core.stances import DEFAULT, Stance, bare, parse_scale


@pytest.mark.parametrize(
    ("emoji", "key"),
    [
        ("👍", "agree"),
        ("👍🏽", "agree"),
        ("👍\ufe0f", "agree"),
        ("+1", "agree"),
        (":+1:", "agree"),
        ("thumbsup", "agree"),
        ("+1::skin-tone-2", "agree"),
        (":thumbsup::skin-tone-6:", "agree"),
        ("🙆", "agree"),
        ("🙆‍♀️", "agree"),
        ("🙆🏿‍♂️", "agree"),
        ("man-gesturing-ok::skin-tone-3", "agree"),
        ("⭕", "agree"),
        ("o", "agree"),
        ("👎🏻", "disagree"),
        ("-1", "disagree"),
        ("💡", "learned"),
        ("bulb", "learned"),
        ("❓", "reply"),
        ("question", "reply"),
    ],
)
def test_default(emoji: str, key: str) -> None:
    stance = DEFAULT.of(emoji)
    assert stance is not None
    assert stance.key == key


@pytest.mark.parametrize("emoji", ["😀", "tada", "", ":", "<:plus:1>", "👍👍", "1"])
def test_no_stance(emoji: str) -> None:
    assert DEFAULT.of(emoji) is None


def test_labels() -> None:
    agree = DEFAULT.get("agree")
    assert agree is not None
    assert (agree.name("en"), agree.name("ja"), agree.name("fr")) == ("Agree", "賛成", "Agree")
    assert DEFAULT.get("love") is None
    assert Stance(key="x", label={}, emoji=()).name("en") == "x"


def test_parse() -> None:
    scale = parse_scale(
        "agree=👍,➕ disagree=👎　learned(Wow|なるほど)=💡,:mind_blown: fun（楽しい）＝😄、<a:lol:123> vote=1️⃣"
    )
    assert [one.key for one in scale.stances] == ["agree", "disagree", "learned", "fun", "vote"]
    assert [one.name("ja") for one in scale.stances] == ["賛成", "反対", "なるほど", "楽しい", "Vote"]
    found = [scale.of(one) for one in ("➕", "heavy_plus_sign", "mind_blown", "lol:123", "<:lol:123>", "one", "⭕")]
    assert [one.key if one else None for one in found] == ["agree", "agree", "learned", "fun", "fun", "vote", None]
    assert parse_scale("  ") is DEFAULT
    assert bare("❤️‍🔥") == "❤‍🔥"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("agree", "position 1: “agree” has no “=”"),
        ("agree=👍 disagree", "position 9: “disagree” has no “=”"),
        ("agree=", "position 1: “agree” has no emoji"),
        ("賛成=👍", "position 1: “賛成” is no key"),
        ("agree=yes!", "position 1: “yes!” is no emoji"),
        ("agree=はい", "position 1: “はい” is no emoji"),
        ("agree=👍 agree=➕", "position 9: “agree” is there twice"),
        ("agree=👍 disagree=👎,thumbsup", "position 9: thumbsup already means “agree”"),
    ],
)
def test_faults(text: str, problem: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_scale(text)
    assert len(caught.value.problems) == 1
    assert problem in caught.value.problems[0]


def test_all_faults_at_once() -> None:
    with pytest.raises(ConfigError) as caught:
        parse_scale("agree disagree= learned=x?")
    assert len(caught.value.problems) == 3
