"""What people ask on Discord and how they are answered: the real adapter over TCP, with a desk that does as told."""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pytest
from typing_extensions import override

import commands.desk  # noqa: F401 - its imports register every command
from bot.platforms.discord import answers, talk
from bot.platforms.discord.chat import DiscordChat
from commands.registry import COMMANDS, POINTED
from core.chat import Caller, Choice, Place
from core.commands import CommandSpec
from core.document import Paragraph, spans
from core.errors import RondanError
from core.message import Action, Divider, Field, Form, Message, Reply
from core.speech import say as sentence
from tests.far import Hearing, Mute, say
from tests.far_discord import Notes, connected
from tests.standins.discord import Answer, Channel, Discord, Guild, NoAnswer, User
from tests.standins.discord.message import walk
from tests.waiting import until

CALLBACK = "POST /interactions/{}/{}/callback"
EDIT = "PATCH /webhooks/{}/{}/messages/{}"
SPECS: list[CommandSpec] = [*COMMANDS.values(), *(one.spec for one in POINTED.values())]
Answering = Callable[[], Any]


class Scripted(Mute):
    """A desk with the real commands, which answers each call, press and form as a test says. `callers` asked it."""

    def __init__(self, specs: Sequence[CommandSpec] = SPECS) -> None:
        self.specs = specs
        self.answers: dict[str, Answering] = {}
        self.callers: list[Caller] = []
        self.asked: list[tuple[str, Any]] = []
        self.choices: Sequence[Choice] = ()

    async def _answer(self, caller: Caller, name: str, what: Any) -> Any:
        self.callers.append(caller)
        self.asked.append((name, what))
        found = self.answers.get(name, lambda: Reply(message=say("…")))()
        return await found if asyncio.iscoroutine(found) else found

    @override
    def commands(self) -> Sequence[CommandSpec]:
        return self.specs

    @override
    async def call(self, caller: Caller, command: str, options: Mapping[str, str]) -> Reply:
        answer = await self._answer(caller, command, options)
        assert isinstance(answer, Reply)
        return answer

    @override
    async def press(self, caller: Caller, action: str, anchor: str | None) -> Reply | Form:
        answer = await self._answer(caller, action, anchor)
        assert isinstance(answer, Reply | Form)
        return answer

    @override
    def opens(self, action: str) -> bool:
        return action.startswith("v1:comment:")

    @override
    async def submit(self, caller: Caller, form: str, values: Mapping[str, str], anchor: str | None) -> Reply:
        answer = await self._answer(caller, form, (values, anchor))
        assert isinstance(answer, Reply)
        return answer

    @override
    async def complete(self, caller: Caller, command: str, option: str, text: str) -> Sequence[Choice]:
        self.asked.append((command, (option, text)))
        if text == "fail":
            raise RondanError("The database is away.")
        return self.choices

    @override
    async def point(self, caller: Caller, name: str, anchor: str) -> Reply:
        answer = await self._answer(caller, name, anchor)
        assert isinstance(answer, Reply)
        return answer


@dataclass
class World:
    """One server with a channel that is a place, a reader who reads Japanese, one who reads English, an admin."""

    far: Discord
    guild: Guild
    channel: Channel
    place: Place
    desk: Scripted
    chat: DiscordChat
    mika: User
    ria: User
    ada: User

    async def ask(self, user: User | None = None, line: str = "topics", **options: Any) -> Answer:
        """A command and what came of it."""
        answer = await self.far.command(user or self.ria, self.channel, line, options)
        return await answer.settled(5)


@contextlib.asynccontextmanager
async def world(specs: Sequence[CommandSpec] = SPECS) -> AsyncIterator[World]:
    """Checks at the end that nobody was pinged."""
    async with Discord() as far:
        far.buckets = False
        guild = far.guild("Publication")
        channel = guild.text("general")
        place = Place(id=1, platform="discord", channel=str(channel.id), zone="Asia/Tokyo")
        ears, desk = Hearing(), Scripted(specs)
        mika, ria, ada = far.user("mika", locale="ja"), far.user("ria"), far.user("ada")
        guild.grant(ada, administrator=True)
        async with connected(far, ears, [place], desk) as chat:
            yield World(far, guild, channel, place, desk, chat, mika, ria, ada)
        assert far.pings == []
        assert far.unguarded == []


