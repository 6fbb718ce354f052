"""Several processes over one database share the work out by leases, and none of it is done twice or by nobody."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest

from bot import roles
from bot.collect import Collector
from bot.roles import Alone, Shared
from bot.supervision import Service
from core.chat import Commented, Person, Place
from core.stances import DEFAULT
from core.times import EPOCH
from storage import lanes, leases, places, postings, schema
from storage.db import Db, Tx
from storage.leases import Share, falls
from storage.memos import Memos
from storage.postgres import PgDb
from tests.conftest import SetClock, add_place
from tests.standins import postgres as pg
from tests.waiting import until

SIZES = {"discord": 1, "keeping": 1, "feeds": 8}
BEAT = 0.02


@pytest.fixture(autouse=True)
def _hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(roles, "BEAT", BEAT)


@asynccontextmanager
async def member(db: Db, name: str) -> AsyncIterator[Shared]:
    """A process that takes part, without dying politely at the end."""
    one = Shared(db, name, SIZES, Memos(db, ""))
    task = asyncio.create_task(one.run())
    try:
        yield one
    finally:
        task.cancel()
        await asyncio.wait([task])


def parts(some: Sequence[Shared], role: str) -> list[tuple[int, ...]]:
    return [one.share(role).mine for one in some]


async def test_one_alone_has_all_and_two_have_half_each(db: Db) -> None:
    async with member(db, "one") as one:
        await until(lambda: one.share("feeds").mine == tuple(range(8)))
        assert one.share("discord") == Share(1, (0,))
        async with member(db, "two") as two:
            await until(lambda: len(two.share("feeds").mine) == 5)
            await until(lambda: sorted(sum(parts([one, two], "feeds"), ())) == list(range(8)))
            assert one.share("discord").mine == (0,), "what costs most to give back is kept"
            assert two.share("discord").mine == ()


async def test_no_part_is_ever_two_processes_at_once(db: Db) -> None:
    """Watched at every step while five come and go."""
    seen: list[list[int]] = []
    async with AsyncExitStack() as stack:
        some: list[Shared] = []
        for name in "abcde":
            some.append(await stack.enter_async_context(member(db, name)))
            for _ in range(20):
                seen.append([part for mine in parts(some, "feeds") for part in mine])
                await asyncio.sleep(BEAT / 3)
        await until(lambda: sorted(sum(parts(some, "feeds"), ())) == list(range(8)))
    assert all(len(one) == len(set(one)) for one in seen)


async def test_what_a_dead_process_had_is_taken_when_its_leases_end(db: Db, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(roles, "LEASE", 0.6)
    monkeypatch.setattr(roles, "MARGIN", 0.2)
    async with member(db, "dies") as dies:
        await until(lambda: len(dies.share("feeds").mine) == 8)
    async with member(db, "lives") as lives:
        await until(lambda: lives.share("feeds").mine == tuple(range(8)))
        assert dies.share("feeds").mine == (), "it knows by its own clock, though nobody told it"
        assert await leases.owners(db) == {"lives": sorted(f"{role}/{n}" for role in SIZES for n in range(SIZES[role]))}


async def test_who_leaves_gives_back_at_once(db: Db) -> None:
    async with member(db, "leaves") as leaves:
        await until(lambda: len(leaves.share("feeds").mine) == 8)
    await leaves.leave()
    async with member(db, "stays") as stays:
        await until(lambda: len(stays.share("feeds").mine) == 8)


async def all_due(db: Db) -> None:
    """Something waits at every place."""

    async def work(tx: Tx) -> None:
        for place in await places.in_tx(tx):
            await postings.want(tx, place.id, "piece", 1, due=EPOCH, now=EPOCH)

    await db.write(work)


async def test_the_lanes_of_a_dead_process_are_free_with_its_leases(
    db: Db, clock: SetClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not a minute later, when their own leases would end."""
    monkeypatch.setattr(roles, "LEASE", 0.6)
    monkeypatch.setattr(roles, "MARGIN", 0.2)
    await add_place(db, clock)
    await all_due(db)
    async with member(db, "dies") as dies:
        await until(lambda: bool(dies.share("feeds").mine))
        assert await lanes.claim(db, "dies", clock(), 60_000_000, 1)
    assert not await lanes.claim(db, "lives", clock(), 60_000_000, 1)
    async with member(db, "lives") as lives:
        await until(lambda: bool(lives.share("feeds").mine))
        assert await lanes.claim(db, "lives", clock(), 60_000_000, 1)


