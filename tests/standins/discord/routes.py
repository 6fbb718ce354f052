"""Which handler serves which route, and with what status."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tests.standins.discord import rest_channels as channels
from tests.standins.discord import rest_messages as messages
from tests.standins.discord import rest_talk as talk
from tests.standins.discord.ask import Handler

ROUTES: Mapping[str, Handler] = {
    "GET /users/@me": channels.me,
    "GET /users/@me/guilds": channels.my_guilds,
    "GET /oauth2/applications/@me": channels.application,
    "GET /applications/@me": channels.application,
    "GET /gateway/bot": channels.gateway,
    "GET /channels/{}": channels.get,
    "PATCH /channels/{}": channels.edit,
    "DELETE /channels/{}": channels.delete,
    "POST /channels/{}/followers": channels.follow,
    "POST /channels/{}/threads": channels.thread_new,
    "GET /channels/{}/threads/archived/public": channels.archived,
    "PUT /channels/{}/thread-members/@me": channels.join,
    "GET /channels/{}/messages": messages.listing,
    "POST /channels/{}/messages": messages.create,
    "POST /channels/{}/messages/bulk-delete": messages.delete_many,
    "GET /channels/{}/messages/{}": messages.get,
    "PATCH /channels/{}/messages/{}": messages.edit,
    "DELETE /channels/{}/messages/{}": messages.delete,
    "POST /channels/{}/messages/{}/crosspost": messages.crosspost,
    "POST /channels/{}/messages/{}/threads": channels.thread_from,
    "GET /channels/{}/messages/{}/reactions/{}": messages.reactions,
    "PUT /channels/{}/messages/{}/reactions/{}/@me": messages.react,
    "DELETE /channels/{}/messages/{}/reactions/{}/@me": messages.unreact,
    "GET /guilds/{}": channels.guild,
    "GET /guilds/{}/members/{}": channels.member,
    "GET /guilds/{}/channels": channels.guild_channels,
    "GET /guilds/{}/threads/active": channels.active,
    "GET /applications/{}/commands": talk.commands,
    "PUT /applications/{}/commands": talk.sync,
    "POST /interactions/{}/{}/callback": talk.callback,
    "POST /webhooks/{}/{}": talk.follow_up,
    "GET /webhooks/{}/{}/messages/{}": talk.get_reply,
    "PATCH /webhooks/{}/{}/messages/{}": talk.edit_reply,
    "DELETE /webhooks/{}/{}/messages/{}": talk.delete_reply,
}
CREATED = frozenset({"POST /channels/{}/threads", "POST /channels/{}/messages/{}/threads"})


def _tree() -> dict[tuple[str, int], list[tuple[str, list[str], Handler]]]:
    """By method and number of parts; templates with fewer gaps first."""
    tree: dict[tuple[str, int], list[tuple[str, list[str], Handler]]] = {}
    for route, handler in sorted(ROUTES.items(), key=lambda item: item[0].count("{}")):
        method, _, path = route.partition(" ")
        parts = path.strip("/").split("/")
        tree.setdefault((method, len(parts)), []).append((route, parts, handler))
    return tree


_TREE = _tree()


def find(method: str, parts: Sequence[str]) -> tuple[str, list[str], int, Handler] | None:
    """Route, the parts that its gaps stand for, the status of success, handler; None: there is no such route."""
    for route, template, handler in _TREE.get((method, len(parts)), ()):
        if all(want in ("{}", part) for want, part in zip(template, parts, strict=True)):
            args = [part for want, part in zip(template, parts, strict=True) if want == "{}"]
            return route, args, 201 if route in CREATED else 200, handler
    return None
