"""The authors' loop: `/mod questions` gathers what readers ask, `/mod answer` answers under the piece."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated

from commands.moderating import actor
from commands.reading import audience_of, caller_place
from commands.registry import MODERATORS, WRITERS, SpanOption, Words, alone, alone_form, command, row_id
from commands.saying import said
from commands.tools import Tools
from core.answering import MOST
from core.chat import Caller
from core.document import Heading, Item, List, Paragraph, spans
from core.errors import Refusal, ThinkError
from core.message import Action, Field, Form, Message, MessageBlock, Reply
from core.period import Period
from core.pieces import Piece
from core.responses import Spoken, Voice
from core.speech import say, say_list
from core.text import shorten
from digest.packing import pack, unpack
from digest.sketch import Reading
from storage import acts, answers, comments, digests
from storage.db import Tx
from storage.readers import person_id

ANSWER = "answer"
SHOWN = 40
_PIECES = 3000
_WORDS = 300


@command("mod questions", japanese="質問", summary="読者の質問を、似たものどうしで示します。", roles=WRITERS)
async def questions(
    tools: Tools,
    caller: Caller,
    *,
    period: SpanOption = Period("month"),  # noqa: B008 - immutable
    piece: Annotated[Piece | None, "Only on this piece.", "この記事だけ。"] = None,
) -> Reply:
    """Gather what readers ask, by what the questions are about, most asked first."""
    window = period.window(tools.clock(), caller.zone, None)
    audience = audience_of(caller, await caller_place(tools, caller))
    numbers: Sequence[int] = [piece.number] if piece is not None else ()
    if piece is None:
        numbers, _ = await digests.pieces_between(tools.db, window.start, window.end, None, _PIECES)
        numbers = [*numbers, *await digests.answered_between(tools.db, window.start, window.end, None, _PIECES)]
    spoken = await digests.spoken(tools.db, sorted(set(numbers)), window.start, window.end, audience)
    try:
        asked = {one.comment: one for one in spoken}
        ranked = (await _read(tools, spoken)).questions
        themes = (await _read(tools, [asked[number] for number in ranked])).themes
    except ThinkError as error:
        raise Refusal(say(caller.language, "questions.unread")) from error
    groups = [
        (say_list(caller.language, theme.words) or say(caller.language, "questions.alike", n=len(theme.comments)),
         [number for number in theme.comments if number in asked])
        for theme in themes
        if theme.words or len(theme.comments) > 1
    ]  # fmt: skip
    voices = await digests.voices(tools.db, ranked, audience)
    answered = await answers.to_comments(tools.db, ranked)
    title = say(
        caller.language, "questions.title" if voices else "questions.none", period=period.label(caller.language)
    )
    blocks: list[MessageBlock] = [Heading(level=2, spans=spans(title))] if voices else [Paragraph(spans=spans(title))]
    left = dict.fromkeys(number for number in ranked if number in voices)
    for heading, members in (*groups, (say(caller.language, "questions.others"), list(left))):
        shown = [number for number in members if number in left][:SHOWN]
        if not shown:
            continue
        for number in shown:
            del left[number]
        blocks.append(Heading(level=3, spans=spans(heading)))
        items = tuple(_item(tools, caller, voices[number], answered=number in answered) for number in shown)
        blocks.append(List(ordered=False, items=items))
    return Reply(message=Message(title=title, blocks=tuple(blocks), language=caller.language))


async def _read(tools: Tools, spoken: Sequence[Spoken]) -> Reading:
    if not spoken:
        return Reading()
    return unpack(Reading, await tools.think("read", {"pieces": [], "spoken": pack(tuple(spoken)), "topic": None}))


def _item(tools: Tools, caller: Caller, voice: Voice, *, answered: bool) -> Item:
    words = shorten(" ".join(voice.text.split()), _WORDS)
    agree = say(caller.language, "questions.agree", n=voice.agree) if voice.agree else ""
    done = say(caller.language, "questions.answered") if answered else ""
    more = " · ".join(filter(None, (f"#{voice.piece}", voice.person, agree, done)))
    link = tools.link(voice.platform, voice.channel, voice.anchor)
    return Item(marker="•", blocks=(Paragraph(spans=(*spans(f"{voice.comment} ", bold=True), *spans(words, link=link),
                                                     *spans(f" · {more}"))),))  # fmt: skip


@command(
    "mod answer", japanese="回答", summary="読者のコメントに答えます。記事の下とダイジェストに載ります。", roles=WRITERS
)
async def answer(
    tools: Tools,
    caller: Caller,
    *,
    comment: Annotated[Voice, "The comment's number (`/mod questions`).", "コメントの番号（`/mod questions`）。"],
    text: Annotated[Words | None, "The answer; without it you get a form.", "回答。省くとフォーム。"] = None,
    undo: Annotated[bool, "yes to take the answer back.", "yes で回答を取り下げます。"] = False,
) -> Reply:
    """Answer a reader: shown under the piece as the author's answer, and in digests."""
    await _check_heard(tools, caller, comment.comment)
    if undo:
        return await _take_back(tools, caller, comment.comment)
    if text is not None:
        return await _give(tools, caller, comment.comment, text)
    asked = say(caller.language, "answer.asked", text=shorten(" ".join(comment.text.split()), _WORDS))
    button = Action(id=f"v1:{ANSWER}:{comment.comment}", label=say(caller.language, "answer.write"), style="primary")
    return said(caller, asked, actions=(button,))


