"""Place filters: what they take, why, and what they say about what can't be read."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import Refusal
from core.filters import Subject, parse_filter, quoted, renamed
from core.text import fold

PIECE = Subject(
    topics=("OpenAI", "オープンAI", "生成AI"),
    author="山田太郎",
    source="Example Review",
    language="ja",
    text="OpenAIの課題　ガソリン価格と Open Source について書いた。",
)


@pytest.mark.parametrize(
    ("text", "ok"),
    [
        ("", True),
        ("  　", True),
        ("topic:OpenAI", True),
        ("topic:ｏｐｅｎａｉ", True),
        ("Topic：オープンＡＩ", True),
        ("トピック：生成AI", True),
        ("topic:AI", False),
        ("topic: OpenAI", True),
        ("author:山田", True),
        ('author:"山田"', True),
        ("著者：「山田」", True),
        ("NOT author:“佐藤”", True),
        ("source:review", True),
        ("source:『example review』", True),
        ("language:ja", True),
        ("language:日本語", True),
        ("language:en", False),
        ("課題", True),
        ("word:ｶﾞｿﾘﾝ", True),
        ("open", True),
        ("ope", False),
        ("source", True),
        ('"open source"', True),
        ('"source open"', False),
        ("-広告", True),
        ("－課題", False),
        ('topic:OpenAI AND NOT author:"山田"', False),
        ("(language:en OR topic:生成AI) -word:広告", True),
        ("（language:en　OR　topic:生成AI）　-word:課題", False),
        ("広告 OR 課題 AND ガソリン", True),
        ("(広告 OR 課題) AND ガソリン", True),
        ("課題 OR 広告 広告", True),
        ("not not 課題", True),
        ("NOT (課題 広告)", True),
        ("NOT (課題 OR 広告)", False),
        ("NOT -課題", True),
        ('"AND" OR "or"', False),
        ("10:30 OR 課題", True),
    ],
)
def test_takes(text: str, ok: bool) -> None:
    assert parse_filter(text).matches(PIECE).ok is ok


@pytest.mark.parametrize(
    ("text", "en", "ja"),
    [
        ("", "there is no filter", "絞り込みなし"),
        ("author:佐藤", "author:佐藤 does not match (山田太郎)", "author:佐藤 に該当しない（山田太郎）"),
        ("language:en OR 課題", "word:課題 matches", "word:課題 に該当する"),
        ("課題 広告 AND topic:X", "word:広告 does not match", "word:広告 に該当しない"),
        (
            "課題 NOT author:佐藤",
            "word:課題 matches, author:佐藤 does not match (山田太郎)",
            "word:課題 に該当する、author:佐藤 に該当しない（山田太郎）",
        ),
        (
            "topic:X OR topic:Y",
            "topic:X does not match (OpenAI, オープンAI, 生成AI), topic:Y does not match (OpenAI, オープンAI, 生成AI)",
            "topic:X に該当しない（OpenAI, オープンAI, 生成AI）、topic:Y に該当しない（OpenAI, オープンAI, 生成AI）",
        ),
        ('"open source"', 'word:"open source" matches', 'word:"open source" に該当する'),
    ],
)
def test_says_why(text: str, en: str, ja: str) -> None:
    found = parse_filter(text)
    assert found.matches(PIECE).because == en
    assert found.matches(PIECE, "ja").because == ja


@pytest.mark.parametrize(
    ("text", "position", "mend"),
    [
        ("topic:AI)", 9, "remove it"),
        ("(topic:AI", 1, "add “)”"),
        ("課題 (a OR (b)", 4, "add “)”"),
        ("topic:", 1, "has no value; add one"),
        ("topic:  ", 1, "has no value; add one"),
        ("(topic:)", 2, "has no value; add one"),
        ("a AND", 6, "a clause is missing"),
        ("OR a", 1, "a clause is missing"),
        ("a OR OR b", 6, "a clause is missing"),
        ("NOT", 4, "a clause is missing"),
        ("()", 2, "a clause is missing"),
        ("a tag:AI", 3, "Use topic, author, source, language or word"),
        ("https://example.org", 1, "or quote it"),
        ('author:"山田', 8, "close it"),
        ("author:「山田", 8, "close it"),
        ("a」", 2, "remove it"),
        ('author:""', 1, "write something"),
        ("language:いろは", 1, "use ja or en"),
        ("(" * 21 + "a" + ")" * 21, 21, "20 deep"),
        ("a" * 2001, 2000, "at most 2000"),
    ],
)
def test_refused(text: str, position: int, mend: str) -> None:
    with pytest.raises(Refusal) as caught:
        parse_filter(text)
    assert str(caught.value).startswith(f"Position {position}: ")
    assert mend in str(caught.value)
    with pytest.raises(Refusal, match=f"^{position}文字目: "):
        parse_filter(text, "ja")


def test_nothing_to_match() -> None:
    nothing = Subject()
    assert not parse_filter("author:山田").matches(nothing).ok
    assert parse_filter("-広告 NOT topic:AI").matches(nothing).ok
    assert parse_filter("language:en").matches(Subject(language="en-GB")).ok


WORDS = st.sampled_from(
    ["topic:", "OpenAI", "AND", "OR", "NOT", "-", "(", ")", "「", "」", '"', " ", "　", "：", "a", "課題"]
)


@given(st.one_of(st.text(max_size=60), st.lists(WORDS, max_size=30).map("".join)))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        found = parse_filter(text)
    except Refusal:
        return
    verdict = found.matches(PIECE)
    assert verdict.because
    if text.strip():
        assert parse_filter(f"NOT ({text})").matches(PIECE).ok is not verdict.ok


@pytest.mark.parametrize(
    ("text", "new"),
    [
        ("", ""),
        ("topic:Bus", 'topic:"Tram"'),
        ("-Topic： ＢＵＳ　author:Bus", '-Topic： "Tram"　author:Bus'),
        ('(topic:"bus" AND language:ja) OR topic:rail', '(topic:"Tram" AND language:ja) OR topic:rail'),
        ("topic:bus OR topic:Tram OR word:Tram OR topic:bus", "topic:Tram OR word:Tram"),
        ("topic:bus OR -topic:bus OR topic:Tram", 'topic:"Tram" OR -topic:"Tram" OR topic:Tram'),
        ('bus "topic:bus" topics:buses', 'bus "topic:bus" topics:buses'),
        ("topic:bus OR", "topic:bus OR"),
    ],
)  # fmt: skip
def test_a_topic_is_called_by_another_name(text: str, new: str) -> None:
    assert renamed(text, {"bus"}, "Tram") == new


@given(st.text(alphabet='ab "“”「」『OR', min_size=1, max_size=12).filter(fold))
def test_a_name_in_quotes_is_read_as_that_name(name: str) -> None:
    new = renamed("topic:old -word:old", {"old"}, name)
    assert new == f"topic:{quoted(name)} -word:old"
    assert parse_filter(new).matches(Subject(topics=(name,))).ok
