"""Which pieces a place takes: `topic:OpenAI AND NOT author:"山田"`, `(language:ja OR topic:AI) -word:広告`.

    filter   alternatives; an empty one takes everything
    any of   all of OR all of …
    all of   one [AND] one …                       side by side means AND, which binds closer than OR
    one      NOT one · -one · ( filter ) · clause
    clause   field:value · field:"a value" · word · "some words"

Fields are topic, author, source, language and word (bare words). Case, width (Ａ = A) and the kind of quotes,
brackets, colon and space (「」 （） ： U+3000) make no difference. There are no patterns: nothing here can run away.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Literal, NoReturn

from core.errors import Refusal
from core.speech import say_list
from core.text import fold

Field = Literal["topic", "author", "source", "language", "word"]

_FIELDS: dict[str, Field] = {
    "topic": "topic",
    "topics": "topic",
    "トピック": "topic",
    "テーマ": "topic",
    "author": "author",
    "著者": "author",
    "筆者": "author",
    "source": "source",
    "媒体": "source",
    "配信元": "source",
    "language": "language",
    "lang": "language",
    "言語": "language",
    "word": "word",
    "words": "word",
    "言葉": "word",
    "語": "word",
}
_LANGUAGES = {"japanese": "ja", "日本語": "ja", "english": "en", "英語": "en", "韓国語": "ko", "中国語": "zh"}
_LONGEST = 2000  # characters of a filter
_DEEPEST = 20  # brackets in brackets

_TOKEN = re.compile(
    r"""\s* (?: (?P<end>\Z) | (?P<open>[(（]) | (?P<close>[)）]) | (?P<minus>[-－−])
    | (?: (?P<field>[^\W\d]+) [:：] \s* )?
      (?P<value> "[^"]*" | ＂[^＂]*＂ | “[^”]*” | 「[^」]*」 | 『[^』]*』 | [^\s()（）"＂“”「」『』]+ )
    | (?P<bad>.) )""",
    re.VERBOSE | re.DOTALL,
)
_QUOTES = '"＂“「『'
_PAIRS = ('""', "「」", "“”", "『』", "＂＂")


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """What is asked about. `topics` are all names and aliases of its topics; `text` is title and body."""

    topics: tuple[str, ...] = ()
    author: str | None = None
    source: str = ""
    language: str = ""
    text: str = ""


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a filter takes a subject, and the clauses that decided it, as a phrase for people."""

    ok: bool
    because: str


@dataclass(frozen=True, slots=True)
class Clause:
    """`field:value`; `value` is folded, `shown` is how it was written."""

    field: Field
    value: str
    shown: str


@dataclass(frozen=True, slots=True)
class Not:
    part: Part


@dataclass(frozen=True, slots=True)
class All:
    parts: tuple[Part, ...]


@dataclass(frozen=True, slots=True)
class Some:
    parts: tuple[Part, ...]


Part = Clause | Not | All | Some


@dataclass(frozen=True, slots=True)
class Filter:
    """A parsed filter; `text` is what was typed."""

    text: str
    root: Part | None = None

    def matches(self, subject: Subject, language: str = "en") -> Verdict:
        """The verdict, its reason in `language`."""
        if self.root is None:
            return Verdict(True, "絞り込みなし" if language == "ja" else "there is no filter")
        ok, deciding = _judge(self.root, _Folded(subject))
        said = [_say(clause, hit, subject, language) for clause, hit in dict.fromkeys(deciding)]
        return Verdict(ok, say_list(language, said))


def parse_filter(text: str, language: str = "en") -> Filter:
    """A filter as typed. Refusal, in `language`, that names the position (1 is the first character) and the mend."""
    if not text.strip():
        return Filter(text)
    if len(text) > _LONGEST:
        _refuse(
            _LONGEST, f"a filter has at most {_LONGEST} characters.", f"絞り込みは{_LONGEST}文字までです。", language
        )
    return Filter(text, _Parser(text, language).whole())


# --- writing ---


def quoted(value: str) -> str:
    """A value in quotes, of a kind that it does not hold itself."""
    return value.join(next((pair for pair in _PAIRS if not set(pair) & set(value)), _PAIRS[0]))


