"""The language of searches, and the tokens behind it: what is asked is found exactly where it is, and marked there."""

from __future__ import annotations

import random
import sqlite3
import time
import unicodedata
from collections.abc import Sequence

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from core.errors import Refusal
from core.period import Period
from core.query import Query, parse_query
from core.speech import LANGUAGES
from core.tokens import Term, marks, plain, term, tokens
from storage import tables
from storage.fulltext import phrase

# --- the language ---


def asked(query: str) -> list[Term]:
    return list(parse_query(query).terms)


def test_words_and_phrases() -> None:
    assert asked('株 株価　OpenAIの 「増税 反対」 👍 "" "night  bus" serv* ＧＰＴ＊') == [
        Term(("株",), prefix=True),
        Term(("株価",)),
        Term(("openai", "の"), prefix=True),
        Term(("増税", "税", "反対")),
        Term(("night", "bus")),
        Term(("serv",), prefix=True),
        Term(("gpt",), prefix=True),
    ]
    assert tokens(plain("株価はGPT-5")) == "株価 価は は gpt 5"


@pytest.mark.parametrize(
    "query", ["bus -night", "bus －night", "bus −night", "-night bus", "bus -「night」", "bus　-night"]
)
def test_what_must_not_occur(query: str) -> None:
    query_ = parse_query(query)
    assert (query_.terms, query_.without) == ((Term(("bus",)),), (Term(("night",)),))


@pytest.mark.parametrize(
    ("query", "meant"),
    [
        ('topic:AI TOPIC："Night bus" 話題:株', Query(topics=("AI", "Night bus", "株"))),
        ("by:山田 著者：「山田 太郎」 author:X", Query(by=("山田", "山田 太郎", "X"))),
        ("since:week", Query(since=Period("week"))),
        ("期間:7日間", Query(since=Period("7d"))),
        ("以降:2026-11-01 ", Query(since=Period("2026-11-01"))),
        ("bus in:comments", Query(terms=(Term(("bus",)),), where="comments")),
        ("bus 対象：記事", Query(terms=(Term(("bus",)),), where="pieces")),
        ("bus in: コメント", Query(terms=(Term(("bus",)),), where="comments")),
        ("bus bus BUS", Query(terms=(Term(("bus",)),))),
        ("GPT:5 note: http://a.b/c", Query(terms=(Term(("gpt", "5")), Term(("note",)), Term(("http", "a", "b", "c"))))),
        ("a-b", Query(terms=(Term(("a", "b")),))),
        ('"topic:AI"', Query(terms=(Term(("topic", "ai")),))),
        ("首相「増税 反対", Query(terms=(Term(("首相",)), Term(("増税",)), Term(("反対",))))),
    ],
)
def test_fields_in_both_languages_and_what_only_looks_like_one(query: str, meant: Query) -> None:
    assert parse_query(query) == meant


@pytest.mark.parametrize(
    ("query", "english", "japanese"),
    [
        ("", "What should be searched", "何を探しますか"),
        ('👍 "" 「」 -', "What should be searched", "何を探しますか"),
        ("in:comments", "What should be searched", "何を探しますか"),
        ("-bus", "Say also what should be found", "探す言葉も"),
        ("bus -topic:AI", "“-” stands before words, not before topic:", "topic: の前"),
        ("bus topic:", "“topic:” has no value", "「topic:」の後に値"),
        ("bus in:boxes", "“boxes” can't be searched in", "「boxes」では"),
        ("bus since:tuesday", "I don't know the period “tuesday”", "期間「tuesday」が分かりません"),
        ("b*", "“b*” begins too many words: write at least 3 letters", "「b*」で始まる語は多すぎます"),
        ("x" * 201, "at most 200 characters", "200文字まで"),
        (" ".join("abcdefghijk"), "at most 10 words", "10個まで"),
    ],
)
def test_what_can_not_be_asked_is_said_in_both_languages(query: str, english: str, japanese: str) -> None:
    for language, sentence in (("en", english), ("ja", japanese)):
        with pytest.raises(Refusal) as refused:
            parse_query(query, language)
        assert sentence in str(refused.value)


