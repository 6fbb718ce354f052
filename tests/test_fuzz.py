"""Input that nobody meant: parsers, the command line, the page and what platforms send never fail, hang or forget."""

from __future__ import annotations

import asyncio
import contextlib
import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bot.platforms.slack import slash
from bot.sources import html, parser_process
from commands import lines
from core.chat import Place
from core.errors import Refusal
from core.message import to_text
from tests.conftest import found
from tests.far import Hearing
from tests.far import say as _say
from tests.far_discord import connected as discord_connected
from tests.far_slack import connected as slack_connected
from tests.fuzzing import all_of, anything, bent_bytes, bent_json, fuzz, text
from tests.newsroom import MODERATOR, READER, Newsroom
from tests.standins.discord import Answer, Discord
from tests.standins.slack import Slack
from tests.test_web import Ground, ground, playground  # noqa: F401 - a fixture
from tests.waiting import until

RSS = """<?xml version="1.0"?><rss version="2.0" xmlns:content="http://purl.org/rss/1.0/modules/content/"><channel>
<title>論壇</title><link>https://a.example/</link><item><title>夜行バス &amp; <b>x</b></title><guid>1</guid>
<link>https://a.example/1</link><pubDate>Fri, 20 Nov 2026 09:00:00 +0900</pubDate><category>交通</category>
<content:encoded><![CDATA[<h2>Costs</h2><p>It <a href="/x">costs</a>.</p><table><tr><td>1</td></tr></table>
<ul><li>one<ol><li>two</li></ol></li></ul><img src="a.png" alt="b"><pre>code</pre>]]></content:encoded></item>
</channel></rss>""".encode()
ATOM = b"""<feed xmlns="http://www.w3.org/2005/Atom" xml:lang="ja"><title>x</title><entry><id>1</id><title type="html">a
&lt;i&gt;b&lt;/i&gt;</title><updated>2026-11-20T09:00:00Z</updated><content type="xhtml"><div><p>c</p></div></content>
</entry></feed>"""
JSON_FEED = b"""{"version": "https://jsonfeed.org/version/1.1", "title": "x", "items": [{"id": "1", "title": "a",
"content_html": "<p>b</p>", "date_published": "2026-11-20T09:00:00Z", "tags": ["c"], "authors": [{"name": "d"}]}]}"""
PAGE = b"""<!doctype html><html lang="en"><head><title>a</title><meta name="author" content="b"><link rel="alternate"
type="application/rss+xml" href="/feed"></head><body><article><h1>a</h1><p>b <em>c</em></p><blockquote>d</blockquote>
</article></body></html>"""
ESSAY = """---
title: The Quiet Cost
tags: [cities, "夜"]
date: 2026-11-20
---

> [Cities](https://example.org/kerb)

Some *words* and `code`.

## 検討

| a | b |
|---|---|
| 1 | 2 |

1. one
   - two
""".encode()
PLAIN = """夜行バス

著者 山田

一 はじめに

　それは走る。"引用"である。

* one
* two
""".encode()


@pytest.mark.filterwarnings("ignore:To avoid breaking:DeprecationWarning")  # what feedparser does for old programs
@fuzz
@given(bent_bytes(RSS, ATOM, JSON_FEED), st.sampled_from(["", "application/rss+xml; charset=shift_jis", "text/x"]))
@example(b"<" + ATOM, "")  # lxml saves nothing of it
@example(RSS.replace(b'<?xml version="1.0"?><', b">").replace(b"<title>", b"<title>&#x110000;"), "")
def test_a_feed_is_read_or_refused(body: bytes, kind: str) -> None:
    for asked in ({"do": "feed", "known": {}, "documents": True}, {"do": "links"}):
        answer = json.loads(parser_process.answer({"type": kind, "url": "https://a.example/feed", **asked}, body))
        assert isinstance(answer, dict)


@fuzz
@given(bent_bytes(PAGE, ESSAY, PLAIN), st.sampled_from(["a.md", "a.html", "a.txt"]))
def test_a_page_and_a_file_are_read_or_refused(body: bytes, name: str) -> None:
    for asked in ({"do": "article", "url": "https://a.example/1"}, {"do": "file", "url": name}):
        answer = json.loads(parser_process.answer({"type": "text/html", **asked}, body))
        assert isinstance(answer, dict)
    assert html.parse(body.decode(errors="replace")).blocks is not None


typed = st.lists(
    st.sampled_from(
        ["/", "／", "digest", "mod", "retract", "topic:", "period:7d", "：", '"', "“", "search", "ダイジェスト", "#1",
         " ", "place", "add", "#general", "<#C1|a>", "help", "forget-me", "--", "period:9999999999d", "filter:", "("]
    ) | text,
    max_size=8,
).map("".join)  # fmt: skip


@fuzz
@given(typed, st.sampled_from(["en", "ja"]))
def test_a_line_is_a_command_or_refused(line: str, language: Any) -> None:
    with contextlib.suppress(Refusal):
        command, options = lines.parse(line, language)
        assert all(isinstance(value, str) for value in options.values())
        assert command.name
    slash.meant(slash.line("/rondan", line, ["digest"]), [])


# --- the desk: what a person typed, pressed and filled in ---


