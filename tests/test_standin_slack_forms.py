"""The stand-in for Slack: what it refuses of messages and views, whom a message wakes, what a reader sees."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.standins.slack import Slack, Unintended
from tests.standins.slack.driving import QUIET, asking, running, world

Raw = dict[str, Any]


@pytest.fixture
async def slack() -> AsyncIterator[Slack]:
    async with Slack() as server:
        server.limited = False
        yield server


def plain(text: str) -> Raw:
    return {"type": "plain_text", "text": text, "emoji": False}


def mrkdwn(text: str, verbatim: bool = True) -> Raw:
    return {"type": "mrkdwn", "text": text, "verbatim": verbatim}


def section(text: Raw, **more: Any) -> Raw:
    return {"type": "section", "text": text, **more}


def button(action: str = "a", **more: Any) -> Raw:
    return {"type": "button", "action_id": action, "text": plain("Press"), **more}


def rich(*elements: Raw, kind: str = "rich_text_section") -> Raw:
    return {"type": "rich_text", "elements": [{"type": kind, "elements": list(elements)}]}


def words(text: str, **style: bool) -> Raw:
    return {"type": "text", "text": text, **({"style": style} if style else {})}


REFUSED: list[tuple[str, list[Any]]] = [
    ("an unknown block", [{"type": "poll"}]),
    ("an unknown key", [section(plain("x"), colour="red")]),
    ("an unknown key inside", [section({"type": "plain_text", "text": "x", "verbatim": True})]),
    ("51 blocks", [{"type": "divider"}] * 51),
    ("an empty text", [section(plain(""))]),
    ("a long section", [section(plain("x" * 3001))]),
    ("a long header", [{"type": "header", "text": plain("x" * 151)}]),
    ("a long header of emoji", [{"type": "header", "text": plain("😀" * 76)}]),
    ("a header in mrkdwn", [{"type": "header", "text": mrkdwn("x")}]),
    ("11 elements of a context", [{"type": "context", "elements": [mrkdwn("x")] * 11}]),
    ("a context of rich_text", [{"type": "context", "elements": [rich(words("x"))]}]),
    ("26 buttons", [{"type": "actions", "elements": [button(str(n)) for n in range(26)]}]),
    ("no buttons", [{"type": "actions", "elements": []}]),
    ("a long label", [{"type": "actions", "elements": [button() | {"text": plain("x" * 76)}]}]),
    ("a long value", [{"type": "actions", "elements": [button(value="x" * 2001)]}]),
    ("a long action_id", [{"type": "actions", "elements": [button("x" * 256)]}]),
    ("an action_id twice", [{"type": "actions", "elements": [button()]}, section(plain("x"), accessory=button())]),
    ("a block_id twice", [section(plain("x"), block_id="b"), section(plain("y"), block_id="b")]),
    ("an unknown style", [{"type": "actions", "elements": [button(style="plain")]}]),
    ("a strange address", [{"type": "actions", "elements": [button(url="javascript:alert(1)")]}]),
    ("a strange link", [rich({"type": "link", "url": "ftp://x", "text": "x"})]),
    ("an empty element", [rich(words(""))]),
    ("an unknown element", [rich({"type": "mention", "user": "U1"})]),
    ("an unknown style of text", [rich({"type": "text", "text": "x", "style": {"loud": True}})]),
    ("an emoji in code", [rich({"type": "emoji", "name": "x"}, kind="rich_text_preformatted")]),
    ("two tables", [{"type": "table", "rows": [[{"type": "raw_text", "text": "x"}]]}] * 2),
    ("a wide table", [{"type": "table", "rows": [[{"type": "raw_text", "text": "x"}] * 21]}]),
    ("much markdown", [{"type": "markdown", "text": "x" * 6001}] * 2),
    ("a null", [section(plain("x"), accessory=button(url=None))]),
]


@pytest.mark.parametrize(("what", "blocks"), REFUSED, ids=[one[0] for one in REFUSED])
async def test_blocks_that_are_refused(slack: Slack, what: str, blocks: list[Any]) -> None:
    channel, _ = world(slack)
    async with asking(slack) as ask:
        _, body, _ = await ask("chat.postMessage", channel=channel.id, text="x", blocks=blocks)
    assert body["error"] == "invalid_blocks"
    assert "json-pointer:/blocks" in body["errors"][0]
    assert not slack.messages(channel)


async def test_a_message_that_uses_it_all_is_taken(slack: Slack) -> None:
    channel, _ = world(slack)
    menu = {
        "type": "static_select",
        "action_id": "menu",
        "placeholder": plain("which"),
        "options": [{"text": plain(one), "value": one} for one in "abc"],
    }
    listed = {"type": "rich_text_section", "elements": [words("item")]}
    table = {"type": "table", "rows": [[{"type": "raw_text", "text": "a"}, {"type": "raw_text", "text": "b"}]]}
    blocks = [
        {"type": "header", "text": plain("見出し")},
        section(mrkdwn("<https://example.org|a link> &amp; text"), accessory=button("b")),
        {"type": "context", "elements": [plain("small"), mrkdwn("print")]},
        {"type": "divider"},
        rich(words("強調", bold=True), {"type": "link", "url": "https://example.org", "text": "here"}),
        rich(words("quoted"), kind="rich_text_quote"),
        {
            "type": "rich_text",
            "elements": [{"type": "rich_text_list", "style": "ordered", "elements": [listed, listed]}],
        },
        table,
        {"type": "actions", "elements": [button("c", style="primary", value="v"), menu]},
    ]
    async with running(slack, 0) as bot:
        await bot.client.chat_postMessage(channel=channel.id, text="見出し", blocks=blocks, **QUIET)
    [message] = slack.messages(channel)
    assert slack.plain(message) == ("見出し\na link & text\nsmall print\n強調here\nquoted\n1. item\n2. item\na | b")
    assert all(one["block_id"] for one in message.blocks)
    assert [one["action_id"] for one in message.buttons] == ["b", "c"]


async def test_the_budget_of_a_whole_message(slack: Slack) -> None:
    channel, _ = world(slack)
    async with asking(slack) as ask:

        async def error(method: str = "chat.postMessage", **args: Any) -> str:
            return str((await ask(method, channel=channel.id, **QUIET, **args))[1].get("error"))

        assert await error(blocks=[rich(words("あ" * 9500))]) == "None"
        assert await error(blocks=[rich(words("あ" * 10001))]) == "msg_blocks_too_long"
        assert await error(blocks=[rich(*[words("x", bold=True)] * 400)]) == "msg_blocks_too_long"
        assert await error(text="x" * 40_001) == "None"
        assert slack.messages(channel)[-1].text == "x" * 40_000
        _, body, _ = await ask("chat.postMessage", channel=channel.id, text="x" * 40_001, **QUIET)
        assert body["response_metadata"]["warnings"] == ["message_truncated"]
        old = slack.messages(channel)[0].ts
        assert await error("chat.update", ts=old, text="x" * 4001) == "msg_too_long"
        assert await error(text="x", markdown_text="y") == "markdown_text_conflict"
        assert await error(text="x", blocks="[{") == "invalid_blocks_format"
        for wrong in ({"event_type": "x"}, {"event_type": "x", "event_payload": {}, "more": 1}, {"event_type": 3}):
            assert await error(text="x", metadata=wrong) == "invalid_metadata_format"
        large = {"event_type": "x", "event_payload": {"k": "x" * 5000}}
        assert await error(text="x", metadata=large) == "metadata_too_large"
        slack.text_budget = 100
        assert await error(blocks=[rich(words("x" * 101))]) == "msg_blocks_too_long"


async def test_views_that_are_refused(slack: Slack) -> None:
    mika = slack.person("mika")
    asks = {
        "type": "input",
        "block_id": "b",
        "label": plain("l"),
        "element": {"type": "plain_text_input", "action_id": "a"},
    }
    modal: Raw = {"type": "modal", "title": plain("t"), "blocks": [section(plain("x"))]}
    wrong: list[Raw] = [
        modal | {"title": plain("x" * 25)},
        modal | {"blocks": [asks]},
        modal | {"blocks": [asks, asks], "submit": plain("s")},
        modal | {"private_metadata": "x" * 3001},
        modal | {"blocks": [{"type": "divider"}] * 101},
        modal | {"blocks": [{"type": "markdown", "text": "x"}]},
        modal | {"callback": "x"},
        {"type": "home", "blocks": []},
    ]
    async with running(slack), asking(slack) as ask:
        for view in wrong:
            answer = slack._answer("shortcut", mika, None)
            _, body, _ = await ask("views.open", trigger_id=answer.trigger, view=view)
            assert (body["error"], bool(body["response_metadata"]["messages"])) == ("invalid_arguments", True), view
        answer = slack._answer("shortcut", mika, None)
        good = modal | {"blocks": [asks], "submit": plain("送る")}
        _, body, _ = await ask("views.open", trigger_id=answer.trigger, view=good)
        assert body["view"]["state"] == {"values": {}}
        _, body, _ = await ask("views.publish", user_id=mika.id, view=modal)
        assert body["error"] == "invalid_arguments"
        large = {"type": "home", "blocks": [section(plain("あ" * 3000))] * 30}
        assert (await ask("views.publish", user_id=mika.id, view=large))[1]["error"] == "view_too_large"


async def test_who_is_woken(slack: Slack) -> None:
    channel, mika = world(slack)
    group = slack.group("editors", mika)
    async with asking(slack) as ask:

        async def woken(method: str = "chat.postMessage", **args: Any) -> list[tuple[str, str]]:
            before = len(slack.pings)
            _, body, _ = await ask(method, channel=channel.id, unfurl_links=False, unfurl_media=False, **args)
            assert body["ok"], body
            return [(one.kind, one.whom) for one in slack.pings[before:]]

        assert await woken(text=f"<!channel> {mika.mention}") == [("broadcast", "channel"), ("user", mika.id)]
        assert await woken(text="mail a@here.org, &lt;!channel&gt;") == []
        assert await woken(text="@here") == [("broadcast", "here")]
        assert await woken(text="@here", parse="none") == []
        assert await woken(text="x", blocks=[section(plain("@here <!channel>"))]) == []
        assert await woken(text="x", blocks=[section(mrkdwn("@here"))]) == []
        assert await woken(text="x", blocks=[section(mrkdwn("@here", verbatim=False))]) == [("broadcast", "here")]
        assert await woken(text="x", blocks=[section(mrkdwn("<!everyone>"))]) == [("broadcast", "everyone")]
        assert await woken(text="x", blocks=[rich(words("@here <!channel>"))]) == []
        grouped = {"type": "usergroup", "usergroup_id": group.id}
        assert await woken(text="x", blocks=[rich(grouped)]) == [("group", group.id)]
        ts = slack.messages(channel)[-1].ts
        assert await woken("chat.update", ts=ts, text="x", blocks=[rich(grouped, words("!"))]) == []
        assert await woken("chat.update", ts=ts, text="@here") == [("broadcast", "here")]
        assert not slack.unfurling
        await ask("chat.postMessage", channel=channel.id, text="https://example.org", unfurl_links=False)
        assert len(slack.unfurling) == 1


@pytest.mark.parametrize(
    "block",
    [
        section(mrkdwn("<!here>")),
        section(mrkdwn("see @here", verbatim=False)),
        section(mrkdwn("see #general", verbatim=False)),
        section(mrkdwn("see https://example.org", verbatim=False)),
        section(mrkdwn("so *bold* it is")),
        section(mrkdwn("&gt; quoted")),
        section(mrkdwn("well :tada:")),
        section({"type": "plain_text", "text": "well :tada:"}),
        {"type": "markdown", "text": "<@U1>"},
    ],
)
def test_what_is_drawn_as_something_else_is_cried_about(block: Raw) -> None:
    with pytest.raises(Unintended):
        Slack().plain({"blocks": [block]})


def test_what_is_drawn_as_it_was_sent_is_not() -> None:
    texts = ["at 12:30:45", "a * b * c", "漢字*強調*漢字", "a@here", "5 &lt; 6", "snake_case_name"]
    shown = {"blocks": [section(mrkdwn(one)) for one in texts]}
    assert Slack().plain(shown) == "\n".join(texts).replace("&lt;", "<")
    literal = ":tada: <!here> @here *x* https://example.org"
    assert Slack().plain({"blocks": [rich(words(literal)), section(plain(literal))]}) == f"{literal}\n{literal}"
    assert Slack().plain({"text": "@here https://example.org", "parse": "none"}) == "@here https://example.org"
    with pytest.raises(Unintended):
        Slack().plain({"text": "@here"})
