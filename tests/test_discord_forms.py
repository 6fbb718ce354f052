"""Text that is too long or odd, and servers that do not know Components V2: nothing is lost."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import structlog
from structlog.testing import LogCapture

from core.document import Document, Heading, Paragraph, Span, spans
from core.message import Message, to_text
from tests.conftest import found
from tests.discord_stage import (
    CREATE,
    Stage,
    essay,
    shown,
    stage,
    text_of,
)
from tests.standins.discord import Discord

SECTIONS = (("Costs", "Less than feared."), ("Riders", "Nurses, bakers and one owl."))
NIGHT = essay(*SECTIONS)


@pytest.fixture
async def far() -> AsyncIterator[Discord]:
    async with Discord() as far:
        far.buckets = False
        yield far
        assert far.unguarded == []
        assert far.statuses[403] == 0


@pytest.fixture
async def here(far: Discord, tmp_path: Path) -> AsyncIterator[Stage]:
    async with stage(far, tmp_path) as here:
        yield here


async def rename(here: Stage, **more: object) -> None:
    await here.publish(essay(*SECTIONS, title="The night bus runs", **more))


@pytest.fixture
def logs() -> LogCapture:
    capture = LogCapture()
    structlog.configure(processors=[capture], wrapper_class=structlog.make_filtering_bound_logger(0))
    return capture


# --- long and odd text ---


def words(*, count: int = 3400) -> str:
    return ("終夜運転のバスは、町の人がみな思っていたよりも安く、そして静かに走った。" * 200)[:count]


async def test_a_long_japanese_section_is_whole_and_never_too_big(here: Stage, far: Discord) -> None:
    channel = far.guild("Town").text("news")
    await here.place(channel, "thread", language="ja")
    await here.publish(essay(("費用", words()), language="ja"))
    thread = far.messages(channel)[0].thread
    assert thread is not None
    inside = [text_of(one) for one in thread if one.type == 0]
    assert len(inside) == 3
    assert "".join(inside).replace("\n", "").endswith("費用" + words())
    assert far.statuses[500] == far.statuses[400] == 0


@pytest.mark.parametrize(
    "text", ["*" * 3000, "\\_" * 2000, "@everyone " * 500, "https://a.example/ " * 150], ids=str.split
)
async def test_text_that_grows_by_escaping_is_whole(here: Stage, far: Discord, text: str) -> None:
    channel = far.guild("Town").text("news")
    await here.place(channel, "thread")
    await here.publish(essay(("Signs", text)))
    thread = far.messages(channel)[0].thread
    assert thread is not None
    said = "".join(text_of(one) for one in thread if one.type == 0)
    assert "".join(said.split()) == "".join(("It runs at last.Signs" + text).split())
    assert far.statuses[500] == far.statuses[400] == 0
    assert far.pings == []


async def test_a_section_of_long_addresses_is_whole(here: Stage, far: Discord) -> None:
    channel = far.guild("Town").text("news")
    await here.place(channel, "thread")
    links = tuple(Span(text=f"source {n} ", link=f"https://example.org/{n}/{'x' * 150}") for n in range(60))
    document = Document(blocks=(Heading(level=2, spans=spans("Sources")), Paragraph(spans=links)))
    await here.publish(found(document=document))
    thread = far.messages(channel)[0].thread
    assert thread is not None
    said = "".join(text_of(one) for one in thread if one.type == 0)
    assert all(f"https://example.org/{n}/" in said for n in range(60))
    assert far.statuses[500] == far.statuses[400] == 0


async def test_a_card_that_is_too_long_ends_with_a_sign_and_keeps_its_buttons(here: Stage, far: Discord) -> None:
    channel = far.guild("Town").text("news")
    place = await here.place(channel)
    message = Message(title="t", blocks=tuple(Paragraph(spans=spans(words(count=900))) for _ in range(9)))
    await here.chat.send(place, message, "a" * 24)
    said = text_of(far.messages(channel)[0])
    assert said.endswith("…")
    assert to_text(message).startswith(said.removesuffix("…").strip()[:800])
    assert far.statuses[500] == far.statuses[400] == 0


# --- servers without Components V2 ---


@pytest.mark.parametrize("layout", ["thread", "forum"])
async def test_a_server_without_components_gets_embeds_and_edits_of_them(
    here: Stage, far: Discord, logs: LogCapture, layout: str
) -> None:
    far.components_v2 = False
    guild = far.guild("Town")
    channel = guild.text("news") if layout == "thread" else guild.forum("pieces")
    await here.place(channel, layout)
    await here.publish(NIGHT)
    await rename(here)
    assert shown(channel)[0] == "The night bus runs"
    assert len(shown(channel)) == (4 if layout == "thread" else 5)
    assert far.statuses[400] == 1, "it is learned once"
    assert [one["event"] for one in logs.entries].count("discord.no-components") == 1


async def test_after_a_restart_edits_of_embeds_stay_embeds(far: Discord, tmp_path: Path) -> None:
    far.components_v2 = False
    channel = far.guild("Town").text("news")
    async with stage(far, tmp_path) as here:
        await here.place(channel)
        await here.publish(NIGHT)
    async with stage(far, tmp_path) as again:
        await rename(again)
    assert shown(channel) == ["The night bus runs"]


async def test_a_server_that_learned_components_gets_them_and_keeps_both(far: Discord, tmp_path: Path) -> None:
    far.components_v2 = False
    channel = far.guild("Town").text("news")
    async with stage(far, tmp_path) as here:
        await here.place(channel)
        await here.publish(NIGHT)
    far.components_v2 = True
    async with stage(far, tmp_path) as again:
        await rename(again)
        await again.publish(found("other", title="Other"))
    assert shown(channel) == ["The night bus runs", "Other"]
    assert all(not one.embeds and one.components for one in far.messages(channel))
    assert far.statuses[400] == 1


async def test_one_message_that_is_refused_as_components_changes_nothing_for_the_others(
    here: Stage, far: Discord
) -> None:
    channel = far.guild("Town").text("news")
    place = await here.place(channel)
    await here.publish(NIGHT)
    far.fail(CREATE, how=(400, 50035))
    await here.publish(found("odd", title="Odd"))
    await here.publish(found("other", title="Other"))
    assert shown(channel) == ["The night bus", "Odd", "Other"]
    assert [bool(one.embeds) for one in far.messages(channel)] == [False, True, False]
    await here.publish(found("odd", title="Odd indeed"))
    assert shown(channel) == ["The night bus", "Odd indeed", "Other"]
    assert await here.paused(place) is None
