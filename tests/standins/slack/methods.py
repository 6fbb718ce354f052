"""Which function serves which method, and what scope it needs."""

from __future__ import annotations

from collections.abc import Mapping

from tests.standins.slack import api_chat as chat
from tests.standins.slack import api_conversations as conversations
from tests.standins.slack import files, views
from tests.standins.slack.ask import Method

METHODS: Mapping[str, tuple[Method, str]] = {
    "auth.test": (conversations.auth_test, ""),
    "apps.connections.open": (conversations.connections_open, "connections:write"),
    "team.info": (conversations.team_info, "team:read"),
    "chat.postMessage": (chat.post, "chat:write"),
    "chat.update": (chat.update, "chat:write"),
    "chat.delete": (chat.delete, "chat:write"),
    "chat.postEphemeral": (chat.post_ephemeral, "chat:write"),
    "chat.getPermalink": (chat.permalink, ""),
    "conversations.history": (conversations.history, "*:history"),
    "conversations.replies": (conversations.replies, "*:history"),
    "conversations.info": (conversations.info, "*:read"),
    "conversations.list": (conversations.listing, "channels:read"),
    "conversations.join": (conversations.join, "channels:join"),
    "conversations.members": (conversations.members, "*:read"),
    "conversations.open": (conversations.open_dm, "im:write"),
    "files.getUploadURLExternal": (files.place, "files:write"),
    "files.completeUploadExternal": (files.complete, "files:write"),
    "reactions.get": (conversations.reactions_get, "reactions:read"),
    "reactions.add": (conversations.reactions_add, "reactions:write"),
    "users.info": (conversations.users_info, "users:read"),
    "usergroups.users.list": (conversations.group_members, "usergroups:read"),
    "usergroups.list": (conversations.group_list, "usergroups:read"),
    "views.open": (views.open_view, ""),
    "views.push": (views.push, ""),
    "views.update": (views.update, ""),
    "views.publish": (views.publish, ""),
}
KINDS: Mapping[str, str] = {"public": "channels", "private": "groups", "im": "im"}
"""`*` in a scope stands for the kind of the channel."""
