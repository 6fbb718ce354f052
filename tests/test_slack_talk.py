"""What people ask on Slack and how they are answered: the real adapter over TCP, with a desk that does as told."""

from __future__ import annotations

import asyncio
import contextlib
import re
import statistics
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pytest
from typing_extensions import override

import commands.desk  # noqa: F401 - its imports register every command
from bot.platforms.slack import callers, people, slash, talk
from bot.platforms.slack.chat import SlackChat
from commands.registry import COMMANDS, POINTED
from core.chat import Caller, Choice, Place
from core.commands import CommandSpec
from core.document import Paragraph, spans
from core.errors import RondanError
from core.message import Action, Field, Form, Message, Reply
from core.speech import say as sentence
from tests.far import Hearing, Mute, say
from tests.far_slack import connected
from tests.standins.slack import Channel, Group, Person, Slack
from tests.waiting import until

SPECS: list[CommandSpec] = [*COMMANDS.values(), *(one.spec for one in POINTED.values())]
NAMES = {spec.name for spec in SPECS if spec.on == "line"}
FORM = Form(id="v1:comment:abc:s1", title="Yours", submit="Send", fields=(Field(key="text", label="What?"),))
Answering = Callable[[], Any]


class Scripted(Mute):
    """A desk with the real commands, which answers each line, press and form as a test says. `callers` asked it."""

    def __init__(self) -> None:
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
        return SPECS

    @override
    async def ask(self, caller: Caller, line: str) -> Reply:
        answer = await self._answer(caller, line, None)
        assert isinstance(answer, Reply)
        return answer

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
    async def submit(self, caller: Caller, form: str, values: Mapping[str, str], anchor: str | None) -> Reply:
        answer = await self._answer(caller, form, (dict(values), anchor))
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
    """A workspace with a channel that is a place, a reader who reads Japanese, one who reads English, an admin."""

    far: Slack
    channel: Channel
    place: Place
    desk: Scripted
    ears: Hearing
    chat: SlackChat
    editors: Group
    mika: Person
    ria: Person
    mo: Person
    ada: Person

    async def ask(self, line: str, person: Person | None = None) -> Any:
        answer = await self.far.command(person or self.ria, self.channel, line)
        return await answer.settled(5)

    async def posted(self, *buttons: Action) -> Any:
        """A message of ours in the channel, with buttons."""
        await self.chat.send(self.place, replace(say("A piece"), actions=buttons), "a" * 24)
        return self.far.messages(self.channel)[-1]


@contextlib.asynccontextmanager
async def world(*, http: bool = False) -> AsyncIterator[World]:
    """Checks at the end that nobody was pinged and nothing unfurled."""
    async with Slack() as far:
        far.limited = False
        far.install(slash.manifest(SPECS))
        mika, ria = far.person("mika", locale="ja-JP"), far.person("ria")
        mo, ada = far.person("mo"), far.person("ada", admin=True)
        editors = far.group("editors", mo)
        channel = far.channel("general", mika, ria, mo, ada)
        place = Place(id=1, platform="slack", channel=channel.id, community=far.team_id)
        ears, desk = Hearing(), Scripted()
        async with connected(far, ears, [place], desk, http=http) as chat:
            chat._people._moderators = (editors.id,)
            yield World(far, channel, place, desk, ears, chat, editors, mika, ria, mo, ada)
        assert far.pings == []
        assert far.unfurling == []


@pytest.fixture
async def w() -> AsyncIterator[World]:
    async with world() as made:
        yield made


def events(logged: Sequence[Any]) -> list[str]:
    return [one["event"] for one in logged if one["log_level"] not in ("info", "debug")]


def after(seconds: float, answer: Any) -> Answering:
    async def answering() -> Any:
        await asyncio.sleep(seconds)
        return answer

    return answering


def reply(text: str, **more: Any) -> Reply:
    return Reply(message=say(text), **more)


def fails() -> Reply:
    raise RuntimeError("a secret of ours")


BUTTON = Action(id="v1:stance:abc:x", label="Agree")
COMMENT = Action(id="v1:comment:abc:-", label="Comment")
READ = Action(id="v1:read:abc:-", label="Read")


# --- the line ---


