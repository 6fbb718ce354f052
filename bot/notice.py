"""The privacy notice that an operator publishes, with the settings as they are: `rondan privacy`, PRIVACY.md."""

from __future__ import annotations

from bot.settings import Settings

_DAYS = {"en": ("{n} days", "until it is erased on request"), "ja": ("{n}日間", "申し出があって消すまで")}
_UNSAID = {
    "en": "*Say here who you are and how you are reached: set `RONDAN_OPERATOR`.*",
    "ja": "*運営者の名前と連絡先をここに記します。`RONDAN_OPERATOR` で設定してください。*",
}

_ENGLISH = """\
# Privacy

**Who.** {operator}

**What and why.** Rondan posts commentary in this chat and gathers what readers answer, for digests and search.

| kept | of whom | why | how long |
| --- | --- | --- | --- |
| text of a comment, account, name, time | who comments under a piece | to show what readers said | {comments} |
| reaction, time; of the account a keyed hash | who reacts | to count each person once | {reactions}, then only counts |
| topics followed, time of the last look; a keyed hash | who follows | to show what is new | until it is ended |
| id, if an admin makes somebody a place's moderator | who moderates a place | to let them | until taken back |
| reports (a keyed hash), acts of moderators and authors | who acts | to answer for it | until erased; the act stays |
| an opt-out, an erasure; a keyed hash | who asked | to keep to it, after a restore too | while the publication runs |

Nothing else is kept: no messages elsewhere in the chat, no lists of members, no attachments. On Slack, nothing of
people of other organisations in shared channels. Events wait in a journal for seconds, at most a day for their message.

**Who sees it.** Comments: whoever may see the digests of the place where they were made. The rest: only the
operator.{model} Nothing is sold, and nothing trains a model.

**Your rights, in the chat.** `/privacy` says what is kept about you. `/my-data` gives all of it. `/forget-me` erases
all of it, also where digests quote you. `/opt-out` keeps nothing from then on; `/opt-in` takes that back. What you
delete or edit in the chat is erased or changed here too. Whoever can't use the chat writes to the operator.

**Leaving.** Where the bot is removed, what was said there is erased after {left}, unless it is back by then.

**Backups.** What was erased, deleted or hidden is noted, without its words, in a file that is not part of them; a
backup that is restored follows it before anything of it is shown. The operator deletes old backups, copies made
before a migration (`NAME.before-…db`), and databases that a restore put aside.
"""

_JAPANESE = """\
# プライバシー

**運営者** {operator}

**内容と目的** Rondan はこのチャットに論評を載せ、読者の反応を集めて、ダイジェストと検索で伝えます。

| 残すもの | 対象 | 目的 | 期間 |
| --- | --- | --- | --- |
| コメントの文、アカウント、名前、時刻 | 記事にコメントした人 | 読者の声を伝える | {comments} |
| 反応と時刻。アカウントは鍵付きハッシュのみ | 反応した人 | 一人を一度だけ数える | {reactions}。その後は件数だけ |
| フォロー中の話題と最後に見た時刻（鍵付きハッシュ） | フォローした人 | 新着を示す | やめるまで |
| ID（管理者が場所のモデレーターに指定したとき） | その人 | 権限を確かめる | 指定をやめるまで |
| 通報（鍵付きハッシュ）、モデレーターと著者の操作 | 行った人 | 判断に責任を持つ | 消すまで。操作の事実は残る |
| 記録停止と消去の申し出（鍵付きハッシュ） | 申し出た人 | 復元の後も申し出を守る | 発行が続く間 |

ほかには何も残しません。チャットの他の発言、メンバーの一覧、添付ファイルも、
Slack の共有チャンネルにいる他の組織の人のことも残しません。
届いた出来事は数秒、対象の発言を待つ場合も最長一日だけ待機の記録に置きます。

**見える人** コメントは、その場所のダイジェストを見られる人に見えます。
ほかは運営者だけが扱います。{model}販売せず、モデルの学習にも使いません。

**チャットでできること** `/privacy` は残しているものを示し、`/my-data` はそのすべてを渡します。
`/forget-me` は、引用したダイジェストも含めてすべてを消します。`/opt-out` は以後何も残さず、`/opt-in` で再開します。
チャットで消したり直したりした発言は、こちらでも同じようになります。チャットを使えない方は運営者にご連絡ください。

**退出** ボットが外された場所の発言は、{left}の後に消します。それまでに戻れば消しません。

**バックアップ** 消去・削除・非表示はバックアップとは別のファイルに本文なしで記し、復元したときは
何かを示す前にそれに従います。古いバックアップ、移行の前に作られる複写（`NAME.before-…db`）、復元で退避したデータベースは運営者が消します。
"""

_MODEL = {
    "en": ("", " Texts are sent to a language model at {host} to put digests into prose."),
    "ja": ("", "ダイジェストを文章にするため、{host} の言語モデルに文を送ります。"),
}


def notice(settings: Settings, language: str) -> str:
    """The notice in a language, as Markdown."""

    def days(number: int) -> str:
        some, always = _DAYS[language]
        return some.format(n=number) if number else always

    without, with_model = _MODEL[language]
    text = _JAPANESE if language == "ja" else _ENGLISH
    return text.format(
        operator=settings.operator or _UNSAID[language],
        comments=days(settings.keep_comments),
        reactions=days(settings.keep_reactions),
        left=_DAYS[language][0].format(n=settings.leave_days),
        model=with_model.format(host=settings.model_url) if settings.model_url else without,
    )


def page() -> str:
    """PRIVACY.md: both languages, with the settings that nobody changed."""
    settings = Settings.model_construct()
    return notice(settings, "en") + "\n---\n\n" + notice(settings, "ja")
