"""Slack on loopback, for the real slack-bolt over TCP: Web API, Socket Mode, HTTP events, and the people there.

    async with Slack() as slack:
        client = AsyncWebClient(token=slack.bot_token, base_url=slack.api)
        app = AsyncApp(client=client, signing_secret=slack.signing_secret)
        await AsyncSocketModeHandler(app, slack.app_token).connect_async()      # or, for HTTP:
        await slack.post_to("http://127.0.0.1:…/slack/events")                  # asks url_verification first

The world is built at any time: `mika = slack.person("mika", locale="ja-JP", admin=True)` (`guest="multi"`, `bot=True`),
`slack.stranger("far")`, `slack.colleague("kin")` (of `slack.enterprise`), `c = slack.channel("general", mika)`
(`private=True`, `foreign=True`, `bot=False`: without the bot), `c.archived`, `c.refuses = "restricted_action"`,
`slack.group("editors", mika)`, `slack.dm(mika)`, `slack.scopes`, `slack.free` (no user groups),
`slack.install(manifest)` (takes commands, shortcuts, events, scopes from it).

    people       await slack.say(mika, c, "as typed") · say(mika, message, "a reply", broadcast=True, ago=60) · edit
                 · delete · react(mika, m, "👍") · unreact · unfurl(m) · join(c), leave(c) (the bot, or a person)
                 · rename · archive · delete_channel · renumber(c) · regroup(group, people) · uninstall
                 · too_many_events
    talk         answer = await slack.command(mika, c, "/rondan digest #general"); await answer.settled()
                 · press(mika, message | answer | view, "Next") · submit(mika, answer, {"text": "…"}) · close
                 · suggest(mika, answer, "topic", "地") · shortcut(mika, "feature", message) · open_home(mika)
                 raises NotOffered for what the client would not let a person do, NoAnswer after `patience` (3 s).
                 An Answer has `ack`, `took`, `posts`, `views`, `view`, `ephemerals`, `said`, `errors`, `closed`,
                 `text`, `until(lambda answer: …)`. `slack.homes[mika.id]`, `slack.stacks[mika.id]`: what is open.
    reading      messages(c) · plain(message | view) · link(m) · log · count("chat.postMessage", "" | error)
                 · ephemerals · pings · unfurling (bodies without both flags false)
    limits       limited = False · limits.sizes[method], minute, apart, burst, restricted · people_shown
                 · text_budget, json_budget (msg_blocks_too_long) · orphans
    faults       fail("chat.postMessage", times=1, how="500-after", channel=c, delay=1); see `faults` for all of `how`
    events       deliveries · unacked · lost · acks · connections · await delivered() · connected(2) · patience
                 · retry_after: pauses before repetitions, (0, 0.2, 0.5) in place of 0, 60, 300 s; () for none
                 · duplicate(1) · reorder(2), release() · with burst(shuffled=True, doubled=0.2): …
    connection   cut() · refresh("warning" | "refresh_requested" | "link_disabled") · dead_urls(1) · refuse_sockets(1)
                 · hang_sockets(1) · outage() · deaf() · sockets.handshakes, sockets.refused, sockets.opened
    HTTP         sign(body, at=…, secret=…) · outbox.transport.statuses

`driving` has a bot to copy from. What Slack refuses is refused by its name, with the place in `errors` and
`response_metadata.messages`. It is stricter in that unknown keys are refused everywhere, an `action_id` must be unique
in a whole message, bare `@here` in `text` counts as a ping unless `parse="none"`, and a ticket lets one in once.
Methods that only read see nothing of a JSON body, as Slack's (`json_everywhere = True` for other servers).
Where nobody knows: an acknowledgement counts on any connection, but not after `patience`; characters are UTF-16 units;
`json_budget` counts compact JSON with Japanese as it is; metadata may be 4,096 bytes.
"""

from tests.standins.slack.answer import Answer, NoAnswer, NotOffered
from tests.standins.slack.delivery import Delivery
from tests.standins.slack.pings import Ping
from tests.standins.slack.reader import Unintended
from tests.standins.slack.server import Slack
from tests.standins.slack.views import View
from tests.standins.slack.world import Channel, Group, Message, Person

__all__ = [
    "Answer",
    "Channel",
    "Delivery",
    "Group",
    "Message",
    "NoAnswer",
    "NotOffered",
    "Person",
    "Ping",
    "Slack",
    "Unintended",
    "View",
]