@pytest.mark.parametrize(
    ("command", "text", "line"),
    [
        ("/rondan", "", "/help"),
        ("/rondan", "  \u3000 ", "/help"),
        ("/rondan", "digest period:7d", "/digest period:7d"),
        ("/rondan", "/digest period:7d", "/digest period:7d"),
        ("/rondan", "／ダイジェスト　期間：7日", "/ダイジェスト　期間：7日"),
        ("/digest", "period:7d", "/digest period:7d"),
        ("/search", "「立ち食い 蕎麦」", "/search 「立ち食い 蕎麦」"),
        ("/search", "a &amp; b &lt;c&gt; &amp;lt;", "/search a & b <c> &lt;"),
        ("/rondan", "mod log <@U123ABC|mika>", "/mod log U123ABC"),
        ("/rondan", "place add channel:<#C123ABC|general>", "/place add channel:C123ABC"),
        ("/rondan", "place add <#C123ABC>", "/place add C123ABC"),
        ("/rondan", "x <!subteam^S123|@editors>", "/x S123"),
        ("/rondan", "feed add <https://a.example/f?x=1&amp;y=2#z>", "/feed add https://a.example/f?x=1&y=2#z"),
        ("/rondan", "feed add <http://a.example|a.example>", "/feed add http://a.example"),
        ("/search", "<mailto:a@b.example|a@b.example>", "/search a@b.example"),
        ("/commentary", "digest", "/digest"),  # an operator who calls the app otherwise
    ],
)
def test_a_line_as_typed_becomes_one_for_the_desk(command: str, text: str, line: str) -> None:
    assert slash.line(command, text, NAMES) == line


@pytest.mark.parametrize(
    ("line", "name", "rest"),
    [
        ("/digest ?", "digest", "?"),
        ("/digest？", "digest", "?"),
        ("/ダイジェスト　？", "digest", "?"),
        ("/掲載先 追加 表示:card", "place add", "表示:card"),
        ("/mod retract 12", "mod retract", "12"),
        ("/nothing ?", None, ""),
        ("/?", None, ""),
    ],
)
def test_the_command_of_a_line_is_known_in_both_languages(line: str, name: str | None, rest: str) -> None:
    spec, left = slash.meant(line, [spec for spec in SPECS if spec.on == "line"])
    assert (spec.name if spec else None, left) == (name, rest)


def test_hints_say_what_can_be_typed_and_readers_words_stay() -> None:
    texts = [
        "There is none. `/topics` lists them, `/mod retract 3` too.",
        "somebody wrote `/etc/passwd` and /digest and https://a.example/search",
        "「`/検索 言葉`」",
    ]
    message = Message(title=texts[0], blocks=tuple(Paragraph(spans=spans(one)) for one in texts))
    told = slash.typeable(message, [spec for spec in SPECS if spec.on == "line"])
    seen = ["".join(f"`{s.text}`" if s.code else s.text for s in block.spans) for block in told.blocks]  # type: ignore[union-attr]
    assert seen[0] == told.title == "There is none. `/rondan topics` lists them, `/rondan mod retract 3` too."
    assert seen[1:] == [texts[1], "「`/rondan 検索 言葉`」"]


# --- commands ---


async def test_a_command_comes_to_the_desk_with_who_asks_and_where(w: World) -> None:
    await w.ask("/rondan digest period:7d 「#general」", w.mika)
    await w.ask("/digest")
    await w.ask("/rondan", w.ada)
    assert [name for name, _ in w.desk.asked] == [
        "/digest period:7d 「#general」".replace("#general", w.channel.id), "/digest", "/help",
    ]  # fmt: skip
    mika, ria, ada = w.desk.callers
    assert (mika.person.name, mika.language, mika.zone) == ("mika", "ja", "Asia/Tokyo")
    assert (ria.language, ria.zone, ria.channel, ria.community) == ("en", "Europe/London", w.channel.id, w.far.team_id)
    assert set(ria.roles) == {"reader"}
    assert set(ada.roles) == {"reader", "moderator", "admin", "host"}


