"""What pieces say under their own labels: grouped, merged, found by a topic's names, word for word."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from core.document import Block, Document, Heading, Paragraph, spans
from core.outline import outline
from core.pieces import Piece, PieceNumber, PieceUid, TextMode, Topic
from core.text import fold
from digest.points import A_PIECE, mention, points
from digest.sketch import Account, Verbatim
from digest.summary import summarize

NEWEST = datetime(2026, 11, 20, tzinfo=UTC)


def piece(number: int, *sections: tuple[str, str], mode: TextMode = "full", title: str = "市の夜行バス") -> Piece:
    """A piece of sections (heading, text); a higher number is a newer one."""
    blocks: list[Block] = [
        block
        for heading, text in sections
        for block in (Heading(level=2, spans=spans(heading)), Paragraph(spans=spans(text)))
    ]
    understood = outline(Document(blocks=tuple(blocks)), title=title, default_language="ja")
    return Piece(
        number=PieceNumber(number), uid=PieceUid(f"{number:012x}"), source=1, source_kind="file", text_mode=mode,
        state="published", revision=1, title=title, url=None, author=None, language=understood.language,
        published=NEWEST - timedelta(days=100 - number), embargo=None, outline=understood,
    )  # fmt: skip


BUS = piece(
    1,
    ("課題", "運賃が高く、利用者は夜勤の人に限られている。"),
    ("結論", "市は来年度も赤字を承知で運行を続けるべきである。"),
)
TRAM = piece(
    2,
    ("課題", "線路の補修には四十年分の積み残しがある。"),
    ("展望", "新しい車両は二年後に届き、揺れはほとんどなくなる。"),
    title="路面電車",
)


def shown(*pieces: Piece, topic: Topic | None = None, only_about: bool = False) -> list[tuple[str, int, str]]:
    found = points(pieces, topic, [], only_about=only_about)
    return [(one.label, one.said.piece, one.said.text) for one in found]


def test_a_label_that_pieces_share_comes_first_with_the_newest_on_top() -> None:
    assert shown(BUS, TRAM) == [
        ("課題", 2, "線路の補修には四十年分の積み残しがある。"),
        ("課題", 1, "運賃が高く、利用者は夜勤の人に限られている。"),
        ("展望", 2, "新しい車両は二年後に届き、揺れはほとんどなくなる。"),
        ("結論", 1, "市は来年度も赤字を承知で運行を続けるべきである。"),
    ]
    assert shown(TRAM, BUS) == shown(BUS, TRAM)


def test_nearly_the_same_is_said_once_by_the_newer_that_names_the_other() -> None:
    older = piece(3, ("課題", "運賃が高く、利用者は夜勤の人に限られている。"))
    newer = piece(4, ("問題点", "運賃が高く、利用者は夜勤の人にほぼ限られている。"))
    (point,) = points([older, newer], None, [], only_about=False)
    assert (point.label, point.said.piece, point.also) == ("問題点", 4, (3,))


def test_what_the_account_of_a_piece_says_is_not_said_again() -> None:
    account = Account(piece=1, sentences=(Verbatim(piece=1, text="市は来年度も赤字を承知で運行を続けるべきである。"),))
    assert [one.label for one in points([BUS], None, [account], only_about=False)] == ["課題"]


def test_a_piece_has_a_few_points_and_conclusions_go_before_others() -> None:
    many = piece(
        5,
        ("背景", "終電は二十年前から早まり続けている。"),
        ("経緯", "議会は三度にわたって予算案を差し戻した。"),
        ("費用", "年に一億二千万円が一般会計から出ていく。"),
        ("効果", "看護師の離職が目に見えて減ったという。"),
        ("結論", "続けるかどうかは住民投票で決めるのがよい。"),
    )
    found = shown(many)
    assert len(found) == A_PIECE
    assert "結論" in [label for label, _, _ in found]


def test_sentences_are_word_for_word_and_know_their_section() -> None:
    for one in points([BUS, TRAM], None, [summarize(BUS)], only_about=False):
        whole = {1: BUS, 2: TRAM}[one.said.piece]
        section = next(each for each in whole.outline.sections() if each.key == one.said.section)
        assert section.heading == one.label


def test_of_a_source_that_allows_a_link_only_nothing_is_said() -> None:
    assert shown(piece(6, ("課題", "秘密の文がここにある。"), mode="link")) == []


def test_a_company_gathers_the_sections_about_it() -> None:
    toyota = Topic(
        id=1, key="トヨタ", names={"ja": "トヨタ", "en": "Toyota"}, aliases=("トヨタ自動車",), kind="company"
    )
    one = piece(
        7,
        ("業績", "市場は静かだった。トヨタ自動車は通期の見通しを引き上げた。"),
        ("天気", "週末は各地で雪が降り、交通が乱れた。"),
    )
    two = piece(8, ("Toyotaの電池", "新しい電池は来年から量産に入る見込みだという。"), title="電池")
    assert shown(one, two, topic=toyota, only_about=True) == [
        ("Toyotaの電池", 8, "新しい電池は来年から量産に入る見込みだという。"),
        ("業績", 7, "トヨタ自動車は通期の見通しを引き上げた。"),
    ]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("アマは強い", True), ("アマゾンは強い", False), ("イアマ", False), ("the AI boom", True), ("said so", False),
        ("生成AIは", True), ("東京都の予算", True), ("", False),
    ],
)  # fmt: skip
def test_names_are_found_as_wholes(text: str, found: bool) -> None:
    assert bool(mention(["アマ", "AI", "東京"]).search(fold(text))) is found


def test_no_name_finds_nothing() -> None:
    assert mention([]).search("anything") is None
    assert mention([" "]).search("any thing") is None
