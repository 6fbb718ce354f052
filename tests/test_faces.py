"""How a piece is shown: nothing lost in splitting, everything reachable in reading, no more than a source allows."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.document import (
    Block,
    Document,
    Heading,
    Item,
    List,
    Paragraph,
    Quote,
    Span,
    Table,
    plain,
    spans,
    words_of,
)
from core.faces import EXCERPT, PAGE, card, full_text, leaves, page, pages, shareable
from core.message import Message, message_from_json, message_to_json, to_text
from core.outline import outline
from core.pieces import Piece, PieceNumber, PieceUid, TextMode, outline_from_json, outline_to_json
from core.splitting import cut_spans, split_blocks
from core.stances import DEFAULT
from core.text import length

LONG = "夜行バスは町の暮らしを支えている。" * 400


def piece(*blocks: Block, mode: TextMode = "full", url: str | None = "https://example.org/1") -> Piece:
    return Piece(
        number=PieceNumber(1),
        uid=PieceUid("abcdef012345"),
        source=1,
        source_kind="file",
        text_mode=mode,
        state="published",
        revision=1,
        title="夜行バスの町",
        url=url,
        author="佐伯",
        language="ja",
        published=datetime(2026, 11, 20, 20, tzinfo=UTC),
        embargo=None,
        outline=outline(Document(blocks=blocks), title="夜行バスの町", default_language="ja"),
    )


def words(text: str) -> Paragraph:
    return Paragraph(spans=spans(text))


def essay(mode: TextMode = "full") -> Piece:
    return piece(
        words("はじめに、町の話をする。"),
        Heading(level=2, spans=spans("費用")),
        words(LONG),
        Heading(level=2, spans=spans("乗る人")),
        List(
            ordered=True,
            items=(Item(marker="1.", blocks=(words("看護師"),)), Item(marker="2.", blocks=(words("秘密"),))),
        ),
        mode=mode,
    )


TEXT = st.text(alphabet="あいう漢字。、「」 abc.\n👩‍👩‍👧🇯🇵", max_size=120)
BLOCK = st.one_of(
    st.builds(words, TEXT),
    st.builds(lambda text: Heading(level=2, spans=spans(text)), TEXT),
    st.builds(
        lambda texts: List(
            ordered=True, items=tuple(Item(marker=f"{n}.", blocks=(words(text),)) for n, text in enumerate(texts, 1))
        ),
        st.lists(TEXT, max_size=4),
    ),
    st.builds(lambda text: Quote(blocks=(words(text),)), TEXT),
    st.builds(lambda text: Table(header=False, rows=((spans(text), spans(text)),)), TEXT),
)


@given(st.lists(BLOCK, max_size=6), st.integers(50, 200))
def test_splitting_keeps_every_word_in_order_and_every_group_within_its_limit(blocks: list[Block], limit: int) -> None:
    groups = split_blocks(blocks, limit)
    before = "".join("".join(plain(block).split()) for block in blocks)
    after = "".join("".join(plain(block).split()) for group in groups for block in group)
    assert after == before
    for group in groups:
        assert sum(length(plain(block)) for block in group) <= limit


@given(st.lists(st.builds(Span, text=TEXT, bold=st.booleans()), max_size=5), st.integers(8, 60))
def test_cut_spans_keep_text_and_style(run: list[Span], limit: int) -> None:
    parts = cut_spans(tuple(run), limit)
    assert "".join(words_of(part) for part in parts) == words_of(tuple(run))
    bold = "".join(span.text for part in parts for span in part if span.bold)
    assert bold == "".join(span.text for span in run if span.bold)


def test_every_page_names_the_next_and_leads_to_the_end() -> None:
    key, seen = "-", []
    while True:
        message = page(essay(), key, "ja")
        assert message is not None
        text = to_text(message)
        seen.append(text)
        turn = [action for action in message.actions if ":page:" in action.id]
        following = turn[0].id.split(":")[-1] if turn else "-"
        if following == "-":
            break
        assert "次: " in text
        key = following
    assert len(seen) == len(pages(essay()))
    assert "秘密" in seen[-1]
    assert "記事はここまでです。" in seen[-1]
    assert all(length(text) < PAGE + 200 for text in seen)


def test_a_button_id_is_short_ascii_whatever_the_piece() -> None:
    for message in (card(essay(), "ja", "Asia/Tokyo", DEFAULT), page(essay(), "-", "ja")):
        assert message is not None
        assert all(len(action.id) <= 100 and action.id.isascii() for action in message.actions)


@pytest.mark.parametrize("mode", ["excerpt", "link"])
def test_no_more_than_a_source_allows_is_shown_anywhere(mode: TextMode) -> None:
    shown = essay(mode)
    everything = [
        to_text(wanted.message) for wanted in leaves(shown, "thread", "ja", "UTC", DEFAULT, 4000) if wanted.message
    ]
    everything += [to_text(message) for one in pages(shown) if (message := page(shown, one.key, "ja"))]
    everything.append(full_text(shown))
    assert not any("秘密" in text for text in everything)
    assert all(LONG[:EXCERPT] not in text for text in everything)
    if mode == "link":
        assert not any("町の話" in text for text in everything)
        assert not list(shareable(shown.outline, mode).sections())


def test_a_card_says_the_day_of_its_place() -> None:
    assert "2026年11月21日" in to_text(card(essay(), "ja", "Asia/Tokyo", DEFAULT))
    assert "20 Nov 2026" in to_text(card(essay(), "en", "UTC", DEFAULT))


def test_a_withdrawn_card_says_when_and_why() -> None:
    gone = replace(essay(), state="retracted", note="数字の誤り\n2026-11-22T16:00:00+00:00")
    text = to_text(card(gone, "ja", "Asia/Tokyo", DEFAULT))
    assert text == "取り下げ: 夜行バスの町\nこの記事は2026年11月23日に発行者が取り下げました。\n理由: 数字の誤り"
    assert card(gone, "ja", "Asia/Tokyo", DEFAULT).actions == ()


def test_messages_and_outlines_survive_their_stored_form() -> None:
    for wanted in leaves(essay(), "thread", "ja", "UTC", DEFAULT, 1000):
        assert isinstance(wanted.message, Message)
        assert message_from_json(message_to_json(wanted.message)) == wanted.message
    understood = essay().outline
    assert outline_from_json(outline_to_json(understood)) == understood


def test_a_digest_changes_with_what_is_shown_only() -> None:
    one = card(essay(), "ja", "Asia/Tokyo", DEFAULT)
    assert one.digest() == card(essay(), "ja", "Asia/Tokyo", DEFAULT).digest()
    assert one.digest() != card(replace(essay(), title="別の題"), "ja", "Asia/Tokyo", DEFAULT).digest()
