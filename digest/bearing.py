"""Which way a text runs: from its point to the details (news), or from its grounds to the point (speech, essay).

Told by who speaks in it, the author or the people reported on, and by whether its end still is the author's.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from core.lines import unquoted
from core.voices import reports

_TAIL = 40  # characters: what a Japanese sentence does stands at its end
_SPEAKS_JA = re.compile(
    # asks
    r"伺[いう]|尋ね|お聞[きか]|(?:見解|所見|答弁)を|求め(?:ます|たい|る)|願[ういっ]|ください|下さい|(?:いただき|頂き)たい"
    r"|て(?:ほ|欲)しい|いかが|どう(?:か|する|考え)|でしょうか|ませんか"
    # urges
    r"|べき|必要[がだで]|重要[だで]|(?:ねば|なければ|なくては)なら|欠かせ|不可欠|ましょう|うでは(?:ない|あり)"
    # intends
    r"|まいり|参ります|いたします|ていき(?:ます|たい)|ていく|所存|考え(?:です|である|だ|ま|てい|てお)|と考え|予定|方針|したい"
    # holds
    r"|思[ういっえ]|だろう|でしょう|(?:ではない|のではな)(?:か|いか|だろ)|のではな|はず[だで]|違いな|とい?言?え(?:る|ます|よう)"
    r"|(?:ほか|他)なら|にすぎな|に過ぎな|のである|のだ|わけだ|[私僕]|我々|われわれ|筆者"
)
_SPEAKS_EN = re.compile(
    r"\b(?:I|[Ww]e|[Mm]y|[Oo]ur|[Ll]et['’]s|should|must|ought|needs? to|have to|[Pp]lease|urge|conclude|conclusion"
    r"|therefore|Therefore|thus|Thus|hence|Hence|in short|In short|after all|ultimately|Ultimately)\b"
)
_QUOTES = re.compile(r"[\"“”‘]|''|``|(?:^|\s)'[A-Z]|[,.?!]'(?:\s|$)")  # a quotation of several sentences is left open


def author_speaks(sentence: str, language: str) -> bool:
    """Whether the author asks, urges, intends or holds something in it, rather than tells what is so."""
    if language == "ja":
        return _SPEAKS_JA.search(unquoted(sentence)[-_TAIL:]) is not None
    return _QUOTES.search(sentence) is None and _SPEAKS_EN.search(sentence) is not None


def others_speak(sentence: str, language: str) -> bool:
    """Whether it reports what somebody else said."""
    return reports(sentence) or (language != "ja" and _QUOTES.search(sentence) is not None)


def bearing(speaks: Sequence[bool], reported: Sequence[bool]) -> float:
    """From 0.2, the point comes first, to 0.9, it comes last; by what each sentence is in reading order.

    The author's share of the sentences in which somebody speaks, halved if the last two are not the author's.
    """
    share = (sum(speaks) + 1) / (sum(speaks) + sum(reported) + 2)
    end = sum(speaks[-2:]) / max(1, len(speaks[-2:]))
    concludes = share * (1 + end) / 2
    return 0.2 + 0.7 * min(1.0, max(0.0, (concludes - 0.3) / 0.4))