def renamed(text: str, names: Collection[str], name: str) -> str:
    """A filter in which topics of these (folded) names are called by another; as it was if it can't be read then."""
    made, at = "", 0
    for token in _TOKEN.finditer(text):
        is_topic = token["field"] is not None and _FIELDS.get(fold(token["field"])) == "topic"
        if is_topic and fold(_bare(token["value"])) in names:
            made, at = made + text[at : token.start("value")] + quoted(name), token.end("value")
    try:
        return _once(made + text[at:])
    except Refusal:
        return text


def either(filters: Iterable[str], language: str = "en") -> str:
    """The filter that takes what one of these takes; an empty one adds nothing. Refusal if it can't be read."""
    return _once(" OR ".join(dict.fromkeys(filter(None, map(str.strip, filters)))), language)  # OR binds the least


def _once(text: str, language: str = "en") -> str:
    """A filter in which of alternatives that are the same one is left."""
    root = parse_filter(text, language).root
    if isinstance(root, Some):
        said = {(one.field, one.value): one.shown for one in root.parts if isinstance(one, Clause)}
        if len(said) < len(root.parts) == sum(isinstance(one, Clause) for one in root.parts):
            return " OR ".join(said.values())
    return text


# --- judging ---


class _Folded:
    """A subject in folded form, made once a question."""

    def __init__(self, subject: Subject) -> None:
        self.topics = frozenset(fold(topic) for topic in subject.topics)
        self.author = fold(subject.author or "")
        self.source = fold(subject.source)
        self.language = fold(subject.language)
        self.text = fold(subject.text)


def _judge(part: Part, subject: _Folded) -> tuple[bool, list[tuple[Clause, bool]]]:
    """(verdict, the clauses that decided it with whether each holds)."""
    match part:
        case Clause():
            hit = _holds(part, subject)
            return hit, [(part, hit)]
        case Not():
            ok, deciding = _judge(part.part, subject)
            return not ok, deciding
        case All() | Some():
            decisive = isinstance(part, Some)  # one that holds decides an OR, one that doesn't decides an AND
            everything: list[tuple[Clause, bool]] = []
            for one in part.parts:
                ok, deciding = _judge(one, subject)
                if ok is decisive:
                    return ok, deciding
                everything += deciding
            return not decisive, everything


def _holds(clause: Clause, subject: _Folded) -> bool:
    match clause.field:
        case "topic":
            return clause.value in subject.topics
        case "author":
            return clause.value in subject.author
        case "source":
            return clause.value in subject.source
        case "language":
            return subject.language == clause.value or subject.language.startswith(clause.value + "-")
        case "word":
            return _has_word(subject.text, clause.value)


def _has_word(text: str, word: str) -> bool:
    """Whether `word` is in `text`; where it begins or ends with an ASCII letter or digit it is a whole word there."""
    before = r"(?<![a-z0-9])" if re.match(r"[a-z0-9]", word) else ""
    after = r"(?![a-z0-9])" if re.search(r"[a-z0-9]\Z", word) else ""
    return re.search(before + re.escape(word) + after, text) is not None


def _say(clause: Clause, hit: bool, subject: Subject, language: str) -> str:
    """One clause with its outcome: `topic:OpenAI does not match (topics: AI, Google)`."""
    has = {
        "topic": ", ".join(subject.topics),
        "author": subject.author or "",
        "source": subject.source,
        "language": subject.language,
        "word": "",
    }[clause.field]
    if language == "ja":
        return f"{clause.shown} に該当{'する' if hit else 'しない'}" + (f"（{has}）" if has else "")
    return f"{clause.shown} {'matches' if hit else 'does not match'}" + (f" ({has})" if has else "")


# --- parsing ---


def _refuse(position: int, english: str, japanese: str, language: str) -> NoReturn:
    raise Refusal(f"{position}文字目: {japanese}" if language == "ja" else f"Position {position}: {english}")


def _bare(written: str) -> str:
    """A value without its quotes."""
    return written[1:-1] if written[0] in _QUOTES else written


