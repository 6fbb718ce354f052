"""Corrections: what an edit changed is told on the card; a slip of the pen is none unless a moderator says so."""

from __future__ import annotations

import time

import pytest

from core.corrections import MOST, changes, is_slip
from core.document import Paragraph, spans
from core.message import to_text
from core.pieces import Changed, Outline, Part, Section
from tests.conftest import found
from tests.newsroom import MODERATOR, READER, Newsroom


def text(*sentences: str, language: str = "en") -> Outline:
    block = Paragraph(spans=spans(" ".join(sentences) if language == "en" else "".join(sentences)))
    section = Section(key="a", level=2, heading=None, voice="summary", blocks=(block,))
    return Outline(language=language, parts=(Part(sections=(section,)),))


def test_replaced_and_removed_sentences_are_told_and_added_ones_are_not() -> None:
    old = text("It costs 3 million.", "The town pays.", "Nobody objects.")
    new = text("It costs 5 million.", "The town pays.", "It opens in May.")
    assert changes(old, new) == (
        Changed(before="It costs 3 million.", after="It costs 5 million."),
        Changed(before="Nobody objects.", after="It opens in May."),
    )
    assert changes(text("One is here.", "Two is gone."), text("One is here.")) == (
        Changed(before="Two is gone.", after=""),
    )
    assert changes(text("One is here."), text("One is here.", "Two came.")) == ()
    many = [text(*(f"Number {n} is {word}." for n in range(20))) for word in ("big", "small")]
    assert len(changes(*many)) == MOST


def test_japanese_is_compared_by_sentence_too() -> None:
    old = text("費用は3億円です。", "町が払います。", language="ja")
    new = text("費用は5億円です。", "町が払います。", language="ja")
    assert changes(old, new) == (Changed(before="費用は3億円です。", after="費用は5億円です。"),)


@pytest.mark.parametrize(
    ("before", "after", "slip"),
    [
        ("The goverment pays.", "The government pays.", True),
        ("It costs 3 million.", "It costs 4 million.", False),
        ("It is now closed.", "It is not closed.", False),
        ("The plan is legal.", "The plan is illegal.", False),
        ("It came,late.", "It came, late.", True),
        ("全ての人が払います。", "全ての人が払いません。", False),
        ("費用は３億円です。", "費用は3億円です。", True),
        ("市が払う。", "県が払う。", False),
        ("Gone.", "", False),
    ],
)
def test_what_a_slip_of_the_pen_is(before: str, after: str, slip: bool) -> None:
    assert is_slip(before, after) is slip


def test_a_long_hostile_text_is_compared_in_bounded_time() -> None:
    began = time.process_time()
    changes(text(*(["Same words here."] * 4000)), text(*(["Same words here.", "Others there."] * 2000)))
    changes(text(*(f"Words {n % 100}." for n in range(4000))), text(*(f"Words {n * 7 % 130}." for n in range(4000))))
    assert not is_slip("a" * 100_000, "b" * 100_000)
    assert time.process_time() - began < 5


def card(room: Newsroom) -> str:
    message = room.chat.room.entries("general")[0].message
    assert message is not None
    return to_text(message)


async def test_an_edited_sentence_is_told_on_the_card_everywhere(room: Newsroom) -> None:
    await room.publish(found(text="It costs 3 million. It runs at last."))
    room.clock.move(days=1)
    await room.publish(found(text="It costs 5 million. It runs at last."))
    assert "Corrected on 21 Nov 2026." in card(room)
    assert "It said “It costs 3 million.”; now it says “It costs 5 million.”." in card(room)
    assert len(room.chat.room.entries("general")) == 1
    room.clock.move(days=1)
    await room.publish(found(text="It costs 6 million. It runs at last."))
    assert "Corrected on 22 Nov 2026." in card(room)
    assert "3 million" not in card(room)
    assert "Also corrected on 21 Nov 2026." in card(room)


async def test_a_slip_is_no_correction_unless_a_moderator_says_so(room: Newsroom) -> None:
    number = await room.publish(found(text="The goverment pays."))
    await room.publish(found(text="The government pays."))
    assert "Corrected" not in card(room)
    told = await room.text(f'/mod correct {number} note:"The name was misspelt"', MODERATOR)
    assert told == "#1 is marked as corrected at 1 place."
    assert "Corrected on 20 Nov 2026. The name was misspelt" in card(room)
    assert "“The goverment pays.”" in card(room)
    assert "The name was misspelt" in await room.text("/digest")
    assert "no longer marked" in await room.text(f"/mod correct {number} undo:yes", MODERATOR)
    assert "Corrected" not in card(room)
    assert not (await room.ask(f"/mod correct {number} undo:yes", MODERATOR)).ok
    assert not (await room.ask(f"/mod correct {number} note:me too", READER)).ok


async def test_sentences_of_a_source_that_allows_an_excerpt_are_not_told(room: Newsroom) -> None:
    await room.publish(found(text="It costs 3 million."), "excerpt")
    await room.publish(found(text="It costs 5 million."), "excerpt")
    assert "Corrected on 20 Nov 2026." in card(room)
    assert "3 million" not in card(room)
