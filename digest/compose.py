"""A digest as a message: pieces, points, readers, voices, changes, each line with the link to what it stands on.

Made of a sketch, which holds no words of readers, and of the rows as they are now: what was hidden, erased or withdrawn
meanwhile is left out. Titles and quotations are others' text and stand in spans only.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from zoneinfo import ZoneInfo

from core.document import Heading, Item, List, Paragraph, Quote, Span, Spans, bullets, spans
from core.faces import body_text, lede
from core.message import Action, Message, MessageBlock, Picture, Small
from core.period import Period, Window
from core.pieces import Piece
from core.responses import Change, PieceNumbers, Voice
from core.speech import say, say_date, say_list
from core.stances import Scale
from core.text import shorten
from digest.lead import join
from digest.sketch import Account, Point, Sketch, Theme, Verbatim
from digest.telling import Prose, prose, standing


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """What the sketch speaks of, as it is now. Links by piece and section (None: the piece itself), by comment."""

    pieces: Mapping[int, Piece] = field(default_factory=dict)
    voices: Mapping[int, Voice] = field(default_factory=dict)
    answers: Mapping[int, str] = field(default_factory=dict)
    piece_links: Mapping[tuple[int, str | None], str] = field(default_factory=dict)
    voice_links: Mapping[int, str] = field(default_factory=dict)
    topics: Sequence[str] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Room:
    """How many of everything are shown; `title`, `sentence` and `quote` in UTF-16 units.

    `both`: what a model told in prose stands there by its own words too.
    """

    pieces: int
    still: int
    sentences: int
    points: int
    heat: int
    themes: int
    voices: int
    changes: int
    title: int
    sentence: int
    quote: int
    both: bool = False


WHOLE = Room(
    pieces=40, still=3, sentences=3, points=24, heat=8, themes=8, voices=5, changes=20,
    title=256, sentence=400, quote=400, both=True,
)  # fmt: skip
CARDS = tuple(
    Room(
        pieces=pieces, still=still, sentences=sentences, points=points, heat=heat, themes=themes, voices=voices,
        changes=changes, title=title, sentence=sentence, quote=quote,
    )
    for pieces, still, sentences, points, heat, themes, voices, changes, title, sentence, quote in (
        (6, 3, 2, 5, 3, 4, 2, 3, 120, 160, 160),
        (5, 2, 1, 4, 2, 3, 1, 2, 90, 140, 140),
        (4, 1, 1, 3, 1, 2, 1, 1, 60, 100, 100),
        (3, 1, 1, 1, 1, 1, 1, 1, 50, 70, 70),
        (2, 0, 0, 0, 0, 1, 0, 1, 40, 0, 50),
        (1, 0, 0, 0, 0, 0, 0, 0, 30, 0, 0),
    )
)  # fmt: skip
"""From the roomiest on: the first that fits one message is taken."""


def whole(sketch: Sketch, rows: Rows, language: str, scale: Scale, picture: Picture | None = None) -> Message:
    """All of it, however many messages that takes; one line if nothing happened."""
    return _Composer(sketch, rows, language, scale, WHOLE).message(picture)


def card(
    sketch: Sketch,
    rows: Rows,
    language: str,
    scale: Scale,
    more: str,
    fits: Callable[[Message], bool],
    picture: Picture | None = None,
) -> Message:
    """As much of it as one message holds. `more` is the id of the button behind which the whole is."""
    all_of_it = whole(sketch, rows, language, scale, picture)
    button = Action(id=more, label=say(language, "digest.more"))
    message = all_of_it
    for room in CARDS:
        message = _Composer(sketch, rows, language, scale, room).message(picture)
        if message.blocks != all_of_it.blocks:
            message = Message(title=message.title, blocks=message.blocks, language=language, actions=(button,))
        if fits(message):
            break
    return message


def title_of(sketch: Sketch, rows: Rows, language: str) -> tuple[str, str]:
    """(topic, period) in a language."""
    if sketch.followed:
        topic = say(language, "digest.followed")
    else:
        topic = say_list(language, rows.topics) or say(language, "digest.all")
    window = Window(sketch.start, sketch.end, sketch.zone)
    return topic, Period(sketch.period).label(language) if sketch.period else window.label(language)


class _Composer:
    """Writes one digest into one room."""

    def __init__(self, sketch: Sketch, rows: Rows, language: str, scale: Scale, room: Room) -> None:
        self._sketch = sketch
        self._rows = rows
        self._language = language
        self._scale = scale
        self._room = room
        self._zone = ZoneInfo(sketch.zone)
        self._accounts = {one.piece: one for one in sketch.reading.accounts}
        self._responses = {one.piece: one for one in sketch.responses}
        self._bodies: dict[int, str] = {}
        self._told = standing(sketch.told, language, self._says, rows.voices)

    def message(self, picture: Picture | None) -> Message:
        topic, period = title_of(self._sketch, self._rows, self._language)
        title = self._say("digest.title", topic=topic, period=period)
        blocks = [*self._pieces(), *self._points(), *self._readers(picture), *self._voices(), *self._changes()]
        if not blocks:
            nothing = self._say("digest.empty", topic=topic, period=period)
            return Message(title=title, blocks=(Paragraph(spans=spans(nothing)),), language=self._language)
        return Message(title=title, blocks=(Heading(level=1, spans=spans(title)), *blocks), language=self._language)

    def _say(self, sentence: str, **values: object) -> str:
        return say(self._language, sentence, **values)

    def _headed(
        self, sentence: str, blocks: Sequence[MessageBlock], level: int = 2, **values: object
    ) -> list[MessageBlock]:
        return [Heading(level=level, spans=spans(self._say(sentence, **values))), *blocks] if blocks else []

    def _day(self, at: datetime) -> str:
        return say_date(self._language, at.astimezone(self._zone).date())

    def _link(self, piece: int, section: str | None = None) -> str | None:
        """The message of a section, or else of its piece, or else where the piece came from."""
        links = self._rows.piece_links
        found = links.get((piece, section)) or links.get((piece, None))
        return found or (self._rows.pieces[piece].url if piece in self._rows.pieces else None)

    def _shown(self, numbers: Iterable[int]) -> list[Piece]:
        """Those that are published still."""
        found = (self._rows.pieces.get(number) for number in numbers)
        return [piece for piece in found if piece is not None and piece.state == "published"]

    # --- 1. pieces ---

    def _pieces(self) -> list[MessageBlock]:
        pieces = self._shown(self._sketch.pieces)
        shown = pieces[: self._room.pieces]
        blocks = self._headed("digest.pieces", self._piece_list(shown), n=self._sketch.total)
        if shown and self._sketch.total > len(shown):
            blocks.append(Small(spans=spans(self._say("digest.more-pieces", n=self._sketch.total - len(shown)))))
        return blocks + self._headed(
            "digest.still", self._piece_list(self._shown(self._sketch.still)[: self._room.still])
        )

    def _piece_list(self, pieces: Sequence[Piece]) -> list[MessageBlock]:
        items = tuple(Item(marker="•", blocks=tuple(self._piece(piece))) for piece in pieces)
        return [List(ordered=False, items=items)] if items else []

    def _piece(self, piece: Piece) -> Iterable[Paragraph]:
        title = shorten(piece.title, self._room.title)
        head = Span(text=f"#{piece.number} {title}", bold=True, link=self._link(piece.number))
        author = f" — {shorten(piece.author, self._room.title)}" if piece.author else ""
        yield Paragraph(spans=(head, Span(text=f"{author} ({self._day(piece.published)})")))
        account = self._accounts.get(piece.number, Account(piece=piece.number))
        body = body_text(piece)
        # What was said then may have been corrected since: only what the piece says still is quoted.
        said = [one.text for one in account.sentences if one.text in body][: self._room.sentences]
        opening = join(said) if said else ("" if account.remark else lede(piece))
        if opening and self._room.sentence:
            yield Paragraph(spans=spans(shorten(opening, self._room.sentence * max(1, len(said)))))
        if account.remark and self._room.sentence:
            remark = self._say("digest.remark", remark=shorten(account.remark, self._room.sentence))
            yield Paragraph(spans=spans(remark))
        if numbers := self._numbers(self._responses.get(piece.number)):
            yield Paragraph(spans=spans(numbers))

    def _numbers(self, numbers: PieceNumbers | None) -> str:
        """Stances of people (each once), other emoji, comments: `👍 12 · 👎 3 · 🎉 2 · 5 comments by 4 readers`."""
        if numbers is None:
            return ""
        parts = [
            f"{stance.emoji[0]} {numbers.stances[stance.key]}"
            for stance in self._scale.stances
            if numbers.stances.get(stance.key)
        ]
        others = [(emoji, n) for emoji, n in numbers.reactions.items() if self._scale.of(emoji) is None]
        parts += [f"{shorten(emoji, 20)} {n}" for emoji, n in others[:6]]
        if numbers.comments:
            parts.append(self._say("digest.numbers", comments=numbers.comments, people=numbers.commenters))
        return " · ".join(parts)

    def _says(self, said: Verbatim) -> bool:
        """Whether a piece is published and says so still."""
        for piece in self._shown([said.piece]):
            if piece.number not in self._bodies:
                self._bodies[piece.number] = body_text(piece)
            return said.text in self._bodies[piece.number]
        return False

    def _prose(self, most: int, *, by_readers: bool) -> Prose:
        """What a model told of pieces or readers, in at most so many sentences."""
        told = [one for one in self._told if bool(one.comments) == by_readers]
        shown = [one for one in told if one.text][:most]
        return prose([one for one in told if not one.text or one in shown], self._language, self._source)

    def _source(self, source: Verbatim | int) -> tuple[str, str | None]:
        """How a source is called, and where it stands."""
        if isinstance(source, Verbatim):
            return f"#{source.piece}", self._link(source.piece, source.section)
        voice = self._rows.voices[source]
        return f"💬 #{voice.piece}", self._rows.voice_links.get(source) or self._link(voice.piece, voice.section)

    # --- 2. points ---

    def _points(self) -> list[MessageBlock]:
        told = self._prose(self._room.points, by_readers=False)
        spared = () if self._room.both else told.spared
        points = [one for one in self._sketch.reading.points if one.said not in spared and self._says(one.said)]
        shown = points[: max(0, self._room.points - len(spared))]
        lines = [bullets(self._point(one) for one in shown)] if shown else []
        return self._headed("digest.points", [*told.blocks, *lines])

    def _point(self, point: Point) -> Spans:
        said, number = point.said, point.said.piece
        label = shorten(point.label, min(60, self._room.title))
        also = [Span(text=f" #{piece.number}", link=self._link(piece.number)) for piece in self._shown(point.also)[:5]]
        return (
            Span(text=label, bold=True),
            Span(text=f": {shorten(said.text, self._room.sentence)} "),
            Span(text=f"#{number}", link=self._link(number, said.section)),
            *also,
        )

    # --- 3. readers ---

    def _readers(self, picture: Picture | None) -> list[MessageBlock]:
        numbers = self._sketch.numbers
        if not numbers.people and not numbers.comments:
            return []
        blocks: list[MessageBlock] = [Paragraph(spans=(Span(text=self._people()), *self._most_answered()))]
        stances = [
            f"{stance.emoji[0]} {stance.name(self._language)} {now}{self._change(now, before)}"
            for key, now, before in numbers.stances
            if (stance := self._scale.get(key)) is not None
        ]
        others = [f"{shorten(emoji, 20)} {n}" for emoji, n in numbers.reactions if self._scale.of(emoji) is None]
        if stances or others:
            blocks.append(Paragraph(spans=spans(" · ".join([*stances, *others[:6]]))))
        hot = [one for one in numbers.heat if self._shown([one.piece])][: self._room.heat]
        items = tuple(
            Item(
                marker="•",
                blocks=(
                    Paragraph(
                        spans=spans(
                            self._say(
                                "digest.heat",
                                heading=shorten(one.heading, min(60, self._room.title)),
                                piece=one.piece,
                                people=one.n,
                            ),
                            link=self._link(one.piece, one.section),
                        )
                    ),
                ),
            )
            for one in hot
        )
        if items:
            blocks += [Paragraph(spans=spans(self._say("digest.hottest"))), List(ordered=False, items=items)]
        return self._headed("digest.readers", [*blocks, *([picture] if picture is not None else [])])

    def _people(self) -> str:
        numbers = self._sketch.numbers
        name = "digest.people-more" if numbers.more else "digest.people"
        text = self._say(name, people=numbers.people)
        if numbers.compared:
            name = "digest.before-more" if numbers.more_before else "digest.before"
            text += self._say(name, people=numbers.people_before, comments=numbers.comments_before)
        return text

    def _most_answered(self) -> Iterable[Span]:
        """The pieces that most people took a stance on or commented, to stand behind the number."""
        answered = sorted(
            (one for one in self._sketch.responses if sum(one.stances.values()) + one.commenters),
            key=lambda one: -sum(one.stances.values()) - one.commenters,
        )
        shown = self._shown(one.piece for one in answered)[:3]
        return [Span(text=f" #{piece.number}", link=self._link(piece.number)) for piece in shown]

    def _change(self, now: int, before: int) -> str:
        if not self._sketch.numbers.compared:
            return ""
        return f" (+{now - before})" if now > before else f" (−{before - now})" if now < before else " (±0)"

    # --- 4. voices ---

    def _voices(self) -> list[MessageBlock]:
        told = self._prose(self._room.themes, by_readers=True)
        lists, themes = self._chosen(() if self._room.both else told.spared)
        blocks = [*told.blocks, *(self._voice(number, self._theme(theme)) for number, theme in themes)]
        for name, numbers in lists.items():
            quotes = [self._voice(number) for number in numbers]
            blocks += self._headed(name, quotes, level=3)
        return self._headed("digest.voices", blocks)

    def _chosen(self, spared: Collection[object]) -> tuple[dict[str, list[int]], list[tuple[int, Theme]]]:
        """Each comment once: a theme is told by one that stands nowhere else, if it has one and is not spared."""
        sketch, most = self._sketch, self._room.voices
        taken: set[int] = set()
        lists: dict[str, list[int]] = {}
        picks = (
            ("digest.featured", sketch.featured),
            ("digest.open", sketch.reading.questions),
            ("digest.contested", sketch.contested),
            ("digest.endorsed", sketch.endorsed),
        )
        for name, numbers in picks:
            alive = [one for one in dict.fromkeys(numbers) if one in self._rows.voices and one not in taken]
            lists[name] = alive[:most]
            taken.update(lists[name])
        themes: list[tuple[int, Theme]] = []
        for theme in sketch.reading.themes:
            if any(one in spared for one in theme.comments):
                continue
            alive = [one for one in theme.comments if one in self._rows.voices]
            free = [one for one in alive if one not in taken]
            alone = theme.size < 2 or any(one == number for one in alive for number, _ in themes)
            if (free or (alive and not alone)) and len(themes) < self._room.themes:
                chosen = (free or alive)[0]
                themes.append((chosen, theme))
                taken.add(chosen)
                lists = {name: [one for one in numbers if one != chosen] for name, numbers in lists.items()}
        order = ("digest.endorsed", "digest.contested", "digest.featured", "digest.open")
        return {name: lists[name] for name in order}, themes

    def _theme(self, theme: Theme) -> str:
        words = ("・" if self._language == "ja" else ", ").join(shorten(word, 30) for word in theme.words)
        people = self._say("digest.theme", people=theme.people)
        return f"{words} · {people}" if words else people

    def _voice(self, number: int, note: str = "") -> Quote:
        voice = self._rows.voices[number]
        votes = self._say("digest.votes", agree=voice.agree, disagree=voice.disagree) if voice.n else ""
        small = " · ".join(part for part in (f"— #{voice.piece}", note, votes) if part)
        text = shorten(" ".join(voice.text.split()), self._room.quote)
        lines = [Paragraph(spans=spans(text)), Paragraph(spans=spans(small, link=self._source(number)[1]))]
        if answer := self._rows.answers.get(number):
            said = self._say("digest.remark", remark=shorten(" ".join(answer.split()), self._room.quote))
            lines.append(Paragraph(spans=spans(said)))
        return Quote(blocks=tuple(lines))

    # --- 5. changes ---

    def _changes(self) -> list[MessageBlock]:
        known = [one for one in self._sketch.changes if one.piece in self._rows.pieces]
        states = {number: piece.state for number, piece in self._rows.pieces.items()}
        # What was withdrawn may be back, and what was corrected withdrawn: the newest state counts.
        true = {"retracted": "retracted", "edited": "published", "corrected": "published"}
        changes = [one for one in known if states[one.piece] == true[one.what]][: self._room.changes]
        return self._headed("digest.changes", [bullets(self._changed(one) for one in changes)] if changes else [])

    def _changed(self, change: Change) -> Spans:
        piece = self._rows.pieces[change.piece]
        what = self._say(f"digest.{change.what}", day=self._day(change.at))
        before = self._say("digest.titled", title=shorten(change.before, self._room.title)) if change.before else ""
        note = " — ".join(part for part in (before, shorten(change.note, self._room.title * 2)) if part)
        return (
            Span(text=f"{what} "),
            Span(text=f"#{piece.number} {shorten(piece.title, self._room.title)}", link=self._link(piece.number)),
            Span(text=f" — {note}" if note else ""),
        )
