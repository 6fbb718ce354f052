"""`/mod …`: what moderators do from chat. Every act is written down with its actor, in the transaction that does it."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

from commands.reading import links_to
from commands.registry import MODERATORS, Words, command
from commands.tools import Tools
from core.chat import Caller
from core.document import Heading, Item, List, Paragraph, spans
from core.errors import Refusal
from core.faces import full_text
from core.message import Message, Reply
from core.pieces import Piece, PieceState
from core.responses import Voice
from core.speech import say
from storage import acts, comments, pieces, postings
from storage.db import Tx
from storage.search import index_piece

PieceOption = Annotated[Piece, "Its number, or words of its title.", "番号、または題名の言葉。"]


@command("mod retract", japanese="取り下げ", summary="記事をすべての場所から取り下げます。", roles=MODERATORS)
async def retract(
    tools: Tools,
    caller: Caller,
    *,
    piece: PieceOption,
    reason: Annotated[Words | None, "Shown with the note that stays.", "残る知らせに示す理由。"] = None,
) -> Reply:
    """Withdraw a piece everywhere, with a visible note; the discussion is kept for moderators."""
    if piece.state == "retracted":
        raise Refusal(say(caller.language, "mod.retracted-already", number=piece.number))
    note = f"{reason or ''}\n{tools.clock().isoformat()}"
    places = await _move(tools, caller, piece, "retracted", "retract", reason or "", note)
    return _line(caller, say(caller.language, "mod.retracted", number=piece.number, title=piece.title, n=places))


async def _move(
    tools: Tools, caller: Caller, piece: Piece, state: PieceState, act: str, reason: str, note: str = ""
) -> int:
    """Move a piece to a state, write it down, and have every place look again; gives how many places."""
    now = tools.clock()

    async def work(tx: Tx) -> int:
        await pieces.set_state(tx, piece.number, state, note=note, now=now)
        await acts.record(
            tx, actor=actor(caller), act=act, target=f"#{piece.number}", before=piece.state, after=state,
            reason=reason, now=now,
        )  # fmt: skip
        return await postings.subject_changed(tx, "piece", piece.number, now)

    places = await tools.db.write(work)
    tools.wake()
    return places


@command("mod restore", japanese="復元", summary="取り下げた記事を元に戻します。", roles=MODERATORS)
async def restore(
    tools: Tools,
    caller: Caller,
    *,
    piece: PieceOption,
    reason: Annotated[Words | None, "For the log.", "記録に残す理由。"] = None,
) -> Reply:
    """Bring a withdrawn piece back to where it was."""
    if piece.state != "retracted":
        raise Refusal(say(caller.language, "mod.not-retracted", number=piece.number))
    places = await _move(tools, caller, piece, "published", "restore", reason or "")
    return _line(caller, say(caller.language, "mod.restored", number=piece.number, title=piece.title, n=places))


@command("mod queue", japanese="待ち", summary="承認を待つ記事を古い順に示します。", roles=MODERATORS)
async def queue(tools: Tools, caller: Caller) -> Reply:
    """List the pieces that wait for approval, oldest first."""
    held = list(reversed(await pieces.latest(tools.db, 25, states=("held",))))
    if not held:
        return _line(caller, say(caller.language, "mod.queue-empty"))
    items = tuple(
        Item(marker="•", blocks=(Paragraph(spans=spans(f"#{piece.number} {piece.title}", link=piece.url)),))
        for piece in held
    )
    title = say(caller.language, "mod.queue")
    blocks = (Heading(level=2, spans=spans(title)), List(ordered=False, items=items))
    return Reply(message=Message(title=title, blocks=blocks, language=caller.language))


@command("mod approve", japanese="承認", summary="待っている記事を公開します。", roles=MODERATORS)
async def approve(tools: Tools, caller: Caller, *, piece: PieceOption) -> Reply:
    """Let a piece that waits for approval out to its places."""
    if piece.state != "held":
        raise Refusal(say(caller.language, "mod.not-held", number=piece.number))
    now = tools.clock()

    async def work(tx: Tx) -> int:
        placed = await tools.let_out(tx, piece.number, now)
        await acts.record(
            tx, actor=actor(caller), act="approve", target=f"#{piece.number}", before="held", after="published", now=now
        )
        return len(placed)

    places = await tools.db.write(work)
    tools.wake()
    return _line(caller, say(caller.language, "mod.approved", number=piece.number, title=piece.title, n=places))


@command("mod tag", japanese="タグ", summary="記事の話題を付け外しします。", roles=MODERATORS)
async def tag(
    tools: Tools,
    caller: Caller,
    *,
    piece: PieceOption,
    add: Annotated[str | None, "Topics to add, separated by commas.", "付ける話題（「、」か , で区切る）。"] = None,
    remove: Annotated[str | None, "Topics to take off, separated by commas.", "外す話題。"] = None,
) -> Reply:
    """Put topics on a piece or take them off; new topics are made."""
    now = tools.clock()

    async def work(tx: Tx) -> None:
        await index_piece(tx, piece.number, full_text(piece), None)
        for name in names_in(remove):
            topic = await pieces.topic_named(tx, name)
            if topic is None:
                raise Refusal(say(caller.language, "topic.none", name=name))
            await pieces.untag(tx, piece.number, topic.id)
        for name in names_in(add):
            await pieces.tag(tx, piece.number, await pieces.ensure_topic(tx, name, caller.language, now), actor(caller))
        tagged = await pieces.piece(tx, piece.number)
        assert tagged is not None
        await index_piece(tx, piece.number, None, full_text(tagged))
        await acts.record(
            tx, actor=actor(caller), act="tag", target=f"#{piece.number}", before=_topics(piece, caller),
            after=_topics(tagged, caller), now=now,
        )  # fmt: skip
        await postings.subject_changed(tx, "piece", piece.number, now)
        if tagged.state == "published":
            await tools.place(tx, tagged, now)  # places that filter by topic may want it now

    await tools.db.write(work)
    tools.wake()
    tagged = await pieces.piece(tools.db, piece.number)
    assert tagged is not None
    topics = _topics(tagged, caller) or say(caller.language, "none")
    return _line(caller, say(caller.language, "mod.tagged", number=piece.number, topics=topics))


def names_in(text: str | None) -> list[str]:
    """Names that are separated by commas, Japanese ones too."""
    return [name.strip() for name in (text or "").replace("、", ",").replace("，", ",").split(",") if name.strip()]


def _topics(piece: Piece, caller: Caller) -> str:
    return ", ".join(topic.name(caller.language) for topic in piece.topics)


@command("mod hide", japanese="隠す", summary="コメントを隠します（解除もできます）。", roles=MODERATORS)
async def hide(
    tools: Tools,
    caller: Caller,
    *,
    comment: Annotated[Voice, "The comment's number (`/mod comments`).", "コメントの番号（`/mod comments`）。"],
    undo: Annotated[bool, "yes to show it again.", "yes で再び表示。"] = False,
    reason: Annotated[Words | None, "For the log.", "記録に残す理由。"] = None,
) -> Reply:
    """Hide a reader's comment from digests, search and exports, or show it again."""
    number = comment.comment
    await _set_comment(tools, caller, number, "visible" if undo else "hidden", "hide", reason or "")
    return _line(caller, say(caller.language, "mod.comment-shown" if undo else "mod.hidden", number=number))


