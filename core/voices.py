"""Who speaks in a paragraph or under a heading: a report of an article, a conclusion, an offer, or readers below.

Every rule is a list of words that is looked up in sentences; the structure around them is `core.outline`'s.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from core.lines import bare, unquoted

# A reporting verb at the end of a sentence, so that 「語ったように」 in an analysis does not count.
_REPORTS_JA = re.compile(
    r"((述べ|語っ|語り|明かし|明らかにし|示唆し|強調し|指摘し|報じ|報道し|言及し|説明し|主張し|訴え|伝え|認め|答え|回答し|話し"
    r"|コメントし|コメントをし|発表し|表明し|批判し|警告し|紹介し|振り返っ|振り返り|分析し|評し|評価し|論じ|提唱し|提言し|反論し"
    r"|見解を示し|懸念を示し|考えを示し|認識を示し|姿勢を見せ|取り上げ|描い|描き|まとめ|書い|記し|呼びかけ|打ち明け|断言し|予測し)"
    r"(て(い|お)?)?(た|る|ます|ました|おり|おります|おりました|られています|られました)"
    r"|(語|書|述べ|伝え|報じ|紹介さ|描か|論じ)ら?れ(て(い)?)?(た|る|ます|ました)"
    r"|として(いる|います)|という|とのこと(です|だ)|だという|といいます|そうです|とされ(る|ます|ています))$"
)
_FRAME_JA = re.compile(
    r"インタビュー|対談|記事|によると|によれば|報道|取材|寄稿|連載|特集|コラム|記者|同誌|同紙|同氏|紙面|講演|会見|著者は|著書"
)
_REPORTS_EN = re.compile(
    r"\b(says?|said|tells?|told|reports?|reported|according to|argues?|argued|writes?|wrote|explains?|explained|notes?|noted"
    r"|adds?|added|claims?|claimed|announces?|announced|admits?|admitted|acknowledges?|acknowledged|reveals?|revealed"
    r"|stress(?:es|ed)|emphasi[sz]e[sd]|describes?|described|suggests?|suggested|warns?|warned|insists?|insisted"
    r"|recalls?|recalled|point(?:s|ed) out|believes?|quotes?|quoted|confirm(?:s|ed)|concede[sd]|maintain(?:s|ed)|details)\b",
    re.I,
)
_FRAME_EN = re.compile(
    r"\b(interview|article|according to|magazine|newspaper|column|the (?:piece|profile|essay|study|paper|report|author|reporter)"
    r"|told|in (?:a|an) (?:talk|conversation|podcast|speech|profile|essay|column))\b",
    re.I,
)
# The analyst speaks: answers the author, weighs, says what it means.
_WEIGHS = re.compile(
    r"ご指摘|おっしゃる|ご見解|ご推察|見方は|視点は|分析します|考察し|読み解|と言えます|といえます|と考えられます|かもしれません|でしょう"
    r"|\b(you (?:point|pointed|note|noted|are right)|your (?:point|view|observation)|let us (?:look|consider)|arguably"
    r"|in other words|it (?:seems|follows)|what (?:this|it) means)\b",
    re.I,
)

_OFFER_JA = re.compile(
    r"(ましょうか|いたしますか|致しますか|しますか|みますか|進みますか|続けますか|読みますか|なりますか|よろしいですか|よろしいでしょうか"
    r"|いかがですか|いかがでしょうか|必要ですか|ご希望ですか|興味はありますか|可能です|できます|お申し付けください|お知らせください"
    r"|お聞かせください|教えてください)$"
)
_CONTINUES_JA = re.compile(
    r"^(次は|次に|次回|続いて|続き|よろしければ|ご希望|必要であれば|もし|さらに|引き続き|他にも|ほかにも|では|このあと)"
)
_WORK_JA = re.compile(
    r"要約|解説|説明|紹介|分析|深掘り|まとめ|整理|掘り下げ|お伝え|お話|続き|比較|翻訳|見て|読み進め|作成|詳しく|取り上げ|ご覧"
)
_OFFER_EN = re.compile(
    r"^(?:next[,:]? |and |so |then[,:]? )?(?:shall (?:I|we)|would you like(?: me)?|do you want me|should I|want me to|may I"
    r"|if you(?:'d|’d| would)? (?:like|wish|want)[^.?!]*\bI (?:can|could|will)|let me know if you)\b"
    r"|^next[,:]? (?:I|we) (?:can|could|will)\b"
    r"|^(?:I|we) (?:can|could) (?:also |now |next )?\w+[^.?!]* if you(?:'d|’d| would)? (?:like|wish|want)\b",
    re.I,
)
_ABOUT_SELF = re.compile(r"^(shall we|should I|may I)\b", re.I)
_WORK_EN = re.compile(
    r"\b(summari[sz]e|explain|analy[sz]e|continue|go on|look at|turn to|cover|compare|outline|describe|expand|break down|translate|read)\b",
    re.I,
)
_NAMED = re.compile(r"「([^「」]+)」|『([^『』]+)』|“([^“”]+)”|\"([^\"]+)\"|‘([^‘’]+)’")

_CONCLUSION = re.compile(
    r"^(\W*(\d+|[０-９]+|[IVX]+)[.．)）:]\s*)?\W*(結論|結び|むすび|まとめ|総括|総論|おわりに|終わりに|最後に|結語|まとめと|結論と"
    r"|(in )?conclusions?|concluding|summary|summing up|in sum|takeaways?|key takeaways?|the takeaway|closing|final thoughts?"
    r"|bottom line|the bottom line|last words?|wrap(ping)?[- ]up)(\b|$|[:：と（(、])",
    re.I,
)
_OPENING_SUMMARY = re.compile(r"^\W*(summary|まとめ)\b", re.I)
_REPORT_HEADING = re.compile(
    r"(記事|論文|報道|インタビュー|講演|著書|本)の(要約|概要|内容|あらまし|要旨)|^(要約|概要|あらまし)$"
    r"|\b(summary of|what the (?:article|piece|report|interview|author) says|the (?:article|interview|story) in brief)\b",
    re.I,
)
_ANALYSIS_HEADING = re.compile(
    r"分析|考察|洞察|私見|論点|評価|解釈|\b(analysis|my (?:view|take)|what (?:it|this) means|why (?:it|this) matters|commentary|reading)\b",
    re.I,
)

_AREA = re.compile(
    r"^\W*(コメント(一覧|欄|する|を書く|を投稿する?|を残す)?|この記事へのコメント|トラックバック|関連(記事|リンク|ニュース|エントリー?|する記事)"
    r"|こちらもおすすめ|おすすめ記事|人気記事|(\d+\s+)?comments?|(leave|write|post|add) a (comment|reply)|responses?|discussion"
    r"|(\d+\s+)?(responses|replies|thoughts on .*)|related (posts?|articles?|stories|reading|links)|you (may|might) also like"
    r"|read next|trackbacks?|pingbacks?)\s*[:：]?\s*([(（\[]?\s*(\d+|[０-９]+)\s*(件)?\s*[)）\]]?)?\W*$",
    re.I,
)
_PLAIN_AREA = re.compile(r"^\W*(コメント|comments?|responses?|discussion)\W*$", re.I)
_COMMENTS = re.compile(
    r"^\W*(この記事への)?(コメント(一覧|欄)?|(\d+\s+)?comments?)\s*([(（\[]?\s*(\d+|[０-９]+)\s*件?\s*[)）\]]?)?\W*$",
    re.I,
)
_LIKE_COMMENTS = re.compile(
    r"\d{1,4}[年/.-]\d{1,2}[月/.-]\d{1,2}|\d{1,2}:\d{2}|返信|\breply\b|名無し|より：|さん[:：\s]|投稿者|posted by|\bsays:|ログイン"
    r"|コメントする|いいね|ago\b|匿名|\b(log|sign) in\b|まだありません|no comments",
    re.I,
)
_FURNITURE = re.compile(
    r"^\W*(いいね|リブログ|シェア|ツイート|フォロー|ブログトップ|記事一覧|前の記事|次の記事|もっと見る|トップへ|ページトップ|続きを読む"
    r"|share|tweet|like|follow|previous (post|article)|next (post|article)|back to top|read more|subscribe|print)"
    r"(する|へ|this|this post|on \w+|us)?\s*[!！:：]?\s*([(（]?\d*[)）]?)\W*$",
    re.I,
)


def reports(text: str) -> bool:
    """Whether a paragraph says what somebody else said."""
    outside = unquoted(text)
    sentences = re.split(r"[。！？!?\n]", outside)
    return any(_REPORTS_JA.search(one.strip()) for one in sentences) or _REPORTS_EN.search(outside) is not None


def framed(text: str) -> bool:
    """Whether it names the interview or article that it draws on."""
    return _FRAME_JA.search(unquoted(text)) is not None or _FRAME_EN.search(unquoted(text)) is not None


def weighs(text: str) -> bool:
    """Whether the analyst judges or answers in it."""
    return _WEIGHS.search(unquoted(text)) is not None


def is_offer(text: str) -> bool:
    """Whether a paragraph offers to continue: 「次は…を要約いたしましょうか。」, "Shall I go on to …?"."""
    if len(text) > 300:
        return False
    parts = [one.strip() for one in re.split(r"(?<=[。！？?!])|(?<=\.)\s", text.strip()) if one.strip()]
    if not 1 <= len(parts) <= 2:
        return False
    last = re.sub(r"[。．.！!？?」\s]+$", "", parts[-1])
    asked = re.search(r"ましょうか|ますか$|いかが|(必要|ご希望)ですか", last) is not None
    if _OFFER_JA.search(last):
        work = _WORK_JA.search(text) is not None
        return work and (asked or (_CONTINUES_JA.search(parts[0]) is not None and not last.endswith("でしょうか")))
    if not _OFFER_EN.search(parts[-1]):
        return False
    return _WORK_EN.search(parts[-1]) is not None or _ABOUT_SELF.search(parts[-1]) is None


def offered_name(text: str) -> str | None:
    """The name in quotation marks of what an offer offers."""
    found = _NAMED.search(text)
    return next((name for name in found.groups() if name), None) if found else None


def concludes(heading: str, *, last: bool) -> bool:
    """Whether a heading announces a conclusion. A "Summary" is one only at the end (`last`)."""
    if _OPENING_SUMMARY.search(heading) and not last:
        return False
    return _CONCLUSION.search(heading.strip()) is not None


def names_report(heading: str) -> bool:
    """Whether a heading says that an article is summarised under it."""
    return _REPORT_HEADING.search(heading) is not None


def names_analysis(heading: str) -> bool:
    """Whether a heading says that something is analysed under it."""
    return _ANALYSIS_HEADING.search(heading) is not None


def is_area(text: str, tail: Sequence[str], *, headed: bool) -> bool:
    """Whether a line opens the area below a piece: comments, trackbacks, related articles.

    `tail` is what follows, `headed` whether headings with text are among it. The bare word may be a real heading, so
    it needs something like comments under it or nothing at all; so 「コメントの分析」 never counts.
    """
    if len(text) > 80 or not _AREA.match(text):
        return False
    if not tail:
        return True
    signs = any(_LIKE_COMMENTS.search(one[:200]) for one in tail)
    return signs if _PLAIN_AREA.match(text) else signs or not headed


def is_comments(text: str) -> bool:
    """Whether a line is a heading of readers' comments and of nothing else."""
    return _COMMENTS.match(text) is not None


def is_furniture(text: str) -> bool:
    """Whether a line is a button of the page rather than words of the piece."""
    return len(text) <= 60 and (_FURNITURE.match(text) is not None or (bare(text) and _AREA.match(text) is not None))