HOSTILE = st.text(
    st.sampled_from(list("\"“”「」『』＂-－*＊:：　 \n'()^{}abサーバ株ー👍\u3099\u200b\x00")) | st.characters(),
    max_size=220,
)


@settings(max_examples=300, deadline=None)
@given(HOSTILE, st.sampled_from(LANGUAGES))
@example("topic:" * 33, "en")
@example('"' * 200, "ja")
@example("ー" * 200, "ja")
@example(("a" + "\u3000") * 99, "en")
def test_no_query_does_more_than_be_refused(text: str, language: str) -> None:
    """Whatever is typed: a refusal, or a question that the engine understands; and at once."""
    began = time.process_time()
    try:
        query = parse_query(text, language)
    except Refusal:
        return
    query.relaxed()
    query.holds(plain(text * 3))
    marks(text, query.terms)
    assert time.process_time() - began < 0.5
    index = Index(["サーバーの株 ab"])
    for one in (*query.terms, *query.without):
        index.find(one)


def test_long_vowel_marks_may_be_left_out() -> None:
    relaxed = parse_query("サーバー ユーザー ケーキ カー 高ー server").relaxed()
    assert relaxed is not None
    assert [one.words for one in relaxed.terms] == ["サーバ", "ユーザ", "ケーキ", "カー", "高ー", "server"]
    assert parse_query("サーバ server").relaxed() is None


# --- tokens: against the real FTS5 ---


class Index:
    """The table as the migration makes it, in memory."""

    def __init__(self, texts: Sequence[str]) -> None:
        self.db = sqlite3.connect(":memory:")
        self.db.execute(tables.FRAGMENTS["{search by section}"]["sqlite"][-1])
        rows = [(number, tokens(plain(one))) for number, one in enumerate(texts)]
        self.db.executemany("insert into comment_words(rowid, words) values(?, ?)", rows)

    def find(self, one: Term) -> set[int]:
        found = self.db.execute("select rowid from comment_words where comment_words match ?", (phrase(one),))
        return {row[0] for row in found}


KANA_AND_KANJI = "のはがをー々〆ッカガかが゛゜ﾞｶ株価円経済𠮷葛\U000e0100・、。 \n「」〇ゝ한국👍"


@settings(max_examples=150, deadline=None)
@given(st.lists(st.text(KANA_AND_KANJI, max_size=12), min_size=1, max_size=8), st.integers(0, 2**32))
def test_the_index_finds_what_is_there(texts: list[str], seed: int) -> None:
    """Recall and precision are both whole for Japanese terms of 1 to 6 characters, truth being the substring."""
    index = Index(texts)
    chance = random.Random(seed)

    def folded(text: str) -> str:
        kept = unicodedata.normalize("NFKC", text).lower()
        return kept.replace("\U000e0100", "")

    for _ in range(12):
        source = folded(chance.choice(texts))
        start = chance.randrange(len(source) + 1)
        query = source[start : start + chance.randint(1, 6)]
        if not query or any(not (char.isalpha() or char in "〇") for char in query):
            continue
        one = term(query)
        assert one is not None
        assert index.find(one) == {n for n, text in enumerate(texts) if query in folded(text)}, query


MIXED = "のは株価 ー、aBｃ1-Ｇβ①㈱Σ\u200b．👍\n"


@settings(max_examples=300, deadline=None)
@given(st.lists(st.text(MIXED, max_size=10), min_size=1, max_size=6), st.text(MIXED + "*", min_size=1, max_size=5))
def test_the_pattern_of_a_term_finds_the_same_as_the_index(texts: list[str], query: str) -> None:
    """So texts may be read instead of the index, and what is marked is what was found."""
    one = term(query)
    if one is None:
        return
    found = Index(texts).find(one)
    assert found == {n for n, text in enumerate(texts) if one.pattern.search(plain(text))}
    for number, text in enumerate(texts):
        spans = marks(text, [one])
        assert bool(spans) is (number in found)
        for start, end in spans:
            assert one.pattern.search(plain(text[start:end]))