@command(
    "mod feature", japanese="注目", summary="記事かコメントを注目に設定します（解除もできます）。", roles=MODERATORS
)
async def feature(
    tools: Tools,
    caller: Caller,
    *,
    piece: Annotated[Piece | None, "A piece.", "記事。"] = None,
    comment: Annotated[Voice | None, "Or a comment's number.", "またはコメントの番号。"] = None,
    undo: Annotated[bool, "yes to stop featuring.", "yes で解除。"] = False,
) -> Reply:
    """Feature a piece or a comment in digests, or stop."""
    now = tools.clock()
    name = "mod.unfeatured" if undo else "mod.featured"
    if comment is not None:
        number = comment.comment
        await _set_comment(tools, caller, number, "visible" if undo else "featured", "feature", "")
        return _line(caller, say(caller.language, name, target=say(caller.language, "mod.comment", number=number)))
    if piece is None:
        raise Refusal(
            say(caller.language, "refused.missing", command="mod feature", option="piece", help="piece / comment")
        )

    async def work(tx: Tx) -> None:
        await pieces.set_featured(tx, piece.number, not undo, now)
        await acts.record(
            tx, actor=actor(caller), act="feature", target=f"#{piece.number}", before=str(piece.featured),
            after=str(not undo), now=now,
        )  # fmt: skip
        await postings.subject_changed(tx, "piece", piece.number, now)

    await tools.db.write(work)
    tools.wake()
    return _line(caller, say(caller.language, name, target=f"#{piece.number} {piece.title}"))