@pytest.mark.parametrize("http", [False, True])
@pytest.mark.parametrize("private", [True, False])
async def test_an_answer_is_seen_by_whom_it_is_for(http: bool, private: bool) -> None:
    async with world(http=http) as w:
        w.desk.answers["/topics"] = lambda: reply("All topics", private=private)
        answer = await w.ask("/rondan topics")
        assert answer.text == "All topics"
        assert (len(answer.ephemerals), len(answer.said)) == ((1, 0) if private else (0, 1))
        w.desk.answers["/topics"] = lambda: reply("No", private=False, ok=False)
        assert (await w.ask("/rondan topics")).said == [], "a refusal is nobody else's business"


@pytest.mark.parametrize("http", [False, True])
async def test_every_acknowledgement_comes_at_once_however_long_the_desk_takes(http: bool) -> None:
    """In the tests' time Slack waits 0.5 s, not 3 s."""
    async with world(http=http) as w:
        w.far.patience = 0.5
        w.desk.answers["/topics"] = after(0.8, reply("At last"))
        slow = await w.far.command(w.ria, w.channel, "/rondan topics")
        asked = [await w.far.command(w.ria, w.channel, "/rondan digest") for _ in range(100)]
        took = sorted(one.took or 9 for one in [slow, *asked])
        assert statistics.quantiles(took, n=100)[98] < 0.25, f"p99 of {took[-3:]}"
        await slow.settled(6)
        assert slow.text == "At last"


async def test_an_alias_that_was_taken_away_is_answered_all_the_same(w: World) -> None:
    w.far.commands = None  # as before the app was installed again
    await w.ask("/search night bus")
    assert w.desk.asked[-1][0] == "/search night bus"


async def test_an_answer_whose_address_is_lost_leaves_a_log_line(w: World, logged: list[Any]) -> None:
    w.desk.answers["/topics"] = after(0.05, reply("x"))
    answer = await w.far.command(w.ria, w.channel, "/rondan topics")
    w.far.responses.clear()
    await until(lambda: events(logged))
    await asyncio.sleep(0.02)
    assert events(logged) == ["slack.not-answered"]
    assert answer.posts == []


async def test_a_fault_of_ours_is_told_with_a_number_that_the_log_has(w: World, logged: list[Any]) -> None:
    w.desk.answers |= {"/topics": fails, BUTTON.id: fails, FORM.id: fails, COMMENT.id: lambda: FORM}
    card = await w.posted(BUTTON, COMMENT)
    form = await (await w.far.press(w.ria, card, "Comment")).settled()
    answers = [
        await w.ask("/rondan topics", w.mika),
        await (await w.far.press(w.ria, card, "Agree")).settled(),
        await w.far.submit(w.ria, form, {"text": "hello"}),
    ]
    numbers = [one["number"] for one in logged if one["event"] == "slack.failed"]
    assert len(numbers) == 3
    for answer, number, language in zip(answers, numbers, ("ja", "en", "en"), strict=True):
        assert answer.text.endswith(sentence(language, "failed", number=number))
        assert "secret" not in answer.text
    assert form.view is not None, "what was written still stands"


# --- the form of a command ---


async def test_a_question_mark_opens_the_form_of_a_command(w: World) -> None:
    for line, person in (("/rondan digest ?", w.ria), ("/rondan ダイジェスト？", w.mika), ("/digest ？", w.mika)):
        form = await w.ask(line, person)
        view = form.view
        assert view is not None
        assert view.title == ("digest" if person is w.ria else "ダイジェスト")
        assert [one["block_id"] for one in view.inputs] == ["topic", "period"]
        assert all(one["element"]["min_query_length"] == 1 for one in view.inputs)
    assert w.desk.asked == []
    await w.ask("/rondan privacy ?")
    await w.ask("/rondan mod retract ?")
    await w.ask("/rondan ?")
    assert [name for name, _ in w.desk.asked] == ["/privacy", "/mod retract", "/help"], (
        "no options, no right, no command"
    )


async def test_who_moderates_one_place_gets_the_forms_of_what_they_may_there(w: World) -> None:
    await w.chat.furnish([replace(w.place, moderators=(w.ria.id,))])
    w.desk.choices = [Choice(value="/mod hide", label="/mod hide")]
    assert (await w.ask("/rondan mod hide ?", w.ria)).view.title == "mod hide"
    assert w.desk.asked == [("", ("", "/mod hide"))], "the desk knows who that is"
    assert (await w.ask("/rondan mod tag ?", w.ria)).view is None


