"""What a command is to whoever offers it: names, options and who may use it, free of how it is carried out.

Discord's command menu, Slack's usage hint, the console, the page, `/help` and the docs are made from these. The
functions behind them are in `commands/`, which platforms do not know.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from core.chat import Role

Kind = Literal[
    "topic",
    "piece",
    "period",
    "comment",
    "words",
    "query",
    "text",
    "number",
    "choice",
    "yes",
    "channel",
    "role",
    "file",
]
"""What the text of an option means.

    topic, piece, period  a name, a number or words, a span of time; completed by `Desk.complete`
    comment               a comment's number, or `@ANCHOR`: the comment whose message that is, where the caller is
    words, query, text    as typed; `words` and `query` take the rest of a typed line, `query` with its quotes
    number                digits, from `least` to `most`
    choice                one of `choices`
    yes                   yes or no
    file                  a file as `core.attached` writes it; where none can be attached it is not offered
    channel, role         the platform's id of a channel or role. An adapter vouches that it is of `Caller.community`
"""
COMPLETED: frozenset[Kind] = frozenset({"topic", "piece", "period", "comment"})
"""The kinds that `Desk.complete` has values for, besides closed lists."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """One option of a command. `help` by language; `choices` for a closed list; `least` and `most` bound a number."""

    name: str
    japanese: str
    kind: Kind
    help: Mapping[str, str]
    required: bool
    choices: tuple[str, ...] = ()
    least: int | None = None
    most: int | None = None

    def meaning(self, language: str) -> str:
        """What it is for, in a language; English if it is not explained in that."""
        return self.help.get(language, self.help["en"])


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandSpec:
    """A command as every door sees it.

    `name` is what `Desk.call` takes; of a group's member it is two words, `mod retract`. `roles`: who may use it, any
    of them. `private`: only who asked sees the answer. `on` is `message` for what is picked from a message's menu and
    goes to `Desk.point`; its name is what the menu shows.
    """

    name: str
    japanese: str
    help: Mapping[str, str]
    roles: frozenset[Role]
    options: tuple[Option, ...] = ()
    private: bool = True
    on: Literal["line", "message"] = "line"

    @property
    def usage(self) -> str:
        """`/digest [topic] [period]`, as a hint."""
        parts = [option.name if option.required else f"[{option.name}]" for option in self.options]
        return " ".join(["/" + self.name, *parts])

    @property
    def group(self) -> Group | None:
        """The group of which it is a member."""
        return GROUPS.get(self.name.partition(" ")[0]) if self.on == "line" else None

    @property
    def japanese_name(self) -> str:
        """`ダイジェスト`, `編集 取り下げ`: as a Japanese menu shows it."""
        return self.japanese if self.group is None else f"{self.group.japanese} {self.japanese}"

    def meaning(self, language: str) -> str:
        """What it does, in a language; English if it is not explained in that."""
        return self.help.get(language, self.help["en"])


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """The first word that several commands share. In Japanese a member's own name follows the group's."""

    name: str
    japanese: str
    help: Mapping[str, str]


GROUPS: Mapping[str, Group] = {
    one.name: one
    for one in (
        Group(name="mod", japanese="編集", help={"en": "What moderators do.", "ja": "モデレーターの操作。"}),
        Group(
            name="place",
            japanese="掲載先",
            help={"en": "Where pieces are posted, and how.", "ja": "記事を載せるチャンネルとその設定。"},
        ),
        Group(
            name="topic",
            japanese="話題",
            help={"en": "Topics: their names, and what is about them.", "ja": "話題の名前と中身。"},
        ),
        Group(
            name="digest-schedule",
            japanese="定期ダイジェスト",
            help={"en": "Digests that come by themselves.", "ja": "定期的に載るダイジェスト。"},
        ),
        Group(name="feed", japanese="フィード", help={"en": "Where pieces come from.", "ja": "記事の取得元。"}),
    )
}
