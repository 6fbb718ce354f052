"""Slack and the rows: posted once; kept before it is acknowledged; what was missed is recalled."""

from __future__ import annotations

import asyncio
import random
import sqlite3
from itertools import pairwise
from pathlib import Path

import aiohttp
import pytest

from bot.platforms.slack import api, sockets
from bot.platforms.slack.hearing import reaction
from core.chat import Heard
from core.errors import RondanError
from tests.conftest import found
from tests.far import Hearing, Mute
from tests.far_slack import adapter
from tests.slack_stage import stage
from tests.standins.slack import Channel, Person, Slack
from tests.waiting import until

PIECE = ["The night bus", "  It runs at last.", "  Costs"]


def far_side(names: int = 1) -> tuple[Slack, list[Channel], Person]:
    far = Slack()
    far.limited = False
    far.retry_after = (0, 0.05, 0.2)
    far.patience = 0.5
    return far, [far.channel(f"c{number}") for number in range(names)], far.person("mika", locale="ja-JP")


# --- posting ---


async def test_a_card_is_one_call_and_a_thread_one_a_message(tmp_path: Path) -> None:
    far, (one, two), _ = far_side(2)
    async with far, stage(far, tmp_path) as here:
        await here.place(one)
        await here.place(two, "thread")
        await here.publish()
        assert here.shown(one) == PIECE[:1]
        assert here.shown(two) == PIECE
        assert far.count("chat.postMessage") == 4
        assert far.count("chat.update") == far.count("conversations.replies") == 0
        assert (far.pings, far.unfurling) == ([], [])


@pytest.mark.parametrize("how", ["500-after", "500-before", "drop-after", "drop-before", "internal_error", 503])
async def test_whatever_becomes_of_an_answer_there_is_one_message(tmp_path: Path, how: str | int) -> None:
    far, (channel,), _ = far_side()
    async with far, stage(far, tmp_path) as here:
        place = await here.place(channel, "thread")
        far.fail("chat.postMessage", times=2, how=how)  # what is in doubt is looked for: the second is another message
        piece = await here.publish()
        await here.settle(times=14, seconds=15)
        assert await here.state(piece, place) == ("done", "")
        assert here.shown(channel) == PIECE


async def test_an_edit_and_a_retraction_reach_what_stands(tmp_path: Path) -> None:
    far, (channel,), _ = far_side()
    async with far, stage(far, tmp_path) as here:
        await here.place(channel, "thread")
        piece = await here.publish()
        await here.publish(found(text="It runs at last, every night."))
        assert here.shown(channel) == ["The night bus", "  It runs at last, every night.", "  Costs"]
        await here.retract(piece)
        [card] = here.shown(channel)
        assert card == "Withdrawn: The night bus"
        assert (far.pings, far.unfurling) == ([], [])


async def test_what_a_moderator_deletes_is_not_posted_again(tmp_path: Path) -> None:
    far, (channel,), _ = far_side()
    async with far, stage(far, tmp_path) as here:
        place = await here.place(channel)
        piece = await here.publish()
        await far.delete(far.messages(channel)[0])
        await here.rows("select 1")
        assert (await here.state(piece, place))[0] == "withdrawn"
        await here.settle(times=3, seconds=60)
        assert far.messages(channel) == []


async def test_a_channel_without_us_pauses_with_what_to_do(tmp_path: Path) -> None:
    far, (channel,), _ = far_side()
    outside = far.channel("outside", bot=False)
    async with far, stage(far, tmp_path) as here:
        await here.place(channel)
        place = await here.place(outside)
        await here.publish()
        assert "invite it with /invite @rondan" in await here.paused(place)
        assert here.shown(channel) == PIECE[:1]


async def test_messages_in_a_channel_keep_its_pace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api, "POST_EVERY", 0.2)
    far, (channel,), _ = far_side()
    async with far, stage(far, tmp_path) as here:
        await here.place(channel, "thread")
        await here.publish()
        posts = [one.at for one in far.log if one.method == "chat.postMessage"]
        assert all(after - before > 0.19 for before, after in pairwise(posts))


async def test_what_slack_finds_too_long_after_all_is_cut_and_keeps_its_buttons(tmp_path: Path) -> None:
    far, (channel,), _ = far_side()
    far.text_budget = 900
    async with far, stage(far, tmp_path) as here:
        place = await here.place(channel)
        piece = await here.publish(found(text="長い話。" * 300, title="The night bus"))
        assert await here.state(piece, place) == ("done", "")
        [card] = far.messages(channel)
        assert len(card.buttons) >= 4


# --- hearing ---