async def test_every_command_with_options_has_a_form_that_slack_takes(w: World) -> None:
    for spec in SPECS:
        if spec.on == "line" and slash.asked_of(spec):
            for person in (w.ada, w.mika) if "reader" in spec.roles else (w.ada,):
                form = await w.ask(f"/rondan {spec.name} ?", person)
                assert [one["block_id"] for one in form.view.inputs] == [one.name for one in slash.asked_of(spec)]
    layouts = next(
        one for one in (await w.ask("/rondan place add ?", w.ada)).view.inputs if one["block_id"] == "layout"
    )
    assert [one["value"] for one in layouts["element"]["options"]] == ["card", "thread", "queue"]


async def test_fields_are_completed_by_the_desk_and_take_what_was_typed(w: World, logged: list[Any]) -> None:
    form = await w.ask("/rondan digest ?", w.mika)
    w.desk.choices = [
        Choice(value="地域", label="地域（3本）"),
        Choice(value="x" * 151, label="too long"),
        Choice(value="", label="x"),
    ]
    found = await w.far.suggest(w.mika, form, "fill:digest:topic", "地")
    assert [one["value"] for one in found] == ["地域"]
    assert w.desk.asked[-1] == ("digest", ("topic", "地"))
    w.desk.choices = []
    assert [one["value"] for one in await w.far.suggest(w.mika, form, "fill:digest:period", "7d")] == ["7d"]
    assert await w.far.suggest(w.mika, form, "fill:digest:topic", "fail") == []
    assert events(logged) == ["slack.not-completed"]
    w.desk.answers["digest"] = lambda: reply("A digest")
    answer = await w.far.submit(w.mika, form, {"topic": "地域", "period": "7d"})
    assert dict(w.desk.asked)["digest"] == {"topic": "地域", "period": "7d"}
    assert answer.view is not None
    assert "A digest" in answer.view.text


async def test_a_refusal_stands_at_the_field_that_it_is_about(w: World) -> None:
    form = await w.ask("/rondan digest ?")
    for told, field in (("“soon” is no period", "period"), ("topic: no", "topic"), ("Something else", "topic")):
        w.desk.answers["digest"] = after(0, reply(told, ok=False))
        answer = await w.far.submit(w.ria, form, {"topic": "cities", "period": "soon"})
        assert answer.errors == {field: say(told).title}


# --- buttons ---


async def test_a_press_tells_its_post_and_of_a_private_answer_none(w: World) -> None:
    card = await w.posted(BUTTON)
    w.desk.answers[BUTTON.id] = lambda: reply("Noted")
    answer = await (await w.far.press(w.ria, card, "Agree")).settled()
    assert answer.text == "Noted"
    assert w.desk.asked[-1] == (BUTTON.id, card.ts)
    w.desk.answers["/topics"] = lambda: Reply(message=replace(say("x"), actions=(BUTTON,)))
    private = await w.ask("/rondan topics")
    await (await w.far.press(w.ria, private, "Agree")).settled()
    assert w.desk.asked[-1] == (BUTTON.id, None)


async def test_a_button_that_opens_an_address_is_no_question(w: World, logged: list[Any]) -> None:
    card = await w.posted(Action(id="v1:open:abc", label="Source", url="https://a.example"), BUTTON)
    await w.far.press(w.ria, card, "Source")
    await (await w.far.press(w.ria, card, "Agree")).settled()
    assert [name for name, _ in w.desk.asked] == [BUTTON.id]
    assert events(logged) == []


async def test_a_double_click_is_one_press(w: World, monkeypatch: pytest.MonkeyPatch) -> None:
    card = await w.posted(BUTTON, COMMENT)
    w.desk.answers[COMMENT.id] = lambda: FORM
    for label in ("Agree", "Comment"):
        both = await asyncio.gather(*(w.far.press(w.ria, card, label) for _ in range(2)))
        await until(lambda both=both: any(one.visible for one in both))  # type: ignore[misc]
    await w.far.press(w.mika, card, "Agree")
    monkeypatch.setattr(talk, "AGAIN", 0.0)
    await (await w.far.press(w.ria, card, "Agree")).settled()
    assert [name for name, _ in w.desk.asked].count(BUTTON.id) == 3, "twice by one who meant it, once by another"
    assert len(w.far.stacks[w.ria.id]) == 1


