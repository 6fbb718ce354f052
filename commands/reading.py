"""Reading and answering a piece: `/piece`, and what the buttons Read, Comment and the stances do."""

from __future__ import annotations

import secrets
from datetime import datetime, timedelta
from typing import Annotated

from commands import allowing
from commands.registry import Press, command, form, press
from commands.rights import must_be_in
from commands.saying import said
from commands.together import Same
from commands.tools import Tools
from core import faces
from core.chat import Caller, Commented, Person, Reacted
from core.document import Paragraph, spans
from core.errors import Refusal
from core.faces import action
from core.message import Field, Form, Message, Reply
from core.pieces import Piece
from core.speech import say
from core.text import fold
from storage import pieces, places, postings, reactions
from storage.audience import Audience


@command("piece", japanese="記事", summary="番号か言葉で記事を一つ示します。")
async def piece(
    tools: Tools,
    caller: Caller,
    *,
    piece: Annotated[Piece, "Its number, or words of its title.", "番号、または題名の言葉。"],
) -> Reply:
    """Show one piece, by its number or by words of its title."""
    return await tools.together(("piece", standpoint(caller), Same(piece)), lambda: _shown(tools, caller, piece))


async def _shown(tools: Tools, caller: Caller, piece: Piece) -> Reply:
    """The same for all who ask for it there, in that language."""
    card = faces.card(piece, caller.language, caller.zone, tools.scale)
    where = [Paragraph(spans=spans(one, link=one)) for one in await links_to(tools, piece, caller)]
    message = Message(title=card.title, blocks=(*card.blocks, *where), actions=card.actions, language=caller.language)
    return Reply(message=message)


async def piece_meant(tools: Tools, caller: Caller, text: str) -> Piece:
    """The piece that somebody means: `#12`, `12`, or words of a title. Refusal if there is none, or several fit."""
    digits = fold(text).lstrip("#")
    if digits.isdecimal():
        found = await _piece(tools, int(digits)) if len(digits) < 19 else None
        if found is not None and (found.state == "published" or await _may_see(tools, caller, found)):
            return found
        raise Refusal(say(caller.language, "piece.none", words=text))
    hits = await pieces.find_by_words(tools.db, text)
    exact = [number for number, title in hits if fold(title) == fold(text)]
    if len(exact) == 1 or len(hits) == 1:
        found = await _piece(tools, exact[0] if exact else hits[0][0])
        assert found is not None
        return found
    if not hits:
        raise Refusal(say(caller.language, "piece.none", words=text))
    several = "\n".join(f"#{number} {title}" for number, title in hits[:10])
    raise Refusal(f"{say(caller.language, 'piece.several')}\n{several}")


async def _piece(tools: Tools, number: int) -> Piece | None:
    return await tools.together(("piece", number), lambda: pieces.piece(tools.db, number))


async def piece_by_uid(tools: Tools, uid: str) -> Piece | None:
    """The piece that a button names."""
    return await tools.together(("piece by uid", uid), lambda: pieces.piece_by_uid(tools.db, uid))


async def _may_see(tools: Tools, caller: Caller, piece: Piece) -> bool:
    """Whether somebody may name a piece that is not public: who moderates it."""
    return await allowing.holds(tools.db, await allowing.moderates(tools.db, caller), "whole", piece)


async def links_to(tools: Tools, piece: Piece, near: Caller) -> list[str]:
    """Where a piece stands in the chats, nearest first: what is in another community may not be open to who asks."""
    spots = await postings.cards(tools.db, piece.number, (near.platform, near.channel, near.community))
    own = [spot for spot in spots if (spot[0], spot[3]) == (near.platform, near.community)]
    found = [tools.link(*spot[:3]) for spot in own or spots]
    return [one for one in found if one]


def standpoint(caller: Caller) -> tuple[object, ...]:
    """All that an answer depends on of who asks, where everybody who asks there may see the same."""
    return (caller.platform, caller.channel, caller.community, caller.language, caller.zone)


def audience_of(caller: Caller, place: int | None) -> Audience:
    """Whose comments a caller may see."""
    return Audience(
        place=place, community=caller.community, platform=caller.platform, everything=caller.platform == "shell"
    )


async def caller_place(tools: Tools, caller: Caller) -> int | None:
    """The place that somebody asks from, if it is one."""
    where = (caller.platform, caller.channel or "")
    place = await tools.together(("place", where), lambda: places.place_at(tools.db, *where))
    return None if place is None else place.id


