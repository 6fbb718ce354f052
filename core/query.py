"""What people type to search: `株価 "night bus" -広告 topic:AI by:山田 since:week in:comments`.

    株価 night          every word must occur; Japanese finds any part of a text, Latin letters whole words
    serv*               a word that begins so
    "night bus" 「…」    what follows each other
    -広告               what must not occur
    topic: by:          a topic; the author of a piece or, of a comment, who said it
    since:              a period of `core.period`, from its beginning on; of `a..b` up to its end too
    in:                 comments or pieces only

Fields have Japanese names too; a value with spaces is quoted. Width, case and the kind of quotes, colon, minus and
space make no difference. A colon behind anything that is no field is text like any other.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal, NoReturn

import regex  # type: ignore[import-untyped]  # ships no types

from core.errors import Refusal
from core.period import Period, parse_period
from core.speech import say
from core.text import fold
from core.tokens import Term, term

LONGEST = 200  # characters of a query
MOST = 10  # words, phrases and values in one: each is a look-up of its own
LEAST = 3  # letters before a `*`: fewer begin too many words

Where = Literal["pieces", "comments"]

_FIELDS = {
    "topic": "topic", "topics": "topic", "話題": "topic", "トピック": "topic", "テーマ": "topic",
    "by": "by", "author": "by", "著者": "by", "筆者": "by", "名前": "by",
    "since": "since", "period": "since", "期間": "since", "以降": "since",
    "in": "in", "範囲": "in", "対象": "in",
}  # fmt: skip
_WHERE: dict[str, Where] = {
    "comments": "comments", "comment": "comments", "コメント": "comments",
    "pieces": "pieces", "piece": "pieces", "記事": "pieces",
}  # fmt: skip
_VALUE = r'"[^"]*"|＂[^＂]*＂|“[^”]*”|「[^」]*」|『[^』]*』|[^\s"＂“”「」『』]++'
_QUOTES = '"＂“「『'
_ITEM = regex.compile(rf"(?P<minus>[-－−](?=\S))?+(?P<value>{_VALUE})")
_FIELD = regex.compile(rf"(?P<minus>[-－−])?+(?P<field>[^\W\d_]++)[:：]\s*+(?P<value>{_VALUE})?+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """A query as it was understood. Topics and names are as typed."""

    terms: tuple[Term, ...] = ()
    without: tuple[Term, ...] = ()
    topics: tuple[str, ...] = ()
    by: tuple[str, ...] = ()
    since: Period | None = None
    where: Where | None = None

    def holds(self, text: str) -> bool:
        """Whether a plain text has every word and none of the unwanted ones."""
        return all(one.count(text) for one in self.terms) and not any(one.count(text) for one in self.without)

    def relaxed(self) -> Query | None:
        """The query with サーバ for サーバー: no long-vowel marks at the ends of words. None if there are none."""
        terms = tuple(_without_mark(one) for one in self.terms)
        return None if terms == self.terms else replace(self, terms=terms)


def parse_query(text: str, language: str = "en") -> Query:
    """A query as typed. Refusal, in `language`, that says what can't be asked and what could be."""
    if len(text) > LONGEST:
        _refuse(language, "search.long", n=LONGEST)
    query = Query()
    at = 0
    while at < len(text):
        item = _FIELD.match(text, at)
        if item is None or fold(item["field"]) not in _FIELDS:
            item = _ITEM.match(text, at)
            query = query if item is None else _with_term(query, item, language)
        else:
            query = _with_field(query, item, language)
        at = at + 1 if item is None else item.end()  # white space, or a quote that nothing closes
    if len(query.terms) + len(query.without) + len(query.topics) + len(query.by) > MOST:
        _refuse(language, "search.many", n=MOST)
    if not (query.terms or query.topics or query.by or query.since):
        _refuse(language, "search.only-not" if query.without else "search.empty")
    return query


def _with_term(query: Query, item: regex.Match[str], language: str) -> Query:
    found = term(_value(item))
    if found is None:
        return query
    if found.prefix and len(found.tokens[-1]) < LEAST and found.tokens[-1].isascii():
        _refuse(language, "search.short", word=item["value"], n=LEAST)
    if item["minus"]:
        return replace(query, without=tuple(dict.fromkeys((*query.without, found))))
    return replace(query, terms=tuple(dict.fromkeys((*query.terms, found))))


def _with_field(query: Query, item: regex.Match[str], language: str) -> Query:
    written, value = item["field"], _value(item).strip()
    if item["minus"]:
        _refuse(language, "search.not-field", field=written)
    if not fold(value):
        _refuse(language, "search.no-value", field=written)
    match _FIELDS[fold(written)]:
        case "topic":
            return replace(query, topics=tuple(dict.fromkeys((*query.topics, value))))
        case "by":
            return replace(query, by=tuple(dict.fromkeys((*query.by, value))))
        case "since":
            return replace(query, since=parse_period(value, language))
        case _:
            where = _WHERE.get(fold(value))
            if where is None:
                _refuse(language, "search.where", value=value)
            return replace(query, where=where)


def _value(item: regex.Match[str]) -> str:
    """What was written for a value, without its quotes."""
    written: str = item["value"] or ""
    return written[1:-1] if written[:1] in tuple(_QUOTES) else written


def _without_mark(one: Term) -> Term:
    """サーバ for サーバー; words of one or two letters stay."""
    shorter = one.words[:-1]
    if one.words.endswith("ー") and regex.search(r"[\p{Katakana}ー]{2}\Z", shorter):
        return term(shorter) or one
    return one


def _refuse(language: str, sentence: str, **values: object) -> NoReturn:
    raise Refusal(say(language, sentence, **values))