@pytest.mark.parametrize(
    ("query", "text", "found"),
    [
        ("OpenAIの課題", "今日はOpenAIの課題について", True),
        ("ｏｐｅｎａｉの課題", "OpenAIの課題", True),
        ("OpenAIの課題", "OpenAIが見た課題", False),
        ("GPT-5", "次はGPT-5だ", True),
        ("GPT-5", "GPT-50", False),
        ("GPT-5*", "GPT-50", True),
        ("次のGPT-5だ", "次のGPT-5だよ", True),
        ("次のGPT", "次の次GPT", False),
        ("10円", "株価10円玉", True),
        ("go", "google", False),
        ("go*", "google", True),
        ("go*", "cargo", False),
        ("サーバ", "サーバー", True),
        ("ｻｰﾊﾞｰ", "サーバー", True),
        ("が", "か\u3099", True),
        ("か", "が", False),
        ("あ\u3099い", "あ\u3099い", True),
        ("あい", "あ\u3099い", False),
        ("café", "Un café", True),
        ("ΟΔΟΣ", "μια οδος, η ΟΔΟΣ", True),
        ("賛成 反対", "反対と賛成", False),
        ("賛成 反対", "賛成、反対", True),
        ("open source", "the Open\nSource way", True),
        ("open source", "source open", False),
        ("人々", "人々の声", True),
        ("々", "人々の声", True),
        ("〆切", "〆切は今日", True),
        ("สวัส", "สวัส ดี", True),
        ("1", "1️⃣ 番", True),
    ],
)
def test_a_term_in_a_text(query: str, text: str, found: bool) -> None:
    one = term(query)
    assert one is not None
    assert bool(Index([text]).find(one)) is found
    assert bool(one.pattern.search(plain(text))) is found


@given(st.text())
def test_tokens_stay_whole(text: str) -> None:
    """FTS5 takes a token as it is: it neither splits nor drops nor folds one."""
    made = tokens(plain(text)).split()
    db = sqlite3.connect(":memory:")
    db.execute("create virtual table t using fts5(words, tokenize='ascii')")
    db.execute("create virtual table v using fts5vocab(t, 'instance')")
    db.execute("insert into t values (?)", [" ".join(made)])
    assert [row[0] for row in db.execute("select term from v order by offset")] == made
    db.close()


@given(st.text())
def test_a_plain_text_stays_as_it_is(text: str) -> None:
    """What is stored plain gives the same tokens when it must be forgotten."""
    assert tokens(plain(plain(text))) == tokens(plain(text))


@pytest.mark.parametrize(
    ("text", "query", "marked"),
    [
        ("ｻｰﾊﾞｰが落ちた", "サーバ", ["ｻｰﾊﾞ"]),
        ("第①回、㈱東芝の…株価", "株", ["㈱", "株"]),
        ("か\u3099くせい", "がく", ["か\u3099く"]),
        ("ＮＩＧＨＴ Bus, nightly", "night", ["ＮＩＧＨＴ"]),
        ("夜行バス、バスの夜行", "夜行バス", ["夜行バス"]),
        ("ああああ", "ああ", ["ああああ"]),
        ("葛\U000e0100飾区", "葛飾", ["葛\U000e0100飾"]),
        ("İstanbul'da", "da", ["da"]),
        ("👨‍👩‍👧 の家", "家", ["家"]),
    ],
)
def test_marks_stand_on_the_text_as_it_was_written(text: str, query: str, marked: list[str]) -> None:
    one = term(query)
    assert one is not None
    assert [text[start:end] for start, end in marks(text, [one])] == marked


@given(st.text(), st.text(min_size=1, max_size=3))
def test_marks_lie_in_order_within_the_text(text: str, query: str) -> None:
    one = term(query)
    ends = [at for span in marks(text, [one] if one else []) for at in span]
    assert ends == sorted(ends)
    assert all(0 <= at <= len(text) for at in ends)