@pytest.mark.parametrize("slow", [COMMENT, READ])
async def test_a_window_that_came_too_late_is_asked_for_again(w: World, logged: list[Any], slow: Action) -> None:
    w.far.trigger_life = 0.05
    w.desk.answers |= {COMMENT.id: after(0.1, FORM), READ.id: after(0.1, reply("Page 1"))}
    answer = await (await w.far.press(w.mika, await w.posted(COMMENT, READ), slow.label)).settled()
    assert answer.text == sentence("ja", "slow")
    assert [one.to for one in answer.ephemerals] == [w.mika]
    assert events(logged) == ["slack.too-slow"]


async def test_in_a_view_that_came_too_late_it_is_said_beside_it(w: World) -> None:
    w.desk.answers |= {READ.id: lambda: Reply(message=replace(say("Page"), actions=(COMMENT,)))}
    page = await (await w.far.press(w.ria, await w.posted(READ), "Read")).settled()
    w.far.trigger_life = 0.05
    w.desk.answers[COMMENT.id] = after(0.1, FORM)
    await w.far.press(w.ria, page, "Comment")
    await until(lambda: w.far.ephemerals)
    assert [w.far.plain(one) for one in w.far.ephemerals] == [sentence("en", "slow")]


# --- forms ---


async def test_the_answer_takes_the_place_of_the_form_and_is_taken_once(w: World) -> None:
    w.desk.answers |= {COMMENT.id: lambda: FORM, FORM.id: after(0.05, reply("Kept"))}
    card = await w.posted(COMMENT)
    form = await (await w.far.press(w.ria, card, "Comment")).settled()
    view = form.view
    assert view is not None
    answer, again = await asyncio.gather(
        *(w.far.submit(w.ria, view, {"text": "日本語 <!channel>"}, resubmit=True) for _ in range(2))
    )
    assert "Kept" in answer.text
    assert "Kept" in again.text
    assert [what for name, what in w.desk.asked if name == FORM.id] == [({"text": "日本語 <!channel>"}, card.ts)]


@pytest.mark.parametrize("ok", [True, False])
async def test_a_form_that_takes_long_is_acknowledged_in_time_and_answered_where_it_stood(
    w: World, monkeypatch: pytest.MonkeyPatch, ok: bool
) -> None:
    monkeypatch.setattr(talk, "WAITS", 0.05)
    monkeypatch.setattr(talk, "ARRIVES", 0.1)
    w.desk.answers |= {COMMENT.id: lambda: FORM, FORM.id: after(0.3, reply("Done", ok=ok))}
    form = await (await w.far.press(w.ria, await w.posted(COMMENT), "Comment")).settled()
    answer = await w.far.submit(w.ria, form, {"text": "my words"})
    assert (answer.took or 9) < 0.25
    assert answer.view is not None
    assert sentence("en", "wait") in answer.view.text
    await answer.until(lambda one: "Done" in one.text)
    assert ("my words" in answer.text) is not ok, "what was refused is given back"


