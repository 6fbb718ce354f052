"""Which comments ask something that awaits an answer, and whether they ask the author: rules, Japanese and English.

What is only clothed as a question (ではないか, isn't it?, who cares?) is none. The rest is ranked by how many stand
behind it; to name whom one asks, or to ask outright to be told, weighs as much as two readers.
"""

from __future__ import annotations

from collections.abc import Sequence

import regex  # type: ignore[import-untyped]  # ships no types

from core.text import fold, sentences
from digest.noise import bundles, words_only
from digest.sketch import Spoken

MOST = 200
_ADDRESSED = 2  # readers
_READ = 2_000  # characters of a comment

_END = r"[\s。.!?…」』)w笑]*$"  # as it stands after folding
_START = r"^(?:(?:and|but|so|oh|ok|okay|well|also),? )?"

# Asks to be told; needs no question mark.
_TELL = regex.compile(
    r"(?:教え|聞かせ|説明し|答え|回答し|示し|明らかにし)て?を?(?:くださ|下さ|ほし|欲し|頂|いただ|もら|くれ|願)"
    r"|(?:説明|回答|お答え|教示)を?(?:お?願|くださ|下さ|いただ|頂)"
    r"|(?:伺|うかが|お聞きし|お尋ねし|質問し|質問させて)(?:い|って)?(?:たい|ます|いただ|くださ|下さ)"
    r"|(?:知り|聞き)たい(?:です|と思|の|$)|教えて"
    + _END
    + r"|\b(?:please|pls|(?:can|could|will|would) you|(?:can|could) (?:the|any|some) ?\w+) (?:\w+ )?"
    r"(?:explain|tell|share|say|clarify|elaborate|point|show|answer|give)\b"
    r"|\bi(?:'d| would) (?:like|love) to (?:know|hear|ask)\b|\bi(?:'m| am) (?:curious|wondering)\b|\bwant to know\b"
    r"|\bi wonder (?:how|what|why|when|where|who|whether|if)\b|\bmy question\b|\b(?:question|q):"
)
# Asks by its form, without a question mark.
_ASKS = regex.compile(
    r"(?:です|ます|でした|ました|ません|でしょう|だろう|[のたるいうんだ])(?:か|かしら)" + _END
    + r"|(?:なぜ|何|なん|なに|どう|どこ|どの|どれ|どちら|どんな|誰|だれ|いつ|いくら).*か(?:な|ね)?" + _END
    + r"|" + _START + r"(?:(?:how|why|where|when|what|who) (?:do|does|did|can|could|should|will|would) "
    r"(?:you|we|i|they|it|he|she|the|this|that|these|those|people|any\w*)"
    r"|(?:is|are|was|were) there any|(?:do|did|have|can|could) you)\b"
)  # fmt: skip
# Only sounds like a question: an opinion, a sigh, a reproach.
_RHETORICAL = regex.compile(
    r"(?:では|じゃ)(?:ない|ありません|なかろう|あるまい)の?(?:でしょう|だろう)?か(?:な|と)?" + _END
    + r"|(?:もの|もん)(?:です|だろう|でしょう)?か" + _END
    + r"|(?:はず|わけ|訳)[がは]?(?:ない|ある)(?:でしょう|だろう)?か" + _END
    + r"|(?:だれ|誰)が.{1,30}(?:という|いう)の(?:だろう|でしょう|です)?か" + _END
    + r"|(?:どうして|なぜ|何故|なんで|何で).{1,30}ようか" + _END
    + r"|(?:ふざけ|馬鹿|バカ|ばか|正気|いい加減に).{0,15}か?" + _END
    + r"|[,\s]\s*(?:(?:is|are|was|were|do|does|did|has|have|had|ca|could|wo|would|should|ai)n't "
    r"(?:it|they|he|she|we|you|that|there|i)|right|no|eh|huh|innit|really|ok|okay)\s*\?+$"
    + r"|" + _START + r"(?:who (?:cares|knows|needs|would|wouldn't|doesn't)|who (?:do|does) .{1,20} think|so what"
    r"|what else|what a |what(?:'s| is) (?:the|this) (?:point|world)|what (?:the (?:hell|heck)|on earth)|why bother"
    r"|why (?:should|would) (?:we|i|anyone|anybody)|really|seriously|right|guess what|you know what|how dare"
    r"|how (?:many times|much longer|stupid)|are you (?:kidding|serious|joking|crazy)"
    r"|(?:is|are|do|does|did|would|should)n't (?:it|we|you|they|anyone|anybody|this|that)"
    r"|when will (?:they|people|we) (?:ever )?(?:learn|wake|stop))\b"
)  # fmt: skip
# Says whom it asks: the author, the paper, "you"; honorific verbs do.
_ADDRESSES = regex.compile(
    r"著者|筆者|作者|記者|編集(?:部|長|者)|論説|先生|さん[、はにのへ]|あなた|貴方|御社|貴紙|[おご](?:考え|意見|見解|存[知じ])"
    r"|お(?:思|書|聞|答|教|尋)|思われ|[らさば]れ(?:ます|ました|ています|たの?です|るの?です)か"
    r"|\b(?:you|your|yours|author|writer|editors?|columnist|reporter)\b"
)


def questions(spoken: Sequence[Spoken]) -> list[int]:
    """The comments that ask something, as their numbers, most supported first; of copies the first one.

    Of more than MOST those with most agreement are looked at.
    """
    asked = {at: addressed for at, one in enumerate(spoken) if (addressed := asks(one.text)) is not None}
    read = sorted(sorted(asked, key=lambda at: (-spoken[at].agree - _ADDRESSED * asked[at], at))[:MOST])
    ranked: list[tuple[int, int]] = []
    for group in bundles([spoken[at].text for at in read])[0]:
        people = len({spoken[read[one]].person for one in group} - {None})
        support = people + max(spoken[read[one]].agree for one in group)
        ranked.append((-support - _ADDRESSED * asked[read[group[0]]], read[group[0]]))
    return [spoken[at].comment for _, at in sorted(ranked)]


def asks(text: str) -> bool | None:
    """Whether the comment asks somebody in particular or asks to be told; None if it asks nothing."""
    found = [one for one in map(_asks, sentences(words_only(text[:_READ]))) if one is not None]
    return any(found) if found else None


def _asks(sentence: str) -> bool | None:
    line = fold(sentence).replace("’", "'")
    if _TELL.search(line):
        return True
    asked = "?" in line or _ASKS.search(line)
    return bool(_ADDRESSES.search(line)) if asked and not _RHETORICAL.search(line) else None
