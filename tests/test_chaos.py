"""A short run of `tests.chaos` on the real program; and that its judge sees what is wrong."""

from __future__ import annotations

from pathlib import Path

from typing_extensions import override

from tests.chaos.run import Run
from tests.chaos.truth import Verdict, judge
from tests.chaos.world import World
from tests.standins.slack import Channel as SlackChannel


class Planted(Run):
    """At the end, when all is well, something is made wrong behind the program's back, one thing after the other."""

    seen: dict[str, Verdict]

    @override
    async def _close(self) -> None:
        self.seen = {}
        for plant in (_twice, _gone, _unheard, _outdated, _brought_back):
            plant(self.world)
            self.seen[plant.__name__] = judge(self.world, self.program, self._whose)
        await super()._close()


def _twice(world: World) -> None:
    card = next(world.cards("slack"))
    world.slack.outbox.open = False
    world.slack.post(card.channel, world.slack.me, "", app=card.app, blocks=card.blocks)
    world.slack.outbox.open = True


def _gone(world: World) -> None:
    room = world.spots["slack", "thread"]
    assert isinstance(room, SlackChannel)
    del room.messages[next(one.ts for one in room if one.app and one.thread is None)]


def _unheard(world: World) -> None:
    next(world.cards("discord")).reactions.setdefault(("🔥", 0), set()).symmetric_difference_update(
        {one.id for one in world.readers}
    )


def _outdated(world: World) -> None:
    world.items[0].wording += 1


def _brought_back(world: World) -> None:
    """Somebody asked to be forgotten, and isn't."""
    said = (reply.author.id for card in world.cards("slack") for reply in card.replies if not reply.app)
    world.forgotten[next(one for one in said if one not in world.forgotten)] = True


async def test_killed_and_cut_off_it_loses_and_doubles_nothing_and_the_judge_would_see_it(tmp_path: Path) -> None:
    run = Planted(11, tmp_path)
    report = await run(kills=5, events=1000)
    assert report.good, report.to_json()
    assert report.rows_kept == report.rows_wanted > 300
    refused = ("StorageError", "OperationalError")  # by a full disk or a locked database, which are among the faults
    assert [one for one in report.tracebacks if not one.startswith(refused)] == []
    assert run.seen["_twice"].duplicates
    assert not run.seen["_twice"].losses
    assert any("slack thread: no Piece" in one for one in run.seen["_gone"].losses)
    assert any(one.startswith("reacted, not kept") for one in run.seen["_unheard"].losses)
    assert not run.seen["_unheard"].good
    assert any("reads wording" in one for one in run.seen["_outdated"].wrong_edits)
    assert any(one.startswith("said, kept and not there") for one in run.seen["_brought_back"].wrong_edits)
    assert report.restores == 1
