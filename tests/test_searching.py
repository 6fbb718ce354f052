"""`/search` as people see it: which lines, what is marked in them, where they lead; and never what may not be shown."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from functools import partial

import pytest

from commands import searching
from commands.searching import excerpt
from core.chat import Commented, Person, Removed
from core.document import Document, Heading, List, Paragraph, Span, spans
from core.message import Reply, links_of, to_text
from core.pieces import PieceState
from core.tokens import plain, term
from storage import pieces
from storage.search import Results, search
from tests.conftest import add_place, change_place, found
from tests.newsroom import READER, Newsroom

JAPANESE = replace(READER, language="ja")


def document(**texts: str) -> Document:
    blocks: list[Heading | Paragraph] = []
    for name, text in texts.items():
        blocks += [Heading(level=2, spans=spans(name)), Paragraph(spans=spans(text))]
    return Document(blocks=tuple(blocks))


def lines(reply: Reply) -> list[tuple[str, str | None, tuple[Span, ...]]]:
    """(head, its link, the quoted line) of each hit."""
    found_ = []
    for block in reply.message.blocks:
        for item in block.items if isinstance(block, List) else ():
            head, quoted = item.blocks
            assert isinstance(head, Paragraph)
            assert isinstance(quoted, Paragraph)
            found_.append((head.spans[0].text, head.spans[0].link, quoted.spans))
    return found_


def marked(quoted: Sequence[Span]) -> list[str]:
    return [span.text for span in quoted if span.bold]


# --- what a line says ---


async def test_a_line_names_the_section_and_marks_the_words(room: Newsroom) -> None:
    text = document(費用="思ったより安い。", 騒音="ｻｰﾊﾞｰの音がうるさい、という①番の声もある。", 結論="よい。")
    await room.publish(found(title="夜行バス", document=text, language="ja"))
    ((head, _, quoted),) = lines(await room.ask("/検索 サーバ", JAPANESE))
    assert head == "#1 夜行バス – 騒音"
    assert "".join(span.text for span in quoted) == "ｻｰﾊﾞｰの音がうるさい、という①番の声もある。"
    assert marked(quoted) == ["ｻｰﾊﾞ"]


async def test_what_only_the_card_says_is_quoted_by_the_first_words(room: Newsroom) -> None:
    await room.publish(found(title="Rails", author="Ria Kano", tags=("Trams",)))
    for query in ("rails", "kano", "trams"):
        ((head, link, quoted),) = lines(await room.ask(f"/search {query}"))
        assert (head, link) == ("#1 Rails", f"http://chat/general/{await room.anchor(1)}")
        assert "".join(span.text for span in quoted).startswith("It runs at last.")


@pytest.mark.parametrize(
    ("text", "query", "line", "bold"),
    [
        ("A night bus.", "night", "A night bus.", ["night"]),
        ("A  night\nbus, a NIGHT bus", '"night bus"', "A night bus, a NIGHT bus", ["night bus", "NIGHT bus"]),
        ("㈱東芝…の株価", "株", "㈱東芝…の株価", ["㈱", "株"]),
        ("word " * 40 + "here it is", "here", "…" + "word " * 8 + "here it is", ["here"]),
        ("あ" * 100 + "株価" + "い" * 200, "株価", "…" + "あ" * 40 + "株価" + "い" * 77 + "…", ["株価"]),
        ("👨‍👩‍👧" * 40 + "家", "家", "…" + "👨‍👩‍👧" * 5 + "家", ["家"]),
        ("株" * 300, "株", "株" * 119 + "…", ["株" * 119]),
        ("", "x", "", []),
        ("no such thing", "x", "no such thing", []),
    ],
)
def test_a_line_around_what_was_found(text: str, query: str, line: str, bold: list[str]) -> None:
    one = term(query)
    assert one is not None
    quoted = excerpt(text, [one])
    assert "".join(span.text for span in quoted) == line
    assert marked(quoted) == bold


async def test_texts_from_outside_are_text(room: Newsroom) -> None:
    title = "**<@1> @everyone** [x](http://evil)"
    anchor = await room.anchor(await room.publish(found(title=title, text="A zebra.")))
    await room.say("a", anchor, "zebra <!channel> `x` https://evil", name="w90")
    reply = await room.ask("/search zebra")
    assert {head for head, _, _ in lines(reply)} == {f"#1 {title}", f"Comment on “{title}”"}
    assert all(link.startswith("http://chat/") for link in links_of(reply.message))


# --- where it leads ---


async def test_a_line_leads_to_the_section_then_to_the_card_then_to_the_source(room: Newsroom) -> None:
    await add_place(room.db, room.clock, "threads", layout="thread")
    await add_place(room.db, room.clock, "far", layout="thread", community="other")
    await room.publish(
        found(document=document(Costs="A cheap zebra.", Noise="A loud emu."), url="https://pub.example/1")
    )
    rows = await room.db.read(
        """select p.channel, l.name, l.ref, a.section from leaf l join posting o on o.id=l.posting_id
           join place p on p.id=o.place_id left join anchor a on a.leaf_id=l.id"""
    )
    outline = (await pieces.piece(room.db, 1)).outline  # type: ignore[union-attr]
    keys = {section.heading: section.key for section in outline.sections()}
    ref = {(row["channel"], row["name"]): row["ref"].split(" ")[0] for row in rows}

    async def link(query: str, **where: str) -> str | None:
        ((_, found_, _),) = lines(await room.ask(f"/search {query}", replace(READER, **where)))  # type: ignore[arg-type]
        return found_

    noise = f"section:{keys['Noise']}:0"
    assert await link("emu", channel="threads") == f"http://chat/threads/{ref['threads', noise]}"
    assert (
        await link("emu", channel="general") == f"http://chat/general/{ref['general', 'card']}"
    )  # surely open to them
    assert await link("emu", channel="lobby") == f"http://chat/threads/{ref['threads', noise]}"  # the same community
    assert await link("emu", channel="far", community="other") == f"http://chat/far/{ref['far', noise]}"
    assert await link("night", channel="threads") == f"http://chat/threads/{ref['threads', 'card']}"
    await room.db.write(lambda tx: tx.run("update leaf set ref=null where name like 'section:%'"))
    room.clock.move(minutes=1)  # a link holds for some seconds though its message has gone
    assert await link("emu", channel="threads") == f"http://chat/threads/{ref['threads', 'card']}"
    await room.db.write(lambda tx: tx.run("update leaf set ref=null"))
    room.clock.move(minutes=1)
    assert await link("emu", channel="threads") == "https://pub.example/1"


async def test_a_comment_leads_to_its_message_and_one_by_a_form_to_its_section(room: Newsroom) -> None:
    anchor = await room.anchor(await room.publish(found()))
    await room.say("a", anchor, "A zebra", name="w90")
    form = Commented(
        platform="web", channel="general", anchor="form:1", person=Person(id="b"), text="An emu", at=room.clock(),
        reply_to=anchor, section="x", source="form",
    )  # fmt: skip
    await room.ears.keep(form)
    assert [link for _, link, _ in lines(await room.ask("/search zebra"))] == ["http://chat/general/w90"]
    assert len(lines(await room.ask("/search emu"))) == 1


# --- the language, at the desk ---


async def test_a_phrase_keeps_its_quotes(room: Newsroom) -> None:
    await room.publish(found("a", title="Bus", text="The bus at night."))
    for query in ('"night bus"', "「night bus」", "“night bus”", "query:'\"night bus\"'"):
        assert "Nothing holds" in await room.text(f"/search {query}"), query
    assert "Bus" in await room.text("/search night bus")


async def test_fields(room: Newsroom) -> None:
    bus = await room.publish(found("a", title="Bus", author="山田 太郎", text="A zebra.", tags=("AI", "交通")))
    await room.publish(
        found("b", title="Tram", author="Ria", text="A zebra.", published=room.clock() - timedelta(days=40))
    )
    await room.say("Mika", await room.anchor(bus), "A zebra too", name="w90")

    async def heads(query: str) -> set[str]:
        return {head for head, _, _ in lines(await room.ask(f"/search {query}"))}

    bus_, tram, comment = "#1 Bus", "#2 Tram", "Comment on “Bus”"
    assert await heads("zebra") == {bus_, tram, comment}
    assert await heads("zebra topic:交通 topic:ai") == {bus_, comment}
    assert await heads("zebra by:山田") == {bus_}
    assert await heads("zebra by:mika") == {comment}
    assert await heads("名前：山田 期間:7日間") == {bus_}
    assert await heads("zebra since:week") == {bus_, comment}
    assert await heads("zebra since:2026-09-01..2026-10-31") == {tram}
    assert await heads("zebra in:comments") == {comment}
    assert await heads("zebra 対象:記事 -bus") == {tram}
    assert await heads("topic:AI") == {bus_, comment}
    assert "There is no topic “nothing”" in to_text((await room.ask("/search zebra topic:nothing")).message)
    assert "「nothing」という話題" in to_text((await room.ask("/検索 zebra 話題:nothing", JAPANESE)).message)


async def test_a_final_long_vowel_mark_is_left_out_where_nothing_has_it(room: Newsroom) -> None:
    await room.publish(found("a", title="サーバの話", text="落ちた。", language="ja"))
    text = await room.text("/検索 サーバー", JAPANESE)
    assert "サーバの話" in text
    assert "そのままの形はなく、「サーバ」を含むもの" in text
    await room.publish(found("b", title="サーバー室", text="寒い。", language="ja"))
    text = await room.text("/search サーバー")
    assert ("サーバー室" in text, "サーバの話" in text) == (True, False)
    assert "サーバー室" in await room.text("/search サーバ")


async def test_more_than_are_shown_is_said(room: Newsroom, monkeypatch: pytest.MonkeyPatch) -> None:
    anchor = await room.anchor(await room.publish(found()))
    for number in range(5):
        await room.say("a", anchor, f"A zebra {number}", name=f"w9{number}")
    monkeypatch.setattr(searching, "SHOWN", 4)
    assert "The 4 best of 5 are shown." in await room.text("/search zebra")
    monkeypatch.setattr(searching, "look", partial(search, ranked=5))
    room.clock.move(minutes=1)
    assert "older ones were not compared" in await room.text("/search zebra")
    assert "古いものは比べていません" in await room.text("/検索 zebra", JAPANESE)


async def test_what_is_hidden_between_finding_and_showing_is_not_shown(
    room: Newsroom, monkeypatch: pytest.MonkeyPatch
) -> None:
    anchor = await room.anchor(await room.publish(found()))
    await room.say("a", anchor, "A zebra", name="w90")
    await room.ears.fold_all()

    async def slow(*args: object, **more: object) -> Results:
        results = await search(*args, **more)  # type: ignore[arg-type]
        assert results.hits
        await room.db.write(lambda tx: tx.run("update comment set state='hidden'"))
        return results

    monkeypatch.setattr(searching, "look", slow)
    assert "Nothing holds" in await room.text("/search zebra")


# --- never what may not be shown ---

WORDS = ["株価", "サーバー", "バス", "night", "bus", "増税", "反対", "賛成"]
QUERIES = ["株", "サーバ", "night bus", "増税", "バス -反対", "賛成 株価"]
PLACES = {
    "general": ("web", "place"),
    "board": ("web", "place"),
    "town": ("web", "community"),
    "open": ("x", "publication"),
}  # channel → community, audience
KINDS = (*["piece"] * 2, *["say"] * 3, "edit", "revise", "state", "erase", "retract", "restore", "opt-out")


class Model:
    """What should be found, kept by hand."""

    def __init__(self) -> None:
        self.texts: dict[int, str] = {}
        self.published: set[int] = set()
        self.comments: dict[str, tuple[int, str, str]] = {}  # message → piece, channel, text
        self.gone: set[str] = set()

    def sees(self, channel: str, comment: str) -> bool:
        piece, said_in, _ = self.comments[comment]
        community, audience = PLACES[said_in]
        mine = PLACES[channel][0]
        visible = said_in == channel or audience == "publication" or (audience == "community" and community == mine)
        return visible and piece in self.published and comment not in self.gone

    def expected(self, channel: str, query: str) -> tuple[set[int], set[str]]:
        wanted = [one for one in query.split() if one[0] != "-"]
        unwanted = [one[1:] for one in query.split() if one[0] == "-"]

        def holds(text: str) -> bool:
            words = plain(text)
            return all(one in words for one in wanted) and not any(one in words for one in unwanted)

        return (
            {number for number, text in self.texts.items() if number in self.published and holds(text)},
            {name for name, (_, _, text) in self.comments.items() if self.sees(channel, name) and holds(text)},
        )


@pytest.mark.parametrize("seed", range(6))
async def test_whatever_happens_only_what_may_be_seen_is_found(room: Newsroom, seed: int) -> None:
    """Pieces come, change, are withdrawn and restored; comments come, are edited, hidden, held, featured and erased;
    people opt out. After each step everybody finds what they may see, and nothing else.
    """
    dice = random.Random(seed)
    model = Model()
    for channel, (community, audience) in PLACES.items():
        if channel != "general":
            await add_place(room.db, room.clock, channel, community=community)
        await change_place(room.db, ("web", channel), audience=audience)

    for step in range(40):
        await act(room, model, dice, step, "、".join(dice.choices(WORDS, k=4)))
        await room.ears.fold_all()
        channel, query = dice.choice(list(PLACES)), dice.choice(QUERIES)
        caller = replace(READER, channel=channel, community=PLACES[channel][0])
        reply = await room.desk.ask(caller, f"/search {query}")
        numbers, comments = model.expected(channel, query)
        shown = {(head, "".join(span.text for span in quoted)) for head, _, quoted in lines(reply)}
        heads = {head for head, _ in shown if head.startswith("#")}
        assert {int(head[1:].split()[0]) for head in heads} == numbers, (step, query)
        links = [link for head, link, _ in lines(reply) if not head.startswith("#")]
        assert sorted(links) == sorted(  # type: ignore[type-var]
            f"http://chat/{model.comments[name][1]}/{name}" for name in comments
        ), (step, query)


async def act(room: Newsroom, model: Model, dice: random.Random, step: int, text: str) -> None:
    """One thing that happens."""
    kind = dice.choice(KINDS)
    if kind == "piece" or not model.published:
        number = await room.publish(found(f"p{step}", title=f"T{step}", document=document(a=text)))
        model.texts[number] = text
        model.published.add(number)
    elif kind == "say" or not model.comments:
        piece = dice.choice(sorted(model.published))
        rows = await room.db.read(
            "select a.channel from anchor a join leaf l on l.id=a.leaf_id where a.piece_id=? and l.name='card'", piece
        )
        channel, name = dice.choice(sorted(row["channel"] for row in rows)), f"w{100 + step}"
        await room.say(f"r{step}", await room.anchor(piece, channel), text, name=name, channel=channel)
        model.comments[name] = (piece, channel, text)
    elif kind == "revise":
        number = dice.choice(sorted(model.published))
        title = (await room.db.read("select title from piece where id=?", number))[0]["title"]
        revised = found(f"p{title[1:]}", title=title, document=document(a=text), fingerprint=f"1:{step}")
        assert await room.publish(revised) == number
        model.texts[number] = text
    elif kind in ("retract", "restore"):
        number = dice.choice(sorted(model.texts))
        if (number in model.published) is (kind == "retract"):
            state: PieceState = "retracted" if kind == "retract" else "published"
            await room.db.write(lambda tx: pieces.set_state(tx, number, state, now=room.clock()))
            model.published ^= {number}
    else:
        await act_on_comment(room, model, dice, kind, text)


async def act_on_comment(room: Newsroom, model: Model, dice: random.Random, kind: str, text: str) -> None:
    await room.ears.fold_all()
    name = dice.choice(sorted(model.comments))
    piece, channel, _ = model.comments[name]
    row = (
        await room.db.read(
            """select c.id, c.state, c.person_id, coalesce(p.opted_out, 1) as opted_out from comment c
               join anchor a on a.id=c.anchor_id left join person p on p.id=c.person_id where a.anchor=?""",
            name,
        )
    )[0]
    if row["state"] == "erased":
        return
    room.clock.move(seconds=1)
    match kind:
        case "edit":
            edited = Commented(
                platform="web", channel=channel, anchor=name, person=Person(id=f"r{name[2:]}"), text=text,
                at=room.clock(), edited=room.clock(),
            )  # fmt: skip
            await room.ears.keep(edited)
            model.comments[name] = (piece, channel, text)
        case "state":
            state = dice.choice(("visible", "hidden", "held", "featured"))
            await room.db.write(lambda tx: tx.run("update comment set state=? where id=?", state, row["id"]))
            shown = state in ("visible", "featured") and not row["opted_out"]
            (model.gone.discard if shown else model.gone.add)(name)
        case "erase":
            await room.ears.keep(Removed(platform="web", channel=channel, anchors=(name,), at=room.clock()))
            model.gone.add(name)
        case _:
            await room.db.write(lambda tx: tx.run("update person set opted_out=1 where id=?", row["person_id"]))
            model.gone.add(name)
