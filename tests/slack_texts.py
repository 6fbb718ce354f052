"""Texts that want to be more than text on Slack, and how what is seen of them is compared."""

from __future__ import annotations

from bot.platforms.slack.richtext import ZWSP, tidy
from tests.discord_texts import HOSTILE as HOSTILE_ELSEWHERE

HOSTILE = (
    "<!channel> <!here> <!everyone> <!here|here> <!subteam^S1> <!subteam^S1|@team> <!date^0^{date}|x>",
    "<@U1> <@W1> <@U1|you> <#C1> <#C1|general> <https://evil.example> <https://evil.example|bank> <mailto:a@b.jp|c>",
    "@here @channel @everyone @you #general @here. (@channel) \n@everyone @Here @CHANNEL",
    "&lt;!channel&gt; &amp;lt;!here&amp;gt; &lt;@U1&gt; &amp; & &amp;amp; &#64;here &lt;https://evil.example|x&gt;",
    "https://evil.example http://a.b/c?d=e&f=g www.evil.example evil.example mailto:a@b.example slack://open tel:+1",
    "*bold* _it_ ~gone~ `code` ```\nfence\n``` *a*b* _a_ *「太字」*である ~〜~",
    "> quote\n>> quote\n>>> all\n&gt; quote\n• item\n1. item\n- item",
    ":smile: :+1: :wave::skin-tone-3: :a: 10:30:00 :slightly_smiling_face: ::x:: :日本:",
    "<|> <||> <@> <#> <!> <a <b> > < <<@U1>> <!channel <!here>",
    "|｜＊_＠here ＃general ＜!channel＞ ：smile：",
    *HOSTILE_ELSEWHERE,
)


def normal(text: str) -> str:
    """Text without what may differ: blank lines, indents and spaces at the ends are ours to choose."""
    lines = (" ".join(line.split()) for line in tidy(text).replace(ZWSP, "").split("\n"))
    return "\n".join(text for line in lines if (text := line.rstrip("> ")))