# --- buttons ---


@press("read")
async def read(tools: Tools, caller: Caller, pressed: Press) -> Reply:
    """The first page, privately."""
    return await _page(tools, caller, pressed, replace=False)


@press("page")
async def turn(tools: Tools, caller: Caller, pressed: Press) -> Reply:
    """Another page, in place of the one whose button was pressed."""
    return await _page(tools, caller, pressed, replace=True)


async def _page(tools: Tools, caller: Caller, pressed: Press, *, replace: bool) -> Reply:
    piece = pressed.piece

    async def made() -> Message | None:
        return faces.page(piece, pressed.what, caller.language)

    message = await tools.together(("page", Same(piece), pressed.what, caller.language), made)
    if message is None:
        raise Refusal(say(caller.language, "refused.stale"))
    return Reply(message=message, replace=replace)


@press("comment")
async def comment(tools: Tools, caller: Caller, pressed: Press) -> Form:
    """The comment form, for the piece or for the section at which it was pressed."""
    await _card(tools, caller, pressed)  # else what is written would be lost
    return Form(
        id=action("comment", pressed.piece.uid, pressed.what),
        title=say(caller.language, "comment.title"),
        submit=say(caller.language, "comment.submit"),
        fields=(Field(key="text", label=say(caller.language, "comment.field"), limit=3000),),
    )


@form("comment")
async def commented(tools: Tools, caller: Caller, pressed: Press) -> Reply:
    """Keep what was written in the form."""
    text = pressed.values.get("text", "").strip()
    if not text:
        raise Refusal(say(caller.language, "comment.empty"))
    section = None if pressed.what == "-" else pressed.what.split(".")[0]
    channel, anchor = await _card(tools, caller, pressed)
    await tools.ears.keep(
        Commented(
            platform=caller.platform,
            channel=channel,
            anchor=f"form:{secrets.token_hex(8)}",
            person=Person(id=caller.person.id, name=caller.person.name),
            text=text,
            at=tools.clock(),
            reply_to=anchor,
            section=section,
            source="form",
        )
    )
    return said(caller, say(caller.language, "comment.kept", title=pressed.piece.title))


async def _card(tools: Tools, caller: Caller, pressed: Press) -> tuple[str, str]:
    """What an answer hangs on, as channel and message: the piece's card where the caller is, else one in the caller's
    community. Refusal if there is none, or if nothing of the caller may be kept.
    """
    await must_be_in(tools, caller)
    near = (caller.platform, caller.channel, caller.community)
    for platform, channel, anchor, community in await postings.cards(tools.db, pressed.piece.number, near, 1):
        here = channel == caller.channel or community == caller.community != ""
        if platform == caller.platform and here:
            return channel, anchor
    raise Refusal(say(caller.language, "refused.not-here", title=pressed.piece.title))


@press("stance")
async def stance(tools: Tools, caller: Caller, pressed: Press) -> Reply:
    """Take a stance, or take it back by pressing again. A person has one stance a piece: the latest."""
    chosen = tools.scale.get(pressed.what)
    if chosen is None:
        raise Refusal(say(caller.language, "refused.stale"))
    channel, anchor = await _card(tools, caller, pressed)
    pressed_before = await reactions.pressed(tools.db, pressed.piece.number, anchor, caller.platform, caller.person.id)
    now = tools.clock()
    for emoji, at in pressed_before.items():  # a button press replaces the one before
        await tools.ears.keep(_button(caller, channel, anchor, emoji, False, max(now, at + timedelta(microseconds=1))))
    taken_back = chosen.emoji[0] in pressed_before
    if not taken_back:
        await tools.ears.keep(_button(caller, channel, anchor, chosen.emoji[0], True, now))
    name = "stance.taken-back" if taken_back else "stance.kept"
    label = f"{chosen.emoji[0]} {chosen.name(caller.language)}"
    return said(caller, say(caller.language, name, stance=label, title=pressed.piece.title))


def _button(caller: Caller, channel: str, anchor: str, emoji: str, added: bool, at: datetime) -> Reacted:
    return Reacted(
        platform=caller.platform,
        channel=channel,
        anchor=anchor,
        person=caller.person,
        emoji=emoji,
        added=added,
        at=at,
        source="button",
        kind="button",
    )
