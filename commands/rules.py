"""`/mod rules`: what holds new comments of a community back until a moderator looked. None to begin with."""

from __future__ import annotations

from typing import Annotated, Literal

from commands.moderating import actor
from commands.registry import MODERATORS, Words, command
from commands.saying import listed, said
from commands.tools import Tools
from core.chat import Caller
from core.errors import Refusal
from core.holding import checked
from core.message import Reply
from core.speech import say
from storage import acts, holding
from storage.db import Tx


@command("mod rules", japanese="保留規則", summary="コメントを保留する規則を示し、加え、外します。", roles=MODERATORS)
async def rules(
    tools: Tools,
    caller: Caller,
    *,
    rule: Annotated[
        Literal["word", "links", "first", "flood", "copies"] | None,
        "Hold comments with a word, with links, a person's first one, many at once, or the same again.",
        "言葉、リンク、初めてのコメント、短時間の連投、同じ文の繰り返し。",
    ] = None,
    value: Annotated[
        Words | None,
        "For word: the word or words. For flood: 5/60 is five in 60 seconds.",
        "word には言葉。flood には 5/60（60秒に5件）のように。",
    ] = None,
    off: Annotated[bool, "yes to end the rule.", "yes でその規則を外します。"] = False,
) -> Reply:
    """List the rules that hold new comments here, add one, or end one."""
    community, language, now = (caller.platform, caller.community), caller.language, tools.clock()
    if rule is None:
        return await _list(tools, caller, community)
    kept = None if off and value is None else checked(rule, value or "", language)

    async def work(tx: Tx) -> str:
        if off:
            gone = await holding.remove(tx, community, rule, kept)
            if not gone:
                raise Refusal(say(language, "rules.none-such", rule=rule))
            for one in gone:
                await _record(tx, f"{rule} {one}".strip(), "")
            return say(language, "rules.ended", rule=say(language, f"rules.{rule}.is", value=", ".join(gone)))
        if not await holding.add(tx, community, rule, kept or "", now):
            raise Refusal(say(language, "rules.there"))
        await _record(tx, "", f"{rule} {kept}".strip())
        return say(language, "rules.added", rule=say(language, f"rules.{rule}.is", value=kept))

    async def _record(tx: Tx, before: str, after: str) -> None:
        target = f"rules {caller.platform}:{caller.community}"
        await acts.record(tx, actor=actor(caller), act="rules", target=target, before=before, after=after, now=now)

    sentence = await tools.db.write(work)
    return said(caller, sentence)


async def _list(tools: Tools, caller: Caller, community: holding.Community) -> Reply:
    found = await holding.rules(tools.db, community)
    title = say(caller.language, "rules.title" if found else "rules.none")
    lines = [say(caller.language, f"rules.{one.kind}.is", value=one.value) for one in found]
    return listed(caller, title, lines) if found else said(caller, title)
