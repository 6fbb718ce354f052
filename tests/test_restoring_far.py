"""A copy is brought back on Discord and on Slack: what was posted since stands once, and is ours again."""

from __future__ import annotations

from pathlib import Path

from bot import restoring
from bot.settings import Settings
from core.times import now
from storage import copies
from tests import discord_stage, slack_stage
from tests.conftest import found
from tests.discord_stage import CREATE, Stage
from tests.standins.discord import Discord
from tests.standins.slack import Slack

OLD, WAITS, NEW = (found(name, title=f"Piece {name}") for name in ("old", "waits", "new"))


def copied(folder: Path) -> Path:
    copies.copy_verified(folder / "rondan.db", folder / "copy.db")
    return folder / "copy.db"


async def restore(folder: Path) -> None:
    await restoring.restore(Settings(database=folder / "rondan.db"), folder / "copy.db", now)


async def lived(here: Stage | slack_stage.Stage, folder: Path) -> int:
    """One piece that the copy knows as posted, one that it knows as waiting, one that it does not know; gives that."""
    await here.publish(OLD)
    await here.take(WAITS)
    copied(folder)
    await here.settle(times=2, seconds=60)
    number = await here.publish(NEW)
    await here.settle(times=2, seconds=60)
    return number


async def goes_on(here: Stage | slack_stage.Stage) -> int:
    """The same pieces come once more after the restore."""
    await here.settle(times=2, seconds=60)
    for item in (OLD, WAITS, NEW):
        number = await here.take(item)
    await here.settle(times=3, seconds=60)
    rows = await here.db.read("select state, reason, doubted_at from posting")
    assert {(row["state"], row["reason"], row["doubted_at"]) for row in rows} == {("done", "", None)}
    return number


async def test_on_discord(tmp_path: Path) -> None:
    async with Discord() as far:
        far.buckets = False
        guild = far.guild("Publication")
        mika, channels = far.user("mika"), (guild.text("general"), guild.text("essays"), guild.forum("talk"))
        async with discord_stage.stage(far, tmp_path) as here:
            for channel, layout in zip(channels, ("card", "thread", "forum"), strict=True):
                await here.place(channel, layout)
            await lived(here, tmp_path)
            shown = [discord_stage.shown(channel) for channel in channels]
            sent = far.count(CREATE), far.count(discord_stage.POST), far.count(discord_stage.THREAD)
        await restore(tmp_path)
        assert [shown[0].count(one) for one in ("Piece old", "Piece waits", "Piece new")] == [1, 1, 1]
        async with discord_stage.stage(far, tmp_path, clock=here.clock) as here:
            number = await goes_on(here)
            assert [discord_stage.shown(channel) for channel in channels] == shown
            assert (far.count(CREATE), far.count(discord_stage.POST), far.count(discord_stage.THREAD)) == sent
            (card,) = [one for one in channels[0] if "Piece new" in discord_stage.text_of(one)]
            await far.react(mika, card, "👍")
            await here.hear()
            assert len(await here.db.read("select 1 from reaction")) == 1
            await here.retract(number)
            assert discord_stage.text_of(card).startswith("Withdrawn: Piece new")


async def test_on_slack(tmp_path: Path) -> None:
    far = Slack()
    far.limited = False
    channels = far.channel("general"), far.channel("essays")
    mika = far.person("mika")
    async with far:
        async with slack_stage.stage(far, tmp_path) as here:
            for channel, layout in zip(channels, ("card", "thread"), strict=True):
                await here.place(channel, layout)
            await lived(here, tmp_path)
            shown = [here.shown(channel) for channel in channels]
            sent = far.count("chat.postMessage", "")
        await restore(tmp_path)
        moved = here.clock.by
        assert [sum(one in line for line in shown[0]) for one in ("Piece old", "Piece waits", "Piece new")] == [1, 1, 1]
        async with slack_stage.stage(far, tmp_path) as here:
            here.clock.by = moved
            number = await goes_on(here)
            assert [here.shown(channel) for channel in channels] == shown
            assert far.count("chat.postMessage", "") == sent
            (card,) = [one for one in channels[0] if "Piece new" in far.plain(one)]
            await far.react(mika, card, "+1")
            assert await here.rows("select count(*) from reaction") == [(1,)]
            await here.retract(number)
            assert far.plain(card).strip().startswith("Withdrawn: Piece new")
