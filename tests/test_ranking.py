"""Which voices come first, and the first words of a piece."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.document import Block, Cited, Document, Heading, Image, Item, List, Paragraph, Quote, spans
from core.text import length
from digest.lead import lead
from digest.ranking import ENOUGH, Votes, contested, endorsed, rank_contested, rank_endorsed, usual

COUNTS = st.integers(0, 10_000)


def test_scores() -> None:
    assert endorsed(0, 0) == 0.5
    assert endorsed(40, 50) > endorsed(1, 1) > endorsed(0, 1)
    assert contested(5, 5) == 144 / 196
    assert contested(50, 50) > contested(5, 5) > contested(1, 1) > contested(10, 0)


@given(COUNTS, COUNTS)
def test_scores_are_bounded(agree: int, disagree: int) -> None:
    assert 0 < endorsed(agree, agree + disagree) < 1
    assert 0 < contested(agree, disagree) < 1
    assert contested(agree, disagree) == contested(disagree, agree)
    assert endorsed(agree + 1, agree + disagree + 1) > endorsed(agree, agree + disagree)


def test_ranks() -> None:
    votes = {"a": Votes(1, 0, 1), "b": Votes(40, 5, 50), "c": Votes(0, 9, 9), "d": Votes(10, 10, 30), "e": Votes(2, 1)}
    assert rank_endorsed(votes, votes.__getitem__) == ["b", "a", "e", "d"]
    assert rank_contested(votes, votes.__getitem__) == ["d", "e", "b"]
    assert Votes(3, 2, 1).asked == 5
    assert rank_endorsed(["x", "y"], lambda _: Votes(4, 4)) == ["x", "y"]
    assert rank_contested(["x", "y"], lambda one: Votes(4, 4) if one == "x" else Votes(6, 6)) == ["y", "x"]


def test_what_is_usual_moves_small_counts_more_than_big_ones() -> None:
    """Where nearly all is agreed with, 2 against 1 is no dispute yet, 20 against 10 is one."""
    loved = [(19, 1)] * 30
    expected = usual(loved)
    assert expected is not None
    assert expected.agree > 10 * expected.disagree
    assert contested(20, 10, expected) > contested(2, 1, expected)
    assert contested(2, 1, expected) < contested(10, 5, expected) < contested(200, 100, expected)
    assert usual(loved[: ENOUGH - 1]) is None
    assert usual([*loved[: ENOUGH - 1], (0, 0)]) is None


def test_the_usual_split_is_firm_where_things_are_alike() -> None:
    alike, apart = usual([(5, 5)] * 20), usual([(10, 0), (0, 10)] * 10)
    assert alike is not None
    assert apart is not None
    assert alike.agree == pytest.approx(alike.disagree)
    assert alike.agree + alike.disagree > 10 * (apart.agree + apart.disagree)


@given(st.lists(st.tuples(COUNTS, COUNTS), min_size=ENOUGH, max_size=30), COUNTS, COUNTS)
def test_contested_is_bounded_whatever_is_usual(counts: list[tuple[int, int]], agree: int, disagree: int) -> None:
    assert 0 < contested(agree, disagree, usual(counts)) < 1


def test_ranks_read_what_is_usual() -> None:
    """Six votes of chance prove less of a dispute among eleven things that are loved than fifteen against."""
    votes = {"few": Votes(3, 3), "many": Votes(60, 15)}
    assert rank_contested(votes, votes.__getitem__) == ["few", "many"]
    votes |= {str(number): Votes(19, 1) for number in range(11)}
    assert rank_contested(votes, votes.__getitem__)[:2] == ["many", "few"]


# --- leads ---


def paragraph(text: str, **style: object) -> Paragraph:
    return Paragraph(spans=spans(text, **style))


IMAGE = Image(url="https://a.example/1.png")
FIRST, SECOND, THIRD = "政府は増税を決めた。", "だが国民は納得していない。", "理由は三つある。"


@pytest.mark.parametrize(
    ("blocks", "expected"),
    [
        ((paragraph(FIRST + SECOND + THIRD),), FIRST + SECOND),
        ((paragraph(FIRST), paragraph(SECOND)), FIRST + SECOND),
        ((Heading(level=1, spans=spans("見出し")), paragraph(FIRST)), FIRST),
        ((paragraph("2026年11月3日"), paragraph("山田太郎"), paragraph(FIRST)), FIRST),
        ((IMAGE, paragraph("首相（十一月三日、永田町の国会議事堂にて）"), paragraph(FIRST)), FIRST),
        ((paragraph("写真：共同通信社が配信したもの。"), paragraph(FIRST)), FIRST),
        ((paragraph("▲国会で話す首相。"), paragraph(FIRST)), FIRST),
        ((paragraph("図書館は変わる。" + SECOND),), "図書館は変わる。" + SECOND),
        ((paragraph("写真は嘘をつく。" + SECOND),), "写真は嘘をつく。" + SECOND),
        ((paragraph("「改革を進める。国民に信を問う。」"), paragraph(FIRST)), FIRST),
        ((Quote(blocks=(paragraph("引用だ。"),)), Cited(title="記事"), paragraph(FIRST)), FIRST),
        ((paragraph("元の記事はこちらで読めます。", link="https://a.example/"), paragraph(FIRST)), FIRST),
        ((List(ordered=False, items=(Item(marker="・", blocks=(paragraph("項目だ。"),)),)),), "・ 項目だ。"),
        ((paragraph("By Jane Doe, Economics Editor"), paragraph("It rose. It fell. Why?")), "It rose. It fell."),
        ((paragraph("By contrast, wages fell."), paragraph("Why?")), "By contrast, wages fell. Why?"),
        ((paragraph("改行\nのある文だ。"),), "改行のある文だ。"),
        ((), ""),
    ],
)  # fmt: skip
def test_lead(blocks: tuple[Block, ...], expected: str) -> None:
    assert lead(Document(blocks=blocks)) == expected
    assert lead(blocks) == expected


def test_lead_of_text() -> None:
    assert lead(f"# 題\n> 引用だ。\n- 項目だ。\n\n{FIRST}{SECOND}\n{THIRD}") == FIRST + SECOND
    assert lead("> 引用だけ。") == "> 引用だけ。"
    assert lead(FIRST + SECOND, sentences=1) == FIRST
    assert lead(FIRST + SECOND, limit=12) == FIRST
    assert lead("長い" * 200 + "。", limit=20).endswith("…")
    assert lead("") == ""


@given(st.text(), st.integers(1, 4), st.integers(0, 60))
def test_lead_fits(text: str, count: int, limit: int) -> None:
    found = lead(text, count, limit)
    assert length(found) <= limit
    assert "\n" not in found
