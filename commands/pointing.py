"""Commands on a message: Feature, Hide and Report are picked from its menu, so that nobody looks up numbers."""

from __future__ import annotations

from commands import moderating, reporting
from commands.registry import EVERYONE, MODERATORS, POINTED, Pointed, Target
from commands.saying import said
from commands.tools import Tools
from core.chat import Caller, Role
from core.commands import CommandSpec
from core.errors import Refusal
from core.message import Reply
from core.speech import say
from core.text import fold
from storage import comments, pieces


async def target(tools: Tools, caller: Caller, anchor: str) -> Target:
    """What stands at a message of the caller's channel. Refusal if it is no piece and no comment of ours."""
    spot = await comments.pointed_at(tools.db, caller.platform, caller.channel or "", anchor)
    piece = await pieces.piece(tools.db, spot.piece) if spot is not None and spot.piece is not None else None
    if spot is None or piece is None:
        raise Refusal(say(caller.language, "point.nothing"))
    voice = await comments.find(tools.db, spot.comment) if spot.comment is not None else None
    if spot.comment is not None and voice is None:
        raise Refusal(say(caller.language, "point.nothing"))
    return Target(piece=piece, comment=voice)


async def _feature(tools: Tools, caller: Caller, at: Target) -> Reply:
    if at.comment is not None:
        return await moderating.feature(tools, caller, comment=at.comment)
    return await moderating.feature(tools, caller, piece=at.piece)


async def _hide(tools: Tools, caller: Caller, at: Target) -> Reply:
    if at.comment is None:
        raise Refusal(say(caller.language, "point.not-hidden", number=at.piece.number, title=at.piece.title))
    return await moderating.hide(tools, caller, comment=at.comment)


async def _save(tools: Tools, caller: Caller, at: Target) -> Reply:
    """Asked of what a message answers: whether that is something of ours, on which the message may be a comment."""
    return said(caller, say(caller.language, "save.kept", title=at.piece.title))


def _spec(name: str, japanese: str, english: str, summary: str, roles: frozenset[Role]) -> CommandSpec:
    return CommandSpec(name=name, japanese=japanese, help={"en": english, "ja": summary}, roles=roles, on="message")


for _one in (
    Pointed(
        spec=_spec("Feature", "注目", "Feature this comment or piece.", "この記事やコメントを注目に。", MODERATORS),
        run=_feature,
        local="whole",
    ),
    Pointed(
        spec=_spec("Hide", "隠す", "Hide this comment.", "このコメントを隠します。", MODERATORS),
        run=_hide,
        local="whole",
    ),
    Pointed(
        spec=_spec("Report", "通報", "Tell the moderators.", "モデレーターに知らせます。", EVERYONE),
        run=reporting.report,
    ),
    Pointed(
        spec=_spec(
            "Save as comment", "コメントとして保存", "Keep this message as a comment on the piece.",
            "このメッセージを記事へのコメントとして残します。", EVERYONE,
        ),
        run=_save,  # the adapter has the message: it tells the ears when this is content
    ),
):  # fmt: skip
    POINTED[fold(_one.spec.name)] = _one
