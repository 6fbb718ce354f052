"""Prose in a digest: which sentences of a model still stand, how they are shown, and what they spare."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Iterator, Sequence
from dataclasses import dataclass

from core.document import Paragraph, Span, spans
from core.message import MessageBlock, Small
from core.speech import say
from digest.sketch import Told, Verbatim


@dataclass(frozen=True, slots=True, kw_only=True)
class Prose:
    """Sentences with their label, and the sources that need not be told by their own words beside them."""

    blocks: tuple[MessageBlock, ...] = ()
    spared: frozenset[Verbatim | int] = frozenset()


def prose(
    sentences: Sequence[Told],
    language: str,
    link: Callable[[Verbatim | int], tuple[str, str | None]],
) -> Prose:
    """`link` gives how a source is called, and its address. Without a sentence that has text there is none."""
    shown = [one for one in sentences if one.text]
    if not shown:
        return Prose()
    label = Small(spans=spans(say(language, "digest.by-model")))
    text = tuple(span for one in shown for span in _sentence(one, link))
    by_own_words = {source for one in sentences if not one.text for source in _sources(one)}
    spared = {source for one in shown for source in _sources(one)} - by_own_words
    return Prose(blocks=(label, Paragraph(spans=text)), spared=frozenset(spared))


def standing(
    told: Iterable[Told], language: str, says: Callable[[Verbatim], bool], heard: Container[int]
) -> list[Told]:
    """Those in a language whose sources all stand still: the piece says it, the comment may be heard."""
    return [
        one
        for one in told
        if one.language == language and all(map(says, one.said)) and all(number in heard for number in one.comments)
    ]


def _sources(told: Told) -> tuple[Verbatim | int, ...]:
    return (*told.said, *told.comments)


def _sentence(told: Told, link: Callable[[Verbatim | int], tuple[str, str | None]]) -> Iterator[Span]:
    yield Span(text=told.text)
    for source in _sources(told):
        name, address = link(source)
        yield Span(text=" ")
        yield Span(text=f"[{name}]", link=address)
    yield Span(text=" ")