class _Parser:
    """Reads a filter from left to right; `found` is the token that comes next."""

    def __init__(self, text: str, language: str) -> None:
        self.text, self.language, self.depth = text, language, 0
        self.found = self._look(0)

    def whole(self) -> Part:
        part = self.any_of()
        if self.found["close"]:
            self.fail("“)” closes nothing; remove it.", "「)」に対応する「(」がありません。取り除いてください。")
        return part

    def any_of(self) -> Part:
        parts = [self.all_of()]
        while self.word() == "or":
            self.step()
            parts.append(self.all_of())
        return parts[0] if len(parts) == 1 else Some(tuple(parts))

    def all_of(self) -> Part:
        parts = [self.one()]
        while True:
            if self.word() == "and":
                self.step()
            elif self.found["end"] is not None or self.found["close"] or self.word() == "or":
                return parts[0] if len(parts) == 1 else All(tuple(parts))
            parts.append(self.one())

    def one(self) -> Part:
        negated = False
        while self.found["minus"] or self.word() == "not":
            negated = not negated
            self.step()
        part = self.group() if self.found["open"] else self.clause()
        return Not(part) if negated else part

    def group(self) -> Part:
        opening, self.depth = self.found.start("open") + 1, self.depth + 1
        if self.depth > _DEEPEST:
            self.fail(f"brackets may stand {_DEEPEST} deep.", f"かっこの入れ子は{_DEEPEST}段までです。")
        self.step()
        part = self.any_of()
        if not self.found["close"]:
            self.fail("“(” is not closed; add “)”.", "「(」が閉じていません。「)」を加えてください。", opening)
        self.step()
        self.depth -= 1
        return part

    def clause(self) -> Clause:
        written = self.found["value"]
        if not written or self.word() in ("and", "or"):
            self.fail("a clause is missing here, such as topic:AI.", "ここに条件がありません。例: topic:AI")
        name, value = self.found["field"] or "word", _bare(written)
        field = _FIELDS.get(fold(name))
        if name == "word" and written[-1] in ":：" and fold(written[:-1]) in _FIELDS:
            here = self.here()
            self._look(self.found.end())  # if a quote is not closed, that says more
            self.fail(f"“{written}” has no value; add one.", f"「{written}」の後に値を書いてください。", here)
        if field is None:
            self.fail(
                f'“{name}” is no field. Use topic, author, source, language or word, or quote it: "{name}:{value}".',
                f"「{name}」という項目はありません。topic、author、source、language、word が使えます。"
                f'語として探すなら "{name}:{value}" と書いてください。',
            )
        folded = fold(value)
        if not folded:
            self.fail("the quotes are empty; write something in them.", "引用符の中が空です。語を入れてください。")
        if field == "language":
            folded = _LANGUAGES.get(folded, folded)
            if not re.fullmatch(r"[a-z]{2,3}(-[a-z0-9]+)*", folded):
                self.fail(
                    f"“{value}” is no language; use ja or en.", f"「{value}」は言語ではありません。ja や en です。"
                )
        self.step()
        shown = quoted(value) if re.search(r"[\s()（）\"＂“”「」『』]", value) else value
        return Clause(field, folded, f"{field}:{shown}")

    def word(self) -> str:
        """The next token if it may be AND, OR or NOT, in lower case."""
        return fold(self.found["value"] or "") if self.found["field"] is None else ""

    def step(self) -> None:
        self.found = self._look(self.found.end())

    def here(self) -> int:
        """Where the next token starts, counted from 1."""
        return self.found.end() - len(self.found[0].lstrip()) + 1

    def fail(self, english: str, japanese: str, position: int | None = None) -> NoReturn:
        """Refuse at `position`, by default where the next token starts."""
        _refuse(position or self.here(), english, japanese, self.language)

    def _look(self, start: int) -> re.Match[str]:
        found = _TOKEN.match(self.text, start)
        assert found is not None  # the last alternatives take any character and the end
        self.found = found
        if found["bad"] and found["bad"] in _QUOTES:
            self.fail("this quote is not closed; close it.", "引用符が閉じていません。閉じてください。")
        if found["bad"]:
            self.fail(f"“{found['bad']}” can't stand here; remove it.", f"「{found['bad']}」を取り除いてください。")
        return found
