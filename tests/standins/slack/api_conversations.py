"""conversations.*, reactions.*, users and user groups, auth, apps, team."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.standins.slack.api_chat import find, readable
from tests.standins.slack.ask import Ask, paged
from tests.standins.slack.basics import Raw, Refusal, moment
from tests.standins.slack.world import Message

if TYPE_CHECKING:
    from tests.standins.slack.server import Slack


async def auth_test(slack: Slack, _: Ask) -> Raw:
    return {
        "url": f"https://{slack.team_domain}.slack.com/",
        "team": "Reading room",
        "user": slack.me.name,
        "team_id": slack.team_id,
        "user_id": slack.me.id,
        "bot_id": slack.bot_id,
        "app_id": slack.app_id,
        "is_enterprise_install": False,
        **({"enterprise_id": slack.enterprise} if slack.enterprise else {}),
    }


async def connections_open(slack: Slack, _: Ask) -> Raw:
    return {"url": f"ws://127.0.0.1:{slack.port}/link/?ticket={slack.sockets.ticket()}&app_id={slack.app_id}"}


async def team_info(slack: Slack, _: Ask) -> Raw:
    return {"team": {"id": slack.team_id, "name": "Reading room", "domain": slack.team_domain}}


# --- conversations ---


def _window(slack: Slack, ask: Ask, messages: list[Message], usual: int, most: int) -> tuple[list[Message], str, bool]:
    """Those between `oldest` and `latest`, a page of them, the next cursor, and whether there are more."""
    oldest, latest = ask.ts("oldest"), ask.ts("latest")
    inclusive = bool(ask.flag("inclusive"))
    low = -1 if oldest is None else moment(oldest) - inclusive
    high = None if latest is None else moment(latest) + inclusive
    found = [one for one in messages if low < moment(one.ts) and (high is None or moment(one.ts) < high)]
    if slack.limits.restricted:
        usual = most = 15
    page, cursor = paged(found, ask.text("cursor"), ask.number("limit", usual, most))
    return page, cursor, bool(cursor)


async def history(slack: Slack, ask: Ask) -> Raw:
    """Newest first, without answers, except those that were also sent to the channel."""
    channel = readable(slack, ask.need("channel"))
    shown = [one for one in reversed(list(channel)) if one.thread is None or one.broadcast]
    page, cursor, more = _window(slack, ask, shown, 100, 999)
    told = bool(ask.flag("include_all_metadata"))
    answer: Raw = {
        "messages": [one.raw(metadata=told, most=slack.people_shown) for one in page],
        "has_more": more,
        "pin_count": 0,
        "channel_actions_ts": None,
        "channel_actions_count": 0,
    }
    return answer | ({"response_metadata": {"next_cursor": cursor}} if more else {})


async def replies(slack: Slack, ask: Ask) -> Raw:
    """The root first, whatever the window; then the answers, oldest first."""
    channel = readable(slack, ask.need("channel"))
    root = channel.messages.get(ask.need("ts"))
    if root is None:
        raise Refusal("thread_not_found")
    thread = [] if root.thread is not None else root.replies
    page, cursor, more = _window(slack, ask, thread, 1000, 1000)
    told = bool(ask.flag("include_all_metadata"))
    shown = page if ask.text("cursor") else [root, *page]
    answer: Raw = {"messages": [one.raw(metadata=told, most=slack.people_shown) for one in shown], "has_more": more}
    return answer | ({"response_metadata": {"next_cursor": cursor}} if more else {})


async def info(slack: Slack, ask: Ask) -> Raw:
    channel = find(slack, ask.need("channel"))
    return {"channel": channel.raw(slack.me, bool(ask.flag("include_num_members")))}


async def listing(slack: Slack, ask: Ask) -> Raw:
    kinds = {"public_channel": "public", "private_channel": "private", "im": "im", "mpim": "mpim"}
    wanted = ask.text("types", "public_channel").split(",")
    if unknown := [one for one in wanted if one.strip() not in kinds]:
        raise Refusal("invalid_types", needed=unknown)
    allowed = {kinds[one.strip()] for one in wanted}
    found = [
        one
        for one in slack.channels.values()
        if one.kind in allowed
        and (one.kind == "public" or slack.me.id in one.members)
        and not (one.archived and ask.flag("exclude_archived"))
    ]
    page, cursor = paged(found, ask.text("cursor"), ask.number("limit", 100, 1000))
    return {"channels": [one.raw(slack.me, True) for one in page], "response_metadata": {"next_cursor": cursor}}


async def join(slack: Slack, ask: Ask) -> Raw:
    channel = find(slack, ask.need("channel"))
    if channel.kind != "public":
        raise Refusal("method_not_supported_for_channel_type")
    if channel.archived:
        raise Refusal("is_archived")
    already = slack.me.id in channel.members
    slack.enter(channel, slack.me)
    told = {"warning": "already_in_channel", "response_metadata": {"warnings": ["already_in_channel"]}}
    return {"channel": channel.raw(slack.me)} | (told if already else {})


async def members(slack: Slack, ask: Ask) -> Raw:
    channel = find(slack, ask.need("channel"))
    page, cursor = paged(list(channel.members), ask.text("cursor"), ask.number("limit", 100, 1000))
    return {"members": page, "response_metadata": {"next_cursor": cursor}}


async def open_dm(slack: Slack, ask: Ask) -> Raw:
    person = slack.people.get(ask.need("users"))
    if person is None:
        raise Refusal("user_not_found")
    return {"channel": {"id": slack.dm(person).id}}


# --- reactions ---


async def reactions_get(slack: Slack, ask: Ask) -> Raw:
    """`full`: all people of each reaction, not only the first."""
    channel = readable(slack, ask.need("channel"))
    message = channel.messages.get(ask.need("timestamp"))
    if message is None:
        raise Refusal("message_not_found")
    most = None if ask.flag("full") else slack.people_shown
    shown = message.raw(most=most) | {"permalink": slack.link(message)}
    return {"type": "message", "channel": channel.id, "message": shown}


async def reactions_add(slack: Slack, ask: Ask) -> Raw:
    channel = readable(slack, ask.need("channel"))
    message = channel.messages.get(ask.need("timestamp"))
    if message is None:
        raise Refusal("message_not_found")
    name = ask.need("name").strip(":")
    if not all(char.isalnum() or char in "_+-:'" for char in name):
        raise Refusal("invalid_name")
    if not slack.put_reaction(message, slack.me, name):
        raise Refusal("already_reacted")
    return {}


# --- people ---


async def users_info(slack: Slack, ask: Ask) -> Raw:
    person = slack.people.get(ask.text("user"))
    if person is None:
        raise Refusal("user_not_found")
    if person.stranger and not any(person.id in one.members for one in slack.channels.values()):
        raise Refusal("user_not_visible")
    return {"user": person.raw(bool(ask.flag("include_locale")))}


async def group_members(slack: Slack, ask: Ask) -> Raw:
    if slack.free:
        raise Refusal("plan_upgrade_required")
    group = slack.groups.get(ask.need("usergroup"))
    if group is None:
        raise Refusal("no_such_subteam")
    return {"users": [one.id for one in group.members]}


async def group_list(slack: Slack, _: Ask) -> Raw:
    if slack.free:
        raise Refusal("plan_upgrade_required")
    return {
        "usergroups": [
            {"id": one.id, "team_id": slack.team_id, "handle": one.handle, "name": one.handle, "is_usergroup": True}
            for one in slack.groups.values()
        ]
    }
