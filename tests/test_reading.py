"""A whole reading: all parts of it, each sentence once, nothing left behind."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from core.text import sentences
from digest import meaning
from digest.points import points
from digest.questions import questions
from digest.reading import SENTENCES, read
from digest.sketch import Account, Point, Reading
from digest.summary import forget, summarize
from digest.themes import themes
from digest.vectors import Floats
from digest.words import Words
from tests.test_points import piece
from tests.test_themes import ENGLISH, JAPANESE, spoken

LONG = (
    "市は来年度も赤字を承知で運行を続けるべきである。運賃を上げれば利用者が減り、赤字はかえって増えるからだ。"
    "夜勤の人がほかに使える交通はない。議会は三年前にも同じ議論をした。そのときは便を半分に減らして失敗した。"
)
SECOND = (
    "線路の補修には四十年分の積み残しがある。新しい車両だけでは揺れは減らない。費用は国が半分を出すと決めた。"
    "残りを運賃で賄うのか、税で賄うのかが問われている。隣の町は税を選んだ。"
)
PIECES = (piece(1, ("課題", LONG), ("結論", SECOND)), piece(2, ("課題", SECOND), ("結論", LONG), title="路面電車"))
SPOKEN = spoken([*JAPANESE, "運賃はいつから上がるのですか？", *ENGLISH])


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """How often the words of a text were asked for."""
    forget()
    counts: Counter[str] = Counter()
    tokens = Words.tokens

    def counted(self: Words, text: str, language: str | None = None) -> list[str]:
        counts[text] += 1
        return tokens(self, text, language)

    monkeypatch.setattr(Words, "tokens", counted)
    return counts


def test_all_parts_say_what_each_says_alone() -> None:
    accounts = tuple(summarize(one, SENTENCES) for one in PIECES)
    found = read(PIECES, SPOKEN, None)
    assert found == Reading(
        accounts=accounts,
        points=tuple(points(PIECES, None, accounts, only_about=False)),
        themes=tuple(themes(SPOKEN)),
        questions=tuple(questions(SPOKEN)),
    )
    assert all((found.accounts, found.points, found.themes, found.questions))


def test_a_sentence_is_cut_into_words_once_a_reading_and_not_kept(asked: Counter[str]) -> None:
    lines = {line.strip() for line in sentences(LONG + SECOND, "ja")}
    read(PIECES, (), None)
    assert {asked[line] for line in lines} == {1}
    read(PIECES, (), None)
    assert {asked[line] for line in lines} == {2}


def test_a_fault_leaves_nothing_behind(asked: Counter[str], monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> list[Point]:
        raise ValueError("no")

    with monkeypatch.context() as patched:
        patched.setattr("digest.reading.points", fail)
        with pytest.raises(ValueError, match="no"):
            read(PIECES, (), None)
    read(PIECES, (), None)
    assert asked[sentences(LONG, "ja")[0]] == 2


def test_pieces_are_read_while_what_comments_mean_is_worked_out(monkeypatch: pytest.MonkeyPatch) -> None:
    begun, told = threading.Event(), threading.Event()
    embed, telling = meaning.embed, summarize

    def understood(texts: Sequence[str]) -> Floats:
        begun.set()
        assert told.wait(20), "nothing else was done meanwhile"
        return embed(texts)

    def summarized(*args: Any) -> Account:
        assert begun.wait(20)
        told.set()
        return telling(*args)

    expected = read(PIECES, SPOKEN, None)
    monkeypatch.setattr("digest.themes.embed", understood)
    monkeypatch.setattr("digest.reading.summarize", summarized)
    assert read(PIECES, SPOKEN, None) == expected


def test_a_comment_is_cut_into_words_once(monkeypatch: pytest.MonkeyPatch) -> None:
    counts: Counter[str] = Counter()
    units = Words._units

    def counted(self: Words, text: str, mode: str = "C") -> Iterator[Any]:
        counts[text] += 1
        return units(self, text, mode)

    monkeypatch.setattr(Words, "_units", counted)
    read((), spoken(JAPANESE), None)
    assert {counts[text] for text in JAPANESE} == {1}