async def test_what_could_not_be_kept_is_not_acknowledged_and_comes_again(tmp_path: Path) -> None:
    far, (channel,), mika = far_side()
    async with far, stage(far, tmp_path) as here:
        await here.place(channel)
        await here.publish()
        keep, refusals = here.ears.keep, 2

        async def moody(event: Heard) -> None:
            nonlocal refusals
            if refusals:
                refusals -= 1
                raise RondanError("the disk is full")
            await keep(event)

        here.ears.keep = moody  # type: ignore[method-assign]
        await far.say(mika, far.messages(channel)[0], "第一声")
        assert await here.rows("select text from comment") == [("第一声",)]
        assert refusals == 0


async def test_nobody_waits_for_a_name_and_it_comes_along_later(tmp_path: Path) -> None:
    far, (channel,), mika = far_side()
    async with far, stage(far, tmp_path) as here:
        await here.place(channel)
        await here.publish()
        far.fail("users.info", times=1, how="slow", delay=0.7)  # longer than the far side waits for an acknowledgement
        await far.say(mika, far.messages(channel)[0], "第一声")
        assert await here.rows("select c.text, p.name from comment c join person p on p.id=c.person_id") == [
            ("第一声", ""),
        ]  # fmt: skip

        async def named() -> bool:
            return await here.rows("select name from person") == [("mika",)]

        await until(named)
        assert len(await here.rows("select 1 from comment")) == 1


async def test_an_event_is_in_the_database_when_it_is_acknowledged(tmp_path: Path) -> None:
    far, (channel,), mika = far_side()
    async with far, stage(far, tmp_path) as here:
        await here.place(channel)
        await here.publish()
        await far.react(mika, far.messages(channel)[0], "👍")
        await far.delivered()
        assert len(await here.db.read("select 1 from heard")) == 1


@pytest.mark.parametrize("http", [False, True])
async def test_a_storm_in_any_order_with_doubles_comes_out_as_the_server_has_it(tmp_path: Path, http: bool) -> None:
    dice = random.Random(7)
    far, channels, _ = far_side(3)
    far.patience = 10.0  # what is measured elsewhere is how fast; a busy machine loses nothing either
    people = [far.person(f"p{number}") for number in range(40)]
    async with far, stage(far, tmp_path, http=http) as here:
        for channel in channels:
            await here.place(channel)
        await here.publish()
        cards = [far.messages(channel)[0] for channel in channels]
        said = []
        with far.burst(shuffled=True, doubled=0.2):
            for number in range(5000 if not http else 600):
                card, who = dice.choice(cards), dice.choice(people)
                match dice.randrange(5):
                    case 0:
                        said.append(await far.say(who, card, f"words {number}"))
                    case 1 if said:
                        one = dice.choice(said)
                        await far.edit(one.author, one, f"other words {number}")
                    case 2 if said:
                        await far.delete(said.pop(dice.randrange(len(said))))
                    case _:
                        sign = dice.choice(["👍", "👎", "💡"])
                        await far.react(who, card, sign, added=dice.random() < 0.7)
        await far.delivered(within=120)
        there = {(one.ts, one.text) for one in said}
        rows = await here.rows(
            "select a.anchor, c.text from comment c join anchor a on a.id=c.anchor_id where c.state <> 'erased'"
        )
        assert set(rows) == there
        assert len(rows) == len(there)
        whose = here.db.whose
        reacted = {(card.ts, whose("slack", who), kind) for card in cards for (kind, who) in standing(card)}
        assert {
            (row[0], row[1], row[2])
            for row in await here.rows(
                """select a.anchor, p.hash, e.name from reaction r join anchor a on a.id=r.anchor_id
                   join person p on p.id=r.person_id join emoji e on e.id=r.emoji_id where r.present=1"""
            )
        } == reacted


def standing(message: object) -> set[tuple[str, str]]:
    """(sign, account) of the reactions that the server shows."""
    raw = message.raw()  # type: ignore[attr-defined]
    return {(reaction(one["name"])[0], who) for one in raw.get("reactions") or () for who in one["users"]}


async def test_what_happened_during_an_outage_is_recalled(tmp_path: Path) -> None:
    far, (channel,), mika = far_side()
    other = far.person("otto")
    async with far:
        async with stage(far, tmp_path) as here:
            await here.place(channel, "thread")
            await here.publish()
            card = far.messages(channel)[0]
            kept, lost = await far.say(mika, card, "kept"), await far.say(mika, card, "lost")
            await far.react(mika, card, "👍")
            assert len(await here.rows("select 1 from comment")) == 2
        far.outbox.open = False  # Slack has given up sending it again
        await far.edit(mika, kept, "kept, edited")
        await far.delete(lost)
        await far.say(other, card, "new")
        await far.react(mika, card, "👍", added=False)
        await far.react(other, card, "👎")
        far.outbox.open = True
        async with stage(far, tmp_path) as here:
            await here.ears.recall(here.chat)
            assert await here.rows("select text from comment where state <> 'erased' order by at") == [
                ("kept, edited",), ("new",),
            ]  # fmt: skip
            assert await here.rows("select stance from stance") == [("disagree",)]
            before = far.count("reactions.get")
            await here.ears.recall(here.chat)
            assert far.count("reactions.get") == before, "nothing new: nobody is asked who reacted"