async def test_whatever_somebody_asks_is_answered(room: Newsroom, logged: list[Any]) -> None:
    piece = await room.publish(found())
    anchor = await room.anchor(piece)
    specs = room.desk.commands()
    name = st.sampled_from([spec.name for spec in specs]) | text
    options = st.sampled_from([option.name for spec in specs for option in spec.options]) | text
    pressed = st.sampled_from(["1:read:1", "1:comment:1", "1:digest:", "1:why:1", "1:retract:1", "1:"]) | text

    async def ask(given: tuple[Any, str, str, str, dict[str, str], Any]) -> None:
        who, line, named, action, values, on = given
        assert to_text((await room.desk.ask(who, line)).message)
        assert to_text((await room.desk.call(who, named, values)).message)
        await room.desk.press(who, action, on)
        await room.desk.submit(who, action, values, on)
        await room.desk.point(who, named, on or line)
        await room.desk.complete(who, named, next(iter(values), ""), line)

    given_values = st.dictionaries(options, typed, max_size=3)
    anywhere = st.sampled_from([None, anchor])
    await all_of(st.tuples(st.sampled_from([READER, MODERATOR]), typed, name, pressed, given_values, anywhere), ask)
    assert [one for one in logged if one["log_level"] == "error"] == []


# --- the page, and what platforms send ---


async def test_the_page_refuses_what_it_does_not_understand(
    ground: Ground,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    paths = ("ask", "press", "submit", "complete", "me", "token", "messages/1/react", "messages/x/comment")
    async with ground.visitor() as me:
        monkeypatch.setattr(ground.chat._guard, "_slow_down", lambda _who: None)

        async def post(given: tuple[str, Any]) -> None:
            status, answer = await me.post(*given)
            assert status < 500, answer

        body = {"line": "/x", "channel": "general", "action": "a", "form": "f", "values": {"a": "b"}, "anchor": "1"}
        await all_of(st.tuples(st.sampled_from(paths), bent_json(body) | anything), post)
        assert (await me.post("ask", {"line": "/x", "channel": "general"}))[0] == 200


async def test_bent_events_and_interactions_of_discord_end_nothing() -> None:
    async with Discord() as far:
        far.application_flags, far.buckets = 1 << 19, False
        guild = far.guild("Publication")
        channel = guild.text("general")
        mika = far.user("mika")
        ears = Hearing()
        async with discord_connected(far, ears, [Place(id=1, platform="discord", channel=str(channel.id))]) as chat:
            ref = await chat.send(Place(id=1, platform="discord", channel=str(channel.id)), _say("x"), "ab" * 12)
            card = channel.messages[int(ref.id)]
            answer = Answer(2, far.fresh(), mika, channel, card)
            events: list[Any] = [
                ["INTERACTION_CREATE", far._raw(answer, {"id": "1", "name": "digest", "type": 1, "options": []})],
                ["INTERACTION_CREATE", far._raw(answer, {"custom_id": "1:read:1", "component_type": 2}) | {"type": 3}],
                ["INTERACTION_CREATE", far._raw(answer, {"custom_id": "1:f", "components": []}) | {"type": 5}],
                ["MESSAGE_CREATE", card.raw(mika) | {"author": mika.raw(), "guild_id": str(guild.id)}],
                ["MESSAGE_DELETE", {"id": ref.id, "channel_id": str(channel.id)}],
                ["MESSAGE_REACTION_ADD", {"user_id": "1", "message_id": ref.id, "channel_id": str(channel.id),
                                          "emoji": {"id": None, "name": "👍"}}],
            ]  # fmt: skip

            async def send(event: Any) -> None:
                if isinstance(event, list) and len(event) == 2 and isinstance(event[0], str):
                    far.hub.emit(event[0], channel.guild, lambda _: event[1])
                await far.delivered()

            await all_of(bent_json(*events), send)
            ears.heard.clear()
            await far.react(mika, card, "👍")
            await until(lambda: any(getattr(one, "emoji", "") == "👍" for one in ears.heard))
            assert chat._live is not None


async def test_bent_envelopes_of_slack_end_nothing() -> None:
    async with Slack() as far:
        far.limited, far.retry_after = False, ()
        channel, mika = far.channel("general"), far.person("mika")
        ears = Hearing()
        place = Place(id=1, platform="slack", channel=channel.id)
        async with slack_connected(far, ears, [place]) as chat:
            await far.connected(2)
            ref = await chat.send(place, _say("x"), "ab" * 12)
            card = channel.messages[ref.id]
            said = await far.say(mika, card, "words")
            events: list[Any] = [
                far.wrapped(said.raw() | {"channel": channel.id, "channel_type": "channel", "event_ts": said.ts}),
                far.wrapped({"type": "reaction_added", "user": mika.id, "reaction": "+1", "event_ts": said.ts,
                             "item": {"type": "message", "channel": channel.id, "ts": ref.id}}),
                far.wrapped({"type": "message", "subtype": "message_changed", "channel": channel.id, "ts": said.ts,
                             "message": said.raw(), "previous_message": said.raw(), "event_ts": said.ts}),
                {"type": "block_actions", "user": {"id": mika.id}, "channel": {"id": channel.id}, "trigger_id": "1",
                 "actions": [{"action_id": "1:read:1", "type": "button"}], "container": {"message_ts": ref.id}},
                {"type": "view_submission", "user": {"id": mika.id}, "view": {"state": {"values": {}}, "id": "V1"}},
                {"command": "/rondan", "text": "digest", "user_id": mika.id, "channel_id": channel.id,
                 "response_url": f"{far.base}/response/x", "trigger_id": "1"},
            ]  # fmt: skip

            async def send(payload: Any) -> None:
                if isinstance(payload, dict) and "event" in payload:
                    far.outbox.tell(payload)
                elif isinstance(payload, dict):
                    far.outbox.ask("slash_commands" if "command" in payload else "interactive", payload)
                await asyncio.sleep(0)

            await all_of(bent_json(*events), send)
            ears.heard.clear()
            await far.react(mika, card, "tada")
            await until(lambda: any(getattr(one, "emoji", "") == "🎉" for one in ears.heard))
