"""Texts that want to be more than text on Discord, and how what is seen of them is compared."""

from __future__ import annotations

from hypothesis import strategies as st

from bot.platforms.discord.markdown import ZWSP, tidy
from tests.standins.discord.markdown import FLAVOURS, parse, shown

HOSTILE = (
    # of the contract suite
    "<script>alert(1)</script><img src=x onerror=alert(1)> &lt;b&gt;",
    "**bold** _it_ `code` ```\nfence\n``` > quote # head [a](https://evil.example) ||spoiler||",
    "@everyone @here <@1> <!channel> <!here> <#C1> <@U1|you> &amp; <https://evil.example|click> :smile:",
    "これは**「論点」**である。~~取消~~ 《るび》 ｜漢字《かんじ》",
    # mentions and what else Discord draws
    "<@123456789012345678> <@!123456789012345678> <@&123456789012345678> <#123456789012345678>",
    "</digest topic:123456789012345678> <id:guide> <id:customize> <123456789012345678:browse> <sound:1:2>",
    "<t:0> <t:1700000000:R> <t:-1:F> <:smile:123456789012345678> <a:wave:123456789012345678>",
    ":smile: :+1: :-1: :smile::smile: :a:b:c: 10:30:00 x:y :thumbsup::skin-tone-2:",
    "@everyone@here@@everyone <@everyone> @Everyone \\@everyone @​everyone",
    # addresses
    "https://evil.example http://a.b/c_d*e* steam://run/1 discord://x ftp://a.b/c xhttps://a.b/c (https://a.b)",
    "<https://evil.example> <mailto:a@b.example> <a@b.example> <+15551234567> discord.gg/abc Discord.com/invite/abc",
    "[a](https://b.example) [a](<https://b.example>) [a] (https://b.example) ![a](https://b.example) [a]: https://b.c",
    "[[a]](https://b.example) [a](https://b.example 'title') [a\\](https://b.example) [https://a.b](https://c.d)",
    "](https://evil.example) [](https://evil.example) a](<https://evil.example>) ]()",
    # starts of lines
    "# head",
    "## head\n### head\n #  head\n\n# head #\n#### no head\n#tag C# #",
    "> quote\n>> quote\n>>> quote\n  > quote\n>",
    "- item\n* item\n+ item\n  - item\n-\n- \n-# small\n -# small\n-item\n---\n- - item",
    "1. item\n2. item\n10. item\n 1. item\n1) item\n1.5\nIn 2020. Then",
    "text\n# head\ntext\n> quote\ntext\n- item\ntext\n1. item\ntext\n-# small",
    "> # - 1. > -# **x**",
    "===\n***\n___\n```\n~~~\n| a | b |\n|---|---|",
    # signs
    "*a* **a** ***a*** _a_ __a__ ___a___ ~~a~~ ~a~ ||a|| `a` ``a`` ```a``` *a_b*c_",
    "\\ \\\\ \\\\\\ \\* \\_ \\` \\a \\\n\\# \\[ trailing \\",
    "* _ ~ ` | > < [ ] ( ) # - + . ! : @ \\ / & ; = ^ $ % { } ' \"",
    "snake_case_name 2*3*4 a|b||c|| ~1~2 ```js\nx``` ¯\\_(ツ)_/¯ >_< ^_^ *_* -_-",
    "**\n*\n_\n~~\n`\n```\n||\n[\n](\n<",
    "a\r\n# a\r# b\u2028# c\u2029# d\x0b# e\x0c# f\x85# g",
    "\x00\x1b[31m\x7f # \ufeff# a",
    f"{ZWSP}# a {ZWSP}- b @{ZWSP}here",
    "\u3000# 見出し\n\u3000- 項目\n\u3000> 引用\n「**太字**」_斜体_〜〜",
    "👩‍👩‍👧‍👦 🇯🇵 é が 𠮷 ＠everyone ＊太字＊ ＃見出し ：smile：",
)


def read(source: str, flavour: str = "desktop") -> str:
    """What is seen, without signs that show as nothing."""
    return shown(parse(source, flavour)).replace(ZWSP, "").strip()


def normal(text: str) -> str:
    """Text without what may differ: Discord trims, and blank lines and indents are ours to choose."""
    lines = (" ".join(line.split()) for line in tidy(text).replace(ZWSP, "").split("\n"))
    return "\n".join(text for line in lines if (text := line.rstrip("> ")))


_SIGNS = [
    *"*_~`|<>[]()\\:/#-+.@!1a 漢。\n\u3000",
    *(
        "**",
        "__",
        "~~",
        "```",
        "1. ",
        "- ",
        "-# ",
        "> ",
        ">>> ",
        "@everyone",
        "<@1>",
        "<t:0>",
        ":smile:",
        "<:e:1>",
        "😀",
    ),
    *("https://a.jp/x", "discord.gg/x", "steam://x", "||", "¯\\_(ツ)_/¯", "<https://a.jp>", "[a](https://a.jp)"),
]
anything = st.one_of(st.lists(st.sampled_from(_SIGNS), max_size=14).map("".join), st.text(max_size=20))
flavours = st.sampled_from(FLAVOURS)