async def test_work_is_done_by_who_holds_it_and_stops_before_it_is_given_back(db: Db) -> None:
    working: list[str] = []
    overlaps: list[list[str]] = []

    def work(name: str) -> Service:
        async def service() -> None:
            working.append(name)
            overlaps.append(list(working))
            try:
                await asyncio.Event().wait()
            finally:
                await asyncio.sleep(0.1)  # it takes a while to stop
                working.remove(name)

        return service

    async with member(db, "one") as one:
        held = [asyncio.create_task(one.hold("feeds", work(f"one {n}"))) for n in range(2)]  # two services, one role
        await until(lambda: sorted(working) == ["one 0", "one 1"])
        async with member(db, "two") as two:
            await until(lambda: bool(two.share("feeds").mine))
            await until(lambda: one.share("feeds").mine == (0, 1, 2))
        for task in held:
            task.cancel()
        await asyncio.wait(held)
    assert all(len(set(names)) == len(names) for names in overlaps)
    assert len(overlaps) >= 4, "anew with another share"


async def test_a_service_that_ends_or_fails_does_so_for_its_supervisor(db: Db) -> None:
    async def fails() -> None:
        raise LookupError("no")

    async with member(db, "one") as one:
        with pytest.raises(LookupError):
            await one.hold("keeping", fails)
    with pytest.raises(LookupError):
        await Alone().hold("keeping", fails)
    assert Alone().share("keeping") is None


async def test_a_role_gets_more_parts_when_discord_tells_of_more_shards(db: Db) -> None:
    async with member(db, "one") as one, member(db, "two") as two:
        await until(lambda: sum(map(len, parts([one, two], "discord"))) == 1)
        await one.size("discord", 4)
        await until(lambda: sorted(sum(parts([one, two], "discord"), ())) == [0, 1, 2, 3])
        assert one.share("discord").of == two.share("discord").of == 4


async def test_the_places_of_a_server_are_published_by_who_listens_to_it(db: Db, clock: SetClock) -> None:
    servers = [1 << 22, 2 << 22, 3 << 22, 4 << 22]
    for number, server in enumerate(servers):
        await add_place(db, clock, f"{number}", platform="discord", community=str(server))
    await add_place(db, clock, "5", platform="discord", community="")
    await add_place(db, clock, "general")
    await all_due(db)

    async def claimed(shares: dict[str, Share] | None) -> list[Place]:
        due = await lanes.next_due(db, shares)
        found = [place for place, _ in await lanes.claim(db, "me", clock(), 1, 50, shares)]
        assert (due is None) == (not found)
        await lanes.free(db)
        return sorted(found, key=lambda one: one.id)

    everything = await claimed(None)
    assert len(everything) == 6
    halves = [await claimed({"discord": Share(2, (n,))}) for n in (0, 1)]
    assert [one.channel for one in halves[0]] == ["1", "3", "5"]
    assert [one.channel for one in halves[1]] == ["0", "2"]
    for n, half in enumerate(halves):
        assert half == [one for one in everything if one.platform == "discord" and falls(one, Share(2, (n,)))]
    assert [one.platform for one in await claimed({"web": Share(1, (0,))})] == ["web"]
    assert await claimed({}) == []


async def test_two_databases_of_one_server_are_two_processes(postgres: str, tmp_path: Path) -> None:
    """Units of both take turns: of two looks at the same moment, one sees what the other did."""
    address = await pg.created(postgres)
    async with AsyncExitStack() as stack:
        some = []
        for name in "abcd":
            db = await PgDb.open(address, tmp_path / "key")
            stack.push_async_callback(db.close)
            some.append(await stack.enter_async_context(member(db, name)))
        await until(lambda: sorted(sum(parts(some, "feeds"), ())) == list(range(8)) and spread(some) <= 3)


def spread(some: Sequence[Shared]) -> int:
    """The most parts that one has."""
    return max(sum(len(one.share(role).mine) for role in SIZES) for one in some)


async def test_who_opts_out_in_one_process_is_kept_by_no_other(postgres: str, tmp_path: Path, clock: SetClock) -> None:
    """What the other heard before it knew is not folded."""
    address = await pg.created(postgres)
    here, there = await PgDb.open(address, tmp_path / "key"), await PgDb.open(address, tmp_path / "key")
    try:
        await schema.migrate(here, clock())
        asked, hears = Collector(here, DEFAULT, clock), Collector(there, DEFAULT, clock)
        await hears.outside.ready()
        said = Commented(
            platform="web", channel="general", anchor="2", person=Person(id="ann"), text="secret", at=clock(),
            thread="1",
        )  # fmt: skip
        await asked.outside.opt_out("web", "ann")
        await hears.keep(said)  # it knows no better yet
        await hears.fold_all()
        assert await there.read("select * from parked") == []
        assert await there.read("select * from heard") == []
    finally:
        await here.close()
        await there.close()