@alone(ANSWER, only=WRITERS)
async def write(tools: Tools, caller: Caller, what: str) -> Form:
    """The form, with the answer that stands."""
    number = await _number(tools, caller, what)
    given = await answers.of_comment(tools.db, number)
    field = Field(
        key="text", label=say(caller.language, "answer.field"), limit=MOST, value="" if given is None else given.text
    )
    title, submit = say(caller.language, "answer.form", number=number), say(caller.language, "answer.submit")
    return Form(id=f"v1:{ANSWER}:{number}", title=title, submit=submit, fields=(field,))


@alone_form(ANSWER, only=WRITERS)
async def written(tools: Tools, caller: Caller, what: str, values: Mapping[str, str]) -> Reply:
    """Keep what was written."""
    return await _give(tools, caller, await _number(tools, caller, what), values.get("text", ""))


async def _number(tools: Tools, caller: Caller, what: str) -> int:
    number = row_id(what)
    if number is None or await comments.find(tools.db, number) is None:
        raise Refusal(say(caller.language, "refused.stale"))
    await _check_heard(tools, caller, number)
    return number


async def _check_heard(tools: Tools, caller: Caller, number: int) -> None:
    """Authors answer what they may read where they are; moderators anything."""
    if caller.roles & MODERATORS:
        return
    audience = audience_of(caller, await caller_place(tools, caller))
    if not await digests.voices(tools.db, [number], audience):
        raise Refusal(say(caller.language, "mod.no-comment", number=number))


async def _give(tools: Tools, caller: Caller, number: int, text: str) -> Reply:
    text, language, now = text.strip(), caller.language, tools.clock()
    if not text or len(text) > MOST:
        raise Refusal(say(language, "answer.length", most=MOST))

    async def work(tx: Tx) -> None:
        if await comments.find(tx, number) is None:
            raise Refusal(say(language, "mod.no-comment", number=number))
        before = await answers.of_comment(tx, number)
        own = await person_id(tx, caller.platform, caller.person)
        if before is not None and before.person != own:  # nobody's words are replaced unseen
            raise Refusal(say(language, "answer.there", number=number, who=before.name))
        await answers.give(tx, number, text, actor(caller), now)
        await acts.record(
            tx, actor=actor(caller), act="answer", target=f"comment {number}",
            before="" if before is None else before.text, after=text, words=True, now=now,
        )  # fmt: skip

    await tools.db.write(work)
    tools.wake()
    return said(caller, say(language, "answer.given", number=number))


async def _take_back(tools: Tools, caller: Caller, number: int) -> Reply:
    language, now = caller.language, tools.clock()

    async def work(tx: Tx) -> None:
        before = await answers.of_comment(tx, number)
        if before is None:
            raise Refusal(say(language, "answer.none", number=number))
        await answers.take_back(tx, number, now)
        await acts.record(
            tx, actor=actor(caller), act="answer", target=f"comment {number}", before=before.text, words=True, now=now
        )

    await tools.db.write(work)
    tools.wake()
    return said(caller, say(language, "answer.taken-back", number=number))