async def _set_comment(
    tools: Tools, caller: Caller, number: int, state: comments.Visibility, act: str, reason: str
) -> None:
    now = tools.clock()

    async def work(tx: Tx) -> None:
        before = await comments.set_state(tx, number, state)
        if before is None:
            raise Refusal(say(caller.language, "mod.no-comment", number=number))
        await acts.record(
            tx,
            actor=actor(caller),
            act=act,
            target=f"comment {number}",
            before=before,
            after=state,
            reason=reason,
            now=now,
        )

    await tools.db.write(work)


@command("mod comments", japanese="コメント一覧", summary="記事へのコメントを番号つきで示します。", roles=MODERATORS)
async def list_comments(tools: Tools, caller: Caller, *, piece: PieceOption) -> Reply:
    """List the comments on a piece with their numbers, hidden ones too."""
    found = await comments.of_piece(tools.db, piece.number)
    items = []
    for one in found:
        address = tools.link(one.platform, one.channel, one.anchor)
        if address is None:  # it came by a form: the card there
            there = replace(caller, platform=one.platform, channel=one.channel, community="")
            address = next(iter(await links_to(tools, piece, there)), None)
        text = f"{one.comment} [{one.state}] {one.person or '?'}: {' '.join(one.text.split())[:200]}"
        items.append(Item(marker="•", blocks=(Paragraph(spans=spans(text, link=address)),)))
    title = f"#{piece.number} {piece.title}"
    return Reply(
        message=Message(
            title=title,
            blocks=(Heading(level=2, spans=spans(title)), List(ordered=False, items=tuple(items))),
            language=caller.language,
        )
    )


@command("mod log", japanese="記録", summary="モデレーターの操作と読者の通報の記録を示します。", roles=MODERATORS)
async def log(
    tools: Tools, caller: Caller, *, piece: Annotated[Piece | None, "Only this piece.", "この記事だけ。"] = None
) -> Reply:
    """Show what moderators did and readers reported, newest first."""
    found = await acts.acts(tools.db, f"#{piece.number}" if piece else None)
    if not found:
        return _line(caller, say(caller.language, "mod.log-empty"))
    items = tuple(
        Item(
            marker="•",
            blocks=(
                Paragraph(
                    spans=spans(
                        f"{one.number}. {one.at:%Y-%m-%d %H:%M} {one.actor} {one.act} {one.target}"
                        + (f" — {one.reason}" if one.reason else "")
                    )
                ),
            ),
        )
        for one in found
    )
    title = say(caller.language, "mod.log")
    blocks = (Heading(level=2, spans=spans(title)), List(ordered=False, items=items))
    return Reply(message=Message(title=title, blocks=blocks, language=caller.language))


def actor(caller: Caller) -> str:
    """Who did it, as the log keeps it."""
    return f"{caller.platform}:{caller.person.id}" + (f" ({caller.person.name})" if caller.person.name else "")


def _line(caller: Caller, sentence: str) -> Reply:
    return Reply(message=Message(title=sentence, blocks=(Paragraph(spans=spans(sentence)),), language=caller.language))
