"""Discord on loopback, for the real discord.py over TCP: REST, gateway, and the people on the other side.

    async with Discord() as discord:
        Route.BASE = discord.api  # of the library; `driving.hooked` does it, `driving.running` runs a client
        DiscordWebSocket.DEFAULT_GATEWAY = yarl.URL(discord.gateway)
        … client.start(discord.token) …

The world is built at any time, and what changes is told to the bot: `g = discord.guild("Reading room")`,
`c = g.text("general")` (or `announcement`, `forum(tags=…)`), `mika = discord.user("mika", locale="ja")`,
`g.grant(mika, administrator=True)`, `g.role("readers", mentionable=True)`,
`discord.permissions(c, deny=P.SEND_MESSAGES)`, `discord.empower(g, permissions)`, `discord.time_out(g)`.

    people       await discord.say(mika, c, "words", reply_to=m) · react · edit · delete · bulk_delete · clear_reactions
                 · start_thread · delete_channel · remove_guild · lose_guild;  discord.follow(news, c) · archive(thread)
    talk         answer = await discord.command(mika, c, "mod retract", {"piece": 3}); await answer.settled()
                 · press(mika, message, "Comment") · submit(mika, answer, {"text": "…"}) · complete · message_command
                 raises NotOffered for what the client would not let a person do, NoAnswer after 3 s (`patience`)
    reading      messages(c) · log · count("POST /channels/{}/messages", 200) · statuses[429] · invalid · pings
                 · unguarded (bodies without `allowed_mentions`) · commands, syncs · answers
    limits       rate = 50 · limits.sizes[route] = (5, 5.0) · limits.ban_at · shared(route) · buckets = False
                 · nonce_window = 180
    faults       fail("POST /channels/{}/messages", times=1, how="500-after", channel=c); see `faults` for all of `how`
    gateway      connected() · delivered() · cut(4000) · outage() · close_before_hello(1) · forget_sessions()
                 · reconnect() · invalidate(resumable=False) · duplicate(1) · reorder(2) · deaf() · identifies, resumes
                 · heartbeat = 0.2 · strict_identify = True

A `Message` has `text`, `buttons`, `raw(discord.me)`; its fields are what was accepted. What Discord refuses is refused
with its code, 50035 with a tree of errors; it is stricter in that unknown keys of a message are refused, not ignored.
Where the documents do not say: a nonce counts for the bot in all channels; crossposts carry text, without buttons.
"""

from tests.standins.discord.basics import BOT, EVERYTHING, PEOPLE, P, User
from tests.standins.discord.message import Message
from tests.standins.discord.offers import NotOffered
from tests.standins.discord.server import Discord
from tests.standins.discord.talk import Answer, NoAnswer
from tests.standins.discord.world import Channel, Guild

__all__ = [
    "BOT",
    "EVERYTHING",
    "PEOPLE",
    "Answer",
    "Channel",
    "Discord",
    "Guild",
    "Message",
    "NoAnswer",
    "NotOffered",
    "P",
    "User",
]