@pytest.fixture
async def w() -> AsyncIterator[World]:
    async with world() as made:
        yield made


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Our time is short, so that nobody waits for it."""
    monkeypatch.setattr(talk, "DEFER_AFTER", 0.05)
    monkeypatch.setattr(talk, "FORM_AFTER", 0.3)


def after(seconds: float, answer: Any) -> Answering:
    async def answering() -> Any:
        await asyncio.sleep(seconds)
        return answer

    return answering


def reply(text: str, **more: Any) -> Reply:
    return Reply(message=say(text), **more)


def showing(custom_id: str, label: str) -> Answering:
    """An answer with one button."""
    return lambda: Reply(message=replace(say("x"), actions=(Action(id=custom_id, label=label),)))


def events(logged: Sequence[Any]) -> list[str]:
    return [one["event"] for one in logged if one["log_level"] not in ("info", "debug")]


# --- commands ---


async def test_every_command_is_registered_once_and_again_only_when_one_changed() -> None:
    async with Discord() as far:
        notes, desk = Notes(), Scripted()
        for _connection in range(2):
            async with connected(far, Hearing(), [], desk, notes):
                assert far.syncs == 1
        assert {name for _, name in far.commands} == {one.group.name if one.group else one.name for one in SPECS}
        desk.specs = SPECS[1:]
        async with connected(far, Hearing(), [], desk, notes):
            assert far.syncs == 2
        async with connected(far, Hearing(), [], desk, notes):
            assert far.syncs == 2


@pytest.mark.parametrize("code", [(400, 50035), (404, 0), (403, 20012)])
async def test_a_server_that_refuses_our_commands_is_posted_to_all_the_same(
    code: tuple[int, int], logged: list[Any]
) -> None:
    async with Discord() as far:
        far.fail("PUT /applications/{}/commands", how=code)
        notes = Notes()
        async with connected(far, Hearing(), [], Scripted(), notes):
            assert events(logged) == ["discord.commands-refused"]
            assert "commands" not in notes.kept


async def test_a_command_comes_to_the_desk_with_who_asks_and_where(w: World) -> None:
    role, news = w.guild.role("readers"), w.guild.announcement("news")
    thread = await w.far.start_thread(w.ria, w.channel, "talk")
    await w.ask(w.ada, "place add", channel=news, layout="follow", cap=3, mention=role)
    await w.ask(w.ada, "mod hide", comment="12", undo=True)
    await (await w.far.command(w.mika, thread, "digest", {"period": "7日"})).settled()
    assert w.desk.asked == [
        (
            "place add",
            {"channel": str(news.id), "layout": "follow", "cap": "3", "mention": str(role.id), "name": "#news"},
        ),
        ("mod hide", {"comment": "12", "undo": "yes"}),
        ("digest", {"period": "7日"}),
    ]
    mika = w.desk.callers[-1]
    assert mika == Caller(
        platform="discord", person=replace(mika.person, id=str(w.mika.id), name="mika"), channel=str(w.channel.id),
        community=str(w.guild.id), language="ja", roles=frozenset({"reader"}), zone="Asia/Tokyo",
        known_as=frozenset({str(w.mika.id)}),
    )  # fmt: skip
    assert w.desk.callers[0].language == "en"


@pytest.mark.parametrize(
    ("where", "permissions", "roles"),
    [
        ("home", 0, {"reader"}),
        ("home", talk.MANAGE_MESSAGES, {"reader", "moderator"}),
        ("home", talk.MANAGE_GUILD, {"reader", "moderator", "admin", "host"}),
        ("home", talk.ADMINISTRATOR, {"reader", "moderator", "admin", "host"}),
        ("abroad", 0, {"reader"}),
        ("abroad", talk.MANAGE_MESSAGES, {"reader"}),
        ("abroad", talk.MANAGE_GUILD, {"reader", "host"}),
        ("abroad", talk.ADMINISTRATOR, {"reader", "host"}),
    ],
)
async def test_roles_are_those_of_the_home_server(w: World, where: str, permissions: int, roles: set[str]) -> None:
    guild = w.guild if where == "home" else w.far.guild("Elsewhere")
    channel = w.channel if where == "home" else guild.text("general")
    guild.grant(w.ria, permissions)
    await (await w.far.command(w.ria, channel, "topics")).settled()
    assert w.desk.callers[-1].roles == roles
    guild.grant(w.ria, 0)  # and it is looked at each time
    await (await w.far.command(w.ria, channel, "topics")).settled()
    assert w.desk.callers[-1].roles == {"reader"}


async def test_authors_are_people_and_roles_of_the_home_server(w: World) -> None:
    abroad = w.far.guild("Elsewhere").text("general")
    w.chat._talk._authors = frozenset({str(w.ria.id)})
    for channel, roles in ((w.channel, {"reader", "author"}), (abroad, {"reader"})):
        await (await w.far.command(w.ria, channel, "topics")).settled()
        assert w.desk.callers[-1].roles == roles


async def test_who_asks_is_known_by_their_id_and_roles_in_a_server_only(w: World) -> None:
    spoken = await w.far.command(w.ria, w.channel, "topics")
    await spoken.settled()
    assert w.desk.callers[-1].known_as == {str(w.ria.id)}
    member = {"user": {"id": "5", "username": "lou"}, "roles": ["77", "78"]}
    assert w.chat._talk.caller({"member": member, "guild_id": "9"}).known_as == {"5", "77", "78"}
    assert w.chat._talk.caller({"user": member["user"]}).known_as == frozenset()


@pytest.mark.parametrize(
    ("setting", "places", "servers", "home"),
    [
        ("second", "first", 2, "second"),
        (None, "first", 2, "first"),
        (None, "second first", 2, "second"),
        (None, "nowhere first", 2, None),  # the first place is not known: the next may be a stranger's
        (None, "", 1, "first"),
        (None, "", 2, None),
    ],
)
async def test_home_is_as_set_or_of_the_first_place_or_the_only_server(
    setting: str | None, places: str, servers: int, home: str | None
) -> None:
    async with Discord() as far:
        guilds = {name: far.guild(name) for name in ("first", "second")[:servers]}
        rooms = {name: guild.text("general") for name, guild in guilds.items()}
        ours = [
            Place(id=n, platform="discord", channel=str(rooms[name].id if name in rooms else 77))
            for n, name in enumerate(places.split())
        ]
        async with connected(far, Hearing(), ours) as chat:
            chat._talk._home = str(guilds[setting].id) if setting else None
            assert chat._talk.home() == (str(guilds[home].id) if home else "")
            boss: dict[str, Any] = {"user": {"id": "5", "username": "boss"}, "permissions": str(talk.MANAGE_GUILD)}
            for name, guild in guilds.items():
                roles = chat._talk.caller({"member": boss, "guild_id": str(guild.id)}).roles
                assert ("admin" in roles) == (name == home)
                assert ("host" in roles) == (home is not None)  # else the first to come would be at home
            assert chat._talk.caller({"user": boss["user"], "locale": "ja"}).roles == {"reader"}


async def test_a_channel_that_discord_does_not_vouch_for_is_refused(w: World) -> None:
    await w.ask(w.ada, "place add", channel=w.channel)
    known = w.far._offered(w.ada, w.channel, "place add", {"channel": w.far.guild("Elsewhere").text("theirs")}, None)
    answer = await w.far._interact(2, w.ada, w.channel, {**known, "resolved": {}})
    assert "is not of this community" in answer.text
    assert len(w.desk.asked) == 1


# --- completions ---


async def test_completions_are_at_most_25_and_each_can_be_sent(w: World) -> None:
    w.desk.choices = [
        Choice(value="x" * 101, label="would be refused"), Choice(value="", label="too"),
        *(Choice(value=f"#{n}", label="長い題名 👩‍👩‍👧‍👦" * 30) for n in range(40)),
    ]  # fmt: skip
    found = await w.far.complete(w.mika, w.channel, "piece", "piece", "長い")
    assert [one["value"] for one in found] == [f"#{n}" for n in range(25)]
    assert all(len(one["name"]) <= 100 for one in found)
    assert w.desk.asked == [("piece", ("piece", "長い"))]
    w.desk.choices = ()
    assert await w.far.complete(w.ada, w.channel, "mod hide", "comment", "1", {"reason": "spam"}) == []
    assert w.desk.asked[-1] == ("mod hide", ("comment", "1"))


async def test_a_completion_that_fails_is_only_logged(w: World, logged: list[Any]) -> None:
    w.far.patience = 0.3
    with pytest.raises(NoAnswer):
        await w.far.complete(w.ria, w.channel, "digest", "topic", "fail")
    w.far.fail(CALLBACK, how=(404, 10062))
    with pytest.raises(NoAnswer):
        await w.far.complete(w.ria, w.channel, "digest", "topic", "")
    assert events(logged) == ["discord.not-answered"] * 2
    assert [bool(one.get("exc_info")) for one in logged] == [True, False], "the second is nobody's fault"
    assert await w.far.complete(w.ria, w.channel, "digest", "topic", "") == []


# --- in time, and not ---


@pytest.mark.parametrize("promised", [True, False])
@pytest.mark.parametrize("private", [True, False])
@pytest.mark.parametrize("slow", [True, False])
async def test_an_answer_is_seen_by_whom_it_is_for(quick: None, promised: bool, private: bool, slow: bool) -> None:
    spec = replace(next(one for one in SPECS if one.name == "topics"), private=promised)
    async with world([spec]) as w:
        w.desk.answers["topics"] = after(0.1 if slow else 0, reply("Here.", private=private))
        answer = await w.ask()
        await until(lambda: "Here." in answer.text)  # the promise is taken back first
        assert answer.text == "Here."
        assert answer.type == (5 if slow else 4)
        assert [bool(one.flags & 64) for one in (answer.message, *answer.followups) if one] == [private]
        assert [one.text for one in w.channel] == ([] if private else ["Here."])


async def test_a_promise_that_was_taken_back_is_not_answered_twice(quick: None, logged: list[Any]) -> None:
    spec = replace(next(one for one in SPECS if one.name == "topics"), private=False)
    follow_up = "POST /webhooks/{}/{}"
    async with world([spec]) as w:
        w.desk.answers["topics"] = after(0.1, reply("Only for you."))
        for how, shown in (((400, 50035), 1), ("500-after", 1), ("drop-after", 1), ("drop-before", 0)):
            w.far.fail(follow_up, how=how)
            answer = await w.ask()
            while running := [task for task in asyncio.all_tasks() if "_guarded" in repr(task)]:
                await asyncio.wait(running, timeout=3)
            assert len(answer.followups) == shown, how
            assert all(one.flags & 64 for one in answer.followups)
            assert answer.message is None
        assert list(w.channel) == []
    assert events(logged) == ["discord.form-refused", *["discord.not-answered"] * 3]


async def test_an_answer_that_takes_longer_than_discord_waits_is_delivered(w: World, quick: None) -> None:
    w.far.patience = 0.3
    w.desk.answers["feed test"] = after(0.5, reply("Twelve items."))
    w.desk.answers["v1:read:a"] = after(0.5, reply("Page one."))
    assert (await w.ask(w.ada, "feed test", address="https://a.example")).text == "Twelve items."
    w.desk.answers["topics"] = showing("v1:read:a", "Read")
    read = await w.far.press(w.ria, await w.ask(), "Read")
    assert (await read.settled()).text == "Page one."
    assert read.ephemeral


async def test_a_form_is_opened_at_once_or_asked_for_again(w: World, quick: None) -> None:
    form = Form(id="v1:comment:a:s1", title="Your comment", submit="Send", fields=(Field(key="text", label="Words"),))
    w.desk.answers["topics"] = showing("v1:comment:a:s1", "Comment")
    shown = await w.ask()
    w.desk.answers["v1:comment:a:s1"] = lambda: form
    opened = await w.far.press(w.ria, shown, "Comment")
    assert opened.modal is not None
    w.desk.answers["v1:comment:a:s1"] = lambda: reply("Kept.")
    assert (await w.far.submit(w.ria, opened, {"text": "改行\nと *記号* 👍"})).text == "Kept."
    assert w.desk.asked[-1] == ("v1:comment:a:s1", ({"text": "改行\nと *記号* 👍"}, None))
    w.desk.answers["v1:comment:a:s1"] = after(0.1, form)
    assert (await w.far.press(w.ria, shown, "Comment")).modal is not None, "though others have seen something by then"
    w.desk.answers["v1:comment:a:s1"] = after(0.4, form)
    late = await (await w.far.press(w.mika, shown, "Comment")).settled()
    assert late.text == sentence("ja", "slow")


# --- when something goes wrong ---


def too_long_an_id() -> Reply:
    return Reply(message=replace(say("x"), actions=(Action(id="x" * 101, label="x"),)))


@pytest.mark.parametrize("slow", [0, 0.1])
@pytest.mark.parametrize("fault", ["desk", "adapter"])
async def test_a_fault_of_ours_is_told_with_a_number_that_the_log_has(
    w: World, quick: None, logged: list[Any], slow: float, fault: str
) -> None:
    async def answering() -> Reply:
        await asyncio.sleep(slow)
        if fault == "desk":
            raise RuntimeError("The desk fell over.")
        return too_long_an_id()

    w.desk.answers["topics"] = answering
    answer = await w.ask(w.mika)
    [entry] = [one for one in logged if one["event"] == "discord.failed"]
    assert answer.text == sentence("ja", "failed", number=entry["number"])
    assert answer.ephemeral
    assert entry["exc_info"]
    assert events(logged) == ["discord.failed"]


async def test_what_discord_refuses_is_tried_as_an_embed_and_else_a_fault_of_ours(w: World, logged: list[Any]) -> None:
    w.far.fail(CALLBACK, how=(400, 50035))
    w.desk.answers["topics"] = lambda: reply("Here.")
    answer = await w.ask()
    assert answer.message is not None
    assert answer.message.embeds[0]["description"] == "Here."
    assert events(logged) == ["discord.form-refused"]
    w.far.fail(CALLBACK, times=2, how=(400, 50035))
    answer = await w.ask()
    assert re.search("logged as [0-9a-f]{8}", answer.text)
    assert events(logged)[1:] == ["discord.form-refused", "discord.failed"]
    form = Form(id="v1:c:a", title="t", submit="s", fields=())
    w.desk.answers["topics"] = showing("v1:c:a", "C")
    w.desk.answers["v1:c:a"] = lambda: form
    assert "logged as" in (await w.far.press(w.ria, await w.ask(), "C")).text


async def twice(far: Discord, *routes: str) -> None:
    """Returns when each of these was asked twice."""
    await until(lambda: all(far.count(route) >= 2 for route in routes))


@pytest.mark.parametrize("slow", [0, 0.1])
@pytest.mark.parametrize("how", ["drop-before", "drop-after"])
async def test_an_answer_that_got_lost_is_given_again_and_seen_once(
    w: World, quick: None, logged: list[Any], how: str, slow: float
) -> None:
    w.desk.answers["topics"] = after(slow, reply("Here."))
    w.far.fail(CALLBACK, how=how)
    if slow:
        w.far.fail(EDIT, how=how)
    answer = await w.ask()
    await twice(w.far, *([CALLBACK, EDIT] if slow else [CALLBACK]))
    assert answer.text == "Here."
    assert events(logged) == []
    assert len(w.desk.asked) == 1


async def test_an_answer_after_a_fault_of_discord_is_seen_once(w: World, logged: list[Any]) -> None:
    w.far.fail(CALLBACK, how="500-after")
    assert (await w.ask()).text == "…"
    await twice(w.far, CALLBACK)  # discord.py rests a second before
    assert events(logged) == []


@pytest.mark.parametrize("slow", [0, 0.1])
async def test_nobody_is_told_where_nobody_waits(w: World, quick: None, logged: list[Any], slow: float) -> None:
    w.far.patience = 0.3
    w.desk.answers["topics"] = after(slow, reply("Here."))
    for how in ((404, 10062), "drop-before"):
        w.far.fail(CALLBACK, times=2, how=how)
        w.far.fail(EDIT, times=2, how=(404, 10015))
        with pytest.raises(NoAnswer):
            await w.ask()
        w.far.faults.clear()
    told = events(logged)
    assert told == (["discord.not-deferred", "discord.not-answered"] if slow else ["discord.not-answered"]) * 2
    assert not any(one.get("exc_info") for one in logged)
    assert (await w.ask()).text == "Here.", "and the next is answered as ever"


async def test_what_waited_too_long_for_us_is_left_alone(
    w: World, monkeypatch: pytest.MonkeyPatch, logged: list[Any]
) -> None:
    w.far.patience = 0.2
    monkeypatch.setattr(talk, "TOO_OLD", -1.0)
    with pytest.raises(NoAnswer):
        await w.ask()
    assert events(logged) == ["discord.too-late"]
    assert w.far.count(CALLBACK) == 0


# --- long answers ---


def long_answer(paragraphs: int = 400, *, private: bool = True) -> Reply:
    blocks = tuple(
        Divider() if n % 50 == 49 else Paragraph(spans=spans(f"{n} これは長い答えの一部で、*印*も付いている。"))
        for n in range(paragraphs)
    )
    actions = (Action(id="v1:read:a", label="Read"), *(Action(id=f"v1:x:{n}", label=f"Button {n}") for n in range(9)))
    return Reply(message=Message(title="Long", blocks=blocks, actions=actions), private=private)


def buttons(answer: Answer) -> list[str]:
    assert answer.message is not None
    return [one["label"] for one in answer.message.buttons if one["custom_id"].startswith("more:")]


@pytest.mark.parametrize("slow", [0, 0.1])
async def test_a_long_answer_is_paged_to_its_end_and_back(w: World, quick: None, slow: float) -> None:
    w.desk.answers["mod log"] = after(slow, long_answer())
    first = await w.ask(w.ada, "mod log")
    assert first.message is not None
    assert first.message.text.startswith("0 これ")
    there, seen = first, [first.message.text]
    while label := next((one for one in buttons(there) if one.startswith("Page")), None):
        assert label == f"Page {len(seen) + 1} of {label.split(' of ')[1]}"
        there = await w.far.press(w.ada, there, label)
        assert there.type == 7, "in place of the page before"
        assert there.message is first.message
        seen.append(first.message.text)
    assert buttons(there) == ["Back"]
    assert "Read" in [one["label"] for one in first.message.buttons], "its own buttons are on the last page"
    numbers = [int(n) for n in re.findall(r"^(\d+) これ", "\n".join(seen), re.MULTILINE)]
    assert numbers == [n for n in range(400) if n % 50 != 49]
    for page in reversed(seen[:-1]):
        there = await w.far.press(w.ada, there, "Back")
        assert there.text == page
    assert buttons(there) == [f"Page 2 of {len(seen)}"]
    assert first.ephemeral


async def test_who_turns_the_page_of_a_public_answer_gets_a_copy(w: World) -> None:
    w.desk.answers["topics"] = lambda: long_answer(private=False)
    public = await w.ask()
    before = public.text
    mine = await w.far.press(w.mika, public, buttons(public)[0])
    assert mine.ephemeral
    assert mine.message is not public.message
    assert public.text == before
    assert buttons(mine)[0] == "前へ"
    assert (await w.far.press(w.mika, mine, "前へ")).message is mine.message


async def test_pages_that_are_not_kept_any_more_are_said_to_be_old(
    w: World, monkeypatch: pytest.MonkeyPatch, logged: list[Any]
) -> None:
    monkeypatch.setattr(answers, "KEPT", 2)
    w.desk.answers["mod log"] = long_answer
    given = [await w.ask(w.ada, "mod log") for _ in range(3)]
    old = await w.far.press(w.ada, given[0], buttons(given[0])[0])
    assert old.text == sentence("en", "page.gone")
    assert given[0].text.startswith("0 "), "what is there stays"
    assert (await w.far.press(w.ada, given[1], buttons(given[1])[0])).type == 7
    for custom_id in ("more:", "more:x", "more:x:y", "more:x:99999999999999999999", "more::::"):
        w.desk.answers["topics"] = showing(custom_id, "Next")
        assert (await w.far.press(w.mika, await w.ask(), "Next")).text == sentence("ja", "page.gone")
    assert events(logged) == []


# --- what is pressed, and where ---


async def test_a_button_tells_the_post_it_is_on_and_of_a_private_answer_nothing(w: World) -> None:
    button = Action(id="v1:read:a", label="Read")
    card = replace(say("Card"), actions=(button,))
    ref = await w.chat.send(w.place, card, "0" * 24)
    inside = await w.chat.send(replace(w.place, layout="thread"), card, "1" * 24, under=ref)
    await w.far.delivered()
    assert "-" in inside.id
    for anchor in (ref.id, inside.id):
        container = w.far.channels[int(inside.id.split("-")[0])] if "-" in anchor else w.channel
        await w.far.press(w.ria, container.messages[int(anchor.rpartition("-")[2])], "Read")
        assert w.desk.asked[-1] == ("v1:read:a", anchor)
        assert w.desk.callers[-1].channel == str(w.channel.id)
    w.desk.answers["topics"] = lambda: Reply(message=card)
    await w.far.press(w.ria, await w.ask(), "Read")
    assert w.desk.asked[-1] == ("v1:read:a", None)


async def test_a_choice_of_a_form_comes_as_its_value(w: World) -> None:
    fields = (
        Field(key="why", label="Why?", kind="choice", choices=(("spam", "Spam"), ("rude", "Rude"))),
        Field(key="words", label="A label that is far too long for the forty-five that Discord has", kind="line",
              required=False, limit=20),
    )  # fmt: skip
    w.desk.answers["topics"] = showing("v1:c:a", "C")
    w.desk.answers["v1:c:a"] = lambda: Form(id="v1:c:a", title="t" * 60, submit="s", fields=fields)
    opened = await w.far.press(w.ria, await w.ask(), "C")
    w.desk.answers["v1:c:a"] = lambda: reply("Kept.")
    await w.far.submit(w.ria, opened, {"why": ["rude"]})
    assert w.desk.asked[-1] == ("v1:c:a", ({"why": "rude", "words": ""}, None))


async def test_a_server_without_components_is_answered_in_embeds(w: World) -> None:
    w.chat._rich = False  # as a post found out
    w.desk.answers["topics"] = long_answer
    answer = await w.ask()
    assert answer.message is not None
    assert answer.message.embeds
    assert not any(one["type"] == 17 for one in walk(answer.message.components))
    assert (await w.far.press(w.ria, answer, buttons(answer)[0])).type == 7
    assert w.far.count(CALLBACK) == 2
