"""What Rondan itself says, in every language it speaks. A test checks that each sentence exists in each of them."""

from __future__ import annotations

from datetime import date

from typing_extensions import override

LANGUAGES = ("en", "ja")

# fmt: off
SENTENCES: dict[str, tuple[str, str]] = {
    # name: (English, Japanese)
    "read": ("Read", "読む"),
    "read.more": ("Read on: {heading}", "次へ: {heading}"),
    "read.next": ("Next: {heading}", "次: {heading}"),
    "read.start": ("To the beginning", "最初へ"),
    "read.end": ("End of the piece.", "記事はここまでです。"),
    "read.rest": ("The rest is at the source.", "続きは元の記事にあります。"),
    "read.at-source": ("Open the source", "元の記事を開く"),
    "comment": ("Comment", "コメント"),
    "comment.title": ("Your comment", "コメントを書く"),
    "comment.field": ("What do you think?", "ご意見をお書きください"),
    "comment.submit": ("Send", "送る"),
    "comment.kept": ("Kept. Thank you: your comment stands under “{title}”.", "受け取りました。「{title}」へのコメントとして残します。"),
    "comment.empty": ("There was no text, so nothing was kept.", "文がなかったので、何も残していません。"),
    "stance.kept": ("Noted: {stance} on “{title}”.", "「{title}」に「{stance}」と記録しました。"),
    "stance.taken-back": ("Taken back: {stance} on “{title}”.", "「{title}」への「{stance}」を取り消しました。"),
    "card.cited": ("On: {title}", "取り上げた記事: {title}"),
    "card.topics": ("Topics: {topics}", "話題: {topics}"),
    "card.featured": ("Featured", "注目"),
    "withdrawn": ("Withdrawn: {title}", "取り下げ: {title}"),
    "withdrawn.note": ("This piece was withdrawn by its publisher on {date}.", "この記事は{date}に発行者が取り下げました。"),
    "reason": ("Reason: {reason}", "理由: {reason}"),
    "section.removed": ("This section was removed in a later revision.", "この節は後の改訂で削除されました。"),
    "catchup.title": ("Also published", "ほかに公開された記事"),
    "catchup.late": ("{n:more piece} appeared while we were away:", "お休みの間に、ほかに{n}本の記事が出ました。"),
    "catchup.capped": ("{n:more piece} came on a day with a full channel:", "その日の上限を超えたため、{n}本をまとめてお知らせします。"),
    "digest.title": ("Digest: {topic}, {period}", "ダイジェスト: {topic}、{period}"),
    "digest.all": ("all topics", "すべての話題"),
    "digest.empty": ("Nothing was published or said about {topic} in this time ({period}).", "この期間（{period}）に{topic}の記事や反応はありませんでした。"),
    "digest.pieces": ("Pieces ({n})", "記事（{n}本）"),
    "digest.more-pieces": ("and {n} more", "ほか{n}本"),
    "digest.still": ("Still discussed", "続く反響"),
    "digest.readers": ("Readers", "読者の反応"),
    "digest.people": ("{people:reader} responded.", "{people}人の読者が反応しました。"),
    "digest.people-more": ("{people:reader} or more responded.", "{people}人以上の読者が反応しました。"),
    "digest.numbers": ("{comments:comment} by {people:reader}", "コメント{comments}件（{people}人）"),
    "digest.endorsed": ("Most endorsed", "最も支持された声"),
    "digest.contested": ("Most contested", "意見が分かれた声"),
    "digest.featured": ("Picked by the editors", "編集部が選んだ声"),
    "digest.open": ("Waiting for a reply", "返事を待つ声"),
    "digest.votes": ("{agree} agree, {disagree} disagree", "賛成{agree}、反対{disagree}"),
    "digest.remark": ("Author: {remark}", "筆者: {remark}"),
    "search.title": ("Search: {query}", "検索: {query}"),
    "search.none": ("Nothing holds all of: {query}", "「{query}」をすべて含むものはありません。"),
    "search.comment": ("Comment on “{title}”", "「{title}」へのコメント"),
    "search.empty": ("What should be searched? `/search WORDS`", "何を探しますか。`/search 言葉` と書いてください。"),
    "piece.none": ("There is no piece “{words}”. Try `/search {words}`.", "「{words}」という記事はありません。`/search {words}` を試してください。"),
    "piece.several": ("Several pieces fit:", "当てはまる記事がいくつかあります。"),
    "piece.state": ("State: {state}", "状態: {state}"),
    "topics.title": ("Topics", "話題"),
    "topics.none": ("There are no topics yet.", "話題はまだありません。"),
    "topics.count": ("{n:piece}", "{n}本"),
    "topic.none": ("There is no topic “{name}”. `/topics` lists them.", "「{name}」という話題はありません。`/topics` で一覧が見られます。"),
    "follow.done": ("You follow {topic}. `/digest period:new` shows what is new.", "{topic}をフォローしました。`/digest period:新着` で新しいものが見られます。"),
    "follow.already": ("You follow {topic} already.", "{topic}はすでにフォローしています。"),
    "unfollow.done": ("You no longer follow {topic}.", "{topic}のフォローをやめました。"),
    "unfollow.not": ("You do not follow {topic}.", "{topic}はフォローしていません。"),
    "help.title": ("What you can ask", "できること"),
    "help.options": ("Options: {options}", "オプション: {options}"),
    "help.unknown": ("There is no command “{name}”. `/help` lists them.", "「{name}」というコマンドはありません。`/help` で一覧が見られます。"),
    "refused.roles": ("`/{command}` is for {roles}.", "`/{command}` を使えるのは{roles}です。"),
    "refused.option": ("`/{command}` has no option “{option}”. It takes: {options}.", "`/{command}` に「{option}」というオプションはありません。使えるもの: {options}。"),
    "refused.missing": ("`/{command}` needs {option}: {help}", "`/{command}` には {option} が必要です: {help}"),
    "refused.value": ("{option}: {why}", "{option}: {why}"),
    "refused.choice": ("“{value}” is none of: {choices}", "「{value}」は選べません。選べるもの: {choices}"),
    "refused.number": ("“{value}” is not a number", "「{value}」は数ではありません"),
    "refused.quote": ("A quotation is opened and not closed: {text}", "引用符が閉じていません: {text}"),
    "refused.stale": ("This button belongs to something that is no longer there.", "このボタンの元になったものは、もうありません。"),
    "failed": ("That went wrong on our side and was logged. Please try again.", "こちらの問題で失敗し、記録しました。もう一度お試しください。"),
    "role.reader": ("readers", "読者"),
    "role.author": ("authors", "筆者"),
    "role.moderator": ("moderators", "モデレーター"),
    "role.admin": ("admins", "管理者"),
    "mod.retracted": ("#{number} “{title}” is being withdrawn from {n:place}.", "#{number}「{title}」を{n}か所から取り下げます。"),
    "mod.retracted-already": ("#{number} is withdrawn already.", "#{number}はすでに取り下げられています。"),
    "mod.restored": ("#{number} “{title}” is coming back to {n:place}.", "#{number}「{title}」を{n}か所に戻します。"),
    "mod.not-retracted": ("#{number} is not withdrawn.", "#{number}は取り下げられていません。"),
    "mod.tagged": ("#{number}: topics are now {topics}.", "#{number}の話題: {topics}"),
    "mod.hidden": ("Comment {number} is hidden from digests, search and exports.", "コメント{number}を、ダイジェスト・検索・書き出しから隠しました。"),
    "mod.comment-shown": ("Comment {number} is visible again.", "コメント{number}を再び表示します。"),
    "mod.featured": ("Featured: {target}", "注目に設定: {target}"),
    "mod.unfeatured": ("No longer featured: {target}", "注目を解除: {target}"),
    "mod.no-comment": ("There is no comment {number}.", "コメント{number}はありません。"),
    "mod.log": ("What moderators did", "モデレーターの記録"),
    "mod.log-empty": ("Nothing was moderated yet.", "記録はまだありません。"),
    "mod.queue": ("Waiting for approval", "承認待ち"),
    "mod.queue-empty": ("Nothing waits for approval.", "承認を待つ記事はありません。"),
    "mod.not-held": ("#{number} does not wait for approval.", "#{number}は承認待ちではありません。"),
    "mod.approved": ("#{number} “{title}” goes out to {n:place}.", "#{number}「{title}」を{n}か所で公開します。"),
    "none": ("none", "なし"),
}
# fmt: on


class _Count(int):
    """A number that says what it counts: `{n:reader}` is `1 reader`, `2 readers`. Japanese needs no such thing."""

    @override
    def __format__(self, thing: str) -> str:
        return f"{int(self)} {thing}{'' if self == 1 else 's'}" if thing else str(int(self))


def say(language: str, sentence: str, /, **values: object) -> str:
    """A sentence in a language (English if we do not speak it), with its values put in."""
    english, japanese = SENTENCES[sentence]
    return (japanese if language == "ja" else english).format(
        **{key: _Count(value) if isinstance(value, int) else value for key, value in values.items()}
    )


def say_date(language: str, day: date) -> str:
    """A date as people of that language write it."""
    return f"{day.year}年{day.month}月{day.day}日" if language == "ja" else f"{day.day} {day:%b %Y}"