async def test_who_closed_the_form_meanwhile_is_told_in_the_channel(w: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(talk, "WAITS", 0.02)
    monkeypatch.setattr(talk, "ARRIVES", 0.02)
    w.desk.answers |= {COMMENT.id: lambda: FORM, FORM.id: after(0.2, reply("Kept"))}
    form = await (await w.far.press(w.ria, await w.posted(COMMENT), "Comment")).settled()
    answer = await w.far.submit(w.ria, form, {"text": "x"})
    await w.far.close(w.ria, answer)
    await until(lambda: w.far.ephemerals)
    assert w.far.plain(w.far.ephemerals[-1]) == "Kept"


# --- long answers ---


def long(private: bool = True) -> Reply:
    blocks = tuple(Paragraph(spans=spans(f"line {number} " + "日本語の文です。" * 20)) for number in range(150))
    return Reply(message=Message(title="Long", blocks=blocks, actions=(BUTTON,)), private=private)


async def test_a_long_answer_is_paged_to_its_end_and_back(w: World) -> None:
    w.desk.answers["/topics"] = long
    answer = await w.ask("/rondan topics")
    seen: list[str] = []
    for _ in range(20):
        seen.append(w.far.plain(answer.ephemerals[-1]))
        following = [one for one in answer.blocks if one["type"] == "actions"]
        labels = [one["text"]["text"] for row in following for one in row["elements"]]
        if not any(one.startswith("Page ") for one in labels):
            break
        answer = await (
            await w.far.press(w.ria, answer, next(one for one in labels if one.startswith("Page ")))
        ).settled()
    assert re.findall(r"line (\d+) ", "\n".join(seen)) == [str(number) for number in range(150)]
    assert "Agree" in labels
    assert len(w.far.ephemerals) == 1, "each page stands where the one before stood"
    answer = await (await w.far.press(w.ria, answer, "Back")).settled()
    assert w.far.plain(answer.ephemerals[-1]) == seen[-2]


async def test_who_turns_the_page_of_a_public_answer_gets_a_copy(w: World) -> None:
    w.desk.answers["/topics"] = lambda: long(private=False)
    answer = await w.ask("/rondan topics")
    [public] = answer.said
    before = w.far.plain(public)
    [following] = [one["text"]["text"] for row in public.blocks if row["type"] == "actions" for one in row["elements"]]
    turned = await (await w.far.press(w.mika, public, following)).settled()
    assert w.far.plain(public) == before
    assert [one.to for one in turned.ephemerals] == [w.mika]


async def test_pages_that_are_not_kept_any_more_are_said_to_be_old(w: World) -> None:
    w.desk.answers["/topics"] = lambda: Reply(
        message=replace(say("x"), actions=(Action(id="more:gone:1", label="On"),))
    )
    answer = await (await w.far.press(w.ria, await w.ask("/rondan topics"), "On")).settled()
    assert answer.text.endswith(sentence("en", "page.gone"))


# --- who may do what ---


async def roles(w: World, person: Person) -> set[str]:
    await w.ask("/rondan topics", person)
    return set(w.desk.callers[-1].roles)


async def test_moderators_are_admins_the_group_and_the_list(w: World) -> None:
    w.chat._people._moderators = (w.editors.id, w.ria.id)
    assert await roles(w, w.ada) == {"reader", "moderator", "admin", "host"}
    assert await roles(w, w.far.person("owner", owner=True)) == {"reader", "moderator", "admin", "host"}
    assert await roles(w, w.mo) == await roles(w, w.ria) == {"reader", "moderator"}
    assert await roles(w, w.mika) == {"reader"}


@pytest.mark.parametrize("how", [{"guest": "multi"}, {"guest": "single"}, {"bot": True}, {"deleted": True}])
async def test_guests_and_bots_read_only_whatever_the_list_says(w: World, how: dict[str, Any]) -> None:
    gone = how.pop("deleted", False)
    person = w.far.person("x", admin=True, **how)
    person.deleted = gone
    w.chat._people._moderators = (person.id,)
    assert await roles(w, person) == {"reader"}


async def test_who_may_do_more_is_asked_about_again_and_nobody_may_when_slack_is_silent(
    w: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(people, "TRUSTED", 0.0)
    assert "admin" in await roles(w, w.ada)
    w.ada.admin = False
    assert await roles(w, w.ada) == {"reader"}
    assert "moderator" in await roles(w, w.mo)
    for method in ("usergroups.users.list", "users.info"):
        w.far.fail(method, times=9, how="internal_error")
        assert await roles(w, w.mo) == {"reader"}
        w.far.faults.clear()
        assert "moderator" in await roles(w, w.mo)
    w.far.free = True
    assert await roles(w, w.mo) == {"reader"}


async def test_a_change_of_the_group_counts_at_once(w: World) -> None:
    assert await roles(w, w.mo) == {"reader", "moderator"}
    assert await roles(w, w.ria) == {"reader"}
    await w.far.regroup(w.editors, [w.ria])
    await w.far.delivered()
    assert await roles(w, w.mo) == {"reader"}
    assert await roles(w, w.ria) == {"reader", "moderator"}


async def test_places_may_name_people_and_groups_and_slack_vouches_each_time(
    w: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(people, "TRUSTED", 0.0)
    guest = w.far.person("guest", guest="multi")
    await w.chat.furnish([replace(w.place, moderators=(w.editors.id, w.ria.id, guest.id))])

    async def known_as(person: Person) -> frozenset[str]:
        await w.ask("/rondan topics", person)
        return w.desk.callers[-1].known_as

    assert [await known_as(one) for one in (w.mo, w.ria, w.mika, guest)] == [{w.editors.id}, {w.ria.id}, set(), set()]
    for method in ("usergroups.users.list", "users.info"):
        w.far.fail(method, times=9, how="internal_error")
        assert await known_as(w.mo) == frozenset()
        w.far.faults.clear()
    assert await roles(w, w.mo) == {"reader", "moderator"}  # as the workspace's list says, whatever a place says
    await w.chat.furnish([w.place])
    assert await known_as(w.ria) == frozenset()


async def test_a_slack_that_takes_long_delays_nobody_and_makes_nobody_moderator(
    w: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(callers, "ASKS", 0.05)
    w.far.fail("users.info", how="slow", delay=1)
    assert await roles(w, w.ada) == {"reader"}


async def test_a_press_and_a_form_ask_again_who_may_do_what(w: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(people, "TRUSTED", 0.0)
    w.desk.answers[COMMENT.id] = lambda: FORM
    form = await (await w.far.press(w.ada, await w.posted(COMMENT), "Comment")).settled()
    w.ada.admin = False
    await w.far.submit(w.ada, form, {"text": "x"})
    assert ["admin" in one.roles for one in w.desk.callers] == [True, False]


# --- places ---


async def test_a_place_is_added_by_the_name_that_people_know(w: World) -> None:
    other = w.far.channel("日本語-news", w.ada)
    await w.ask("/rondan place add", w.ada)
    await w.ask("/rondan place add channel:#日本語-news layout:thread", w.ada)
    await w.ask(f"/rondan 掲載先 追加 チャンネル：{other.id} 名前:ここ", w.ada)
    assert [name for name, _ in w.desk.asked] == [
        "/place add name:#general",
        f"/place add channel:{other.id} layout:thread name:#日本語-news",
        f"/掲載先 追加 チャンネル：{other.id} 名前:ここ",
    ]
    form = await w.ask("/rondan place add ?", w.ada)
    await w.far.submit(w.ada, form, {"channel": other.id})
    assert w.desk.asked[-1] == ("place add", {"channel": other.id, "name": "#日本語-news"})


@pytest.mark.parametrize("private", [True, False])
async def test_a_channel_without_rondan_is_no_place_yet(w: World, private: bool) -> None:
    there = w.far.channel("quiet", w.ada, private=private, bot=False)
    answer = await w.far.command(w.ada, there, "/rondan place add")
    assert (await answer.settled()).text.count("/invite @rondan") == 1
    form = await w.ask("/rondan place add ?", w.ada)
    refused = await w.far.submit(w.ada, form, {"channel": there.id})
    assert "/invite @rondan" in refused.errors["channel"]
    assert w.desk.asked == []


async def test_who_may_not_add_places_is_told_so_by_the_desk(w: World) -> None:
    there = w.far.channel("quiet", w.ria, bot=False)
    await (await w.far.command(w.ria, there, "/rondan place add")).settled()
    assert [name for name, _ in w.desk.asked] == ["/place add"]


# --- who is not there ---


async def test_what_is_being_answered_at_the_end_is_answered_or_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(talk, "CLOSES", 0.3)
    async with world() as w:
        w.desk.answers |= {"/topics": after(0.1, reply("x")), "/help": after(60, reply("x"))}
        quick = await w.far.command(w.ria, w.channel, "/rondan topics")
        await w.far.command(w.ria, w.channel, "/rondan help")
    assert quick.text == "x"
    assert not [one for one in asyncio.all_tasks() if one is not asyncio.current_task() and "Talk" in repr(one)]


async def test_a_menu_entry_that_nobody_knows_is_answered_kindly(w: World) -> None:
    w.far.shortcuts = None
    card = await w.posted(BUTTON)
    answer = await (await w.far.shortcut(w.ria, "point_old", card)).settled()
    assert answer.text == sentence("en", "refused.stale")