async def test_talk_that_is_not_ours_is_not_kept(tmp_path: Path) -> None:
    far, (channel,), mika = far_side()
    elsewhere = far.channel("elsewhere")
    async with far, stage(far, tmp_path) as here:
        await here.place(channel)
        await here.publish()
        talk = await far.say(mika, channel, "good morning")
        await far.say(mika, talk, "good morning to you")
        await far.say(mika, elsewhere, "secret plans")
        assert await here.rows("select 1 from comment") == []
        assert await here.rows("select body from parked") == []


async def test_what_becomes_of_a_channel_becomes_of_its_place(tmp_path: Path) -> None:
    far, (renamed, archived, left, deleted), _ = far_side(4)
    async with far, stage(far, tmp_path) as here:
        made = [await here.place(one) for one in (renamed, archived, left, deleted)]
        await far.rename(renamed, "town-hall")
        await far.archive(archived)
        await far.leave(left)
        await far.delete_channel(deleted)
        names = await here.rows("select name from place order by id limit 1")
        assert names == [("#town-hall",)] or names == [("",)], "a name that somebody gave stays"
        assert [bool(await here.paused(place)) for place in made] == [False, True, True, True]


async def test_an_uninstalled_app_pauses_its_places(tmp_path: Path) -> None:
    far, (channel,), _ = far_side()
    async with far, stage(far, tmp_path) as here:
        place = await here.place(channel)
        await here.rows("select 1")  # where the place is, is known
        await far.uninstall()
        await far.delivered()
        await here.ears.fold_all()
        assert await here.paused(place)


async def test_broadcasts_count_and_previews_are_no_edits(tmp_path: Path) -> None:
    far, (channel,), mika = far_side()
    async with far, stage(far, tmp_path) as here:
        await here.place(channel)
        await here.publish()
        card = far.messages(channel)[0]
        said = await far.say(mika, card, "見て https://example.org &amp; <b>", broadcast=True)
        await far.unfurl(said)
        await far.unfurl(card)
        assert await here.rows("select text, edited_at from comment") == [
            ("見て https://example.org &amp; <b>", None),
        ]  # fmt: skip


async def test_a_database_that_is_locked_in_a_storm_loses_nothing(tmp_path: Path) -> None:
    far, (channel,), mika = far_side()
    far.patience, far.retry_after = 0.5, (0, 0.5, 1.0, 2.0)
    async with far, stage(far, tmp_path) as here:
        await here.place(channel)
        await here.publish()
        card = far.messages(channel)[0]
        lock = sqlite3.connect(tmp_path / "rondan.db", isolation_level=None)
        lock.execute("begin immediate")
        said = [await far.say(mika, card, f"words {number}") for number in range(100)]
        await asyncio.sleep(1.5)
        lock.execute("rollback")
        lock.close()
        assert len(await here.rows("select 1 from comment")) == len(said)


# --- the connection ---


async def test_a_dead_address_is_left_for_a_new_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sockets, "STALE", 0.3)
    monkeypatch.setattr(sockets, "PING", 0.5)  # also the pause after a connection failed
    far, (channel,), mika = far_side()
    async with far:
        far.dead_urls(2)
        async with stage(far, tmp_path) as here:
            await here.place(channel)
            await here.publish()
            await far.say(mika, far.messages(channel)[0], "heard")
            assert await here.rows("select text from comment") == [("heard",)]


async def test_bolts_own_settings_change_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("SLACK_CLIENT_ID", "SLACK_CLIENT_SECRET", "SLACK_BOT_TOKEN", "SLACK_SIGNING_SECRET"):
        monkeypatch.setenv(name, "something else")
    far, (channel,), mika = far_side()
    async with far, stage(far, tmp_path) as here:
        await here.place(channel)
        await here.publish()
        await far.react(mika, far.messages(channel)[0], "👍")
        assert await here.rows("select stance from stance") == [("agree",)]


async def test_an_unsigned_request_is_refused(tmp_path: Path) -> None:
    far, _, _ = far_side()
    async with far:
        made = adapter(far, http=True)
        addresses: asyncio.Queue[str] = asyncio.Queue()
        made._ready = addresses.put_nowait
        running = asyncio.create_task(made.run(Mute(), Hearing()))
        address = await asyncio.wait_for(addresses.get(), 10)
        body = '{"type":"event_callback","event":{"type":"message"}}'
        async with aiohttp.ClientSession() as session:
            for headers in ({}, far.sign(body, secret="wrong"), far.sign(body, at=1_000_000_000)):
                async with session.post(
                    address, data=body, headers={**headers, "Content-Type": "application/json"}
                ) as answer:
                    assert answer.status == 401
            async with session.post(address.replace("/slack/events", "/"), data=body) as answer:
                assert answer.status == 404
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
