"""What Rondan says to people of what it keeps about them. `core.speech` has the languages and the rest."""

from __future__ import annotations

# fmt: off
RIGHTS: dict[str, tuple[str, str]] = {
    # name: (English, Japanese)
    "rights.title": ("What is kept about you", "あなたについて残しているもの"),
    "rights.kept": ("Kept of you: {comments:comment}, {reactions:reaction}, {follows:topic} that you follow.", "あなたのコメント{comments}件、反応{reactions}件、フォロー中の話題{follows}件を残しています。"),
    "rights.is-in": ("You have not opted out.", "記録の停止は求められていません。"),
    "rights.is-out": ("You opted out: nothing of what you say or react is kept. `/opt-in` takes that back.", "あなたの希望により、発言も反応も残していません。`/opt-in` で再開できます。"),
    "rights.what": ("What, why, how long", "内容・目的・期間"),
    "rights.comments": ("Comments under pieces, with your account and name, to show what readers said: {days}.", "記事へのコメント（アカウントと名前を含む）。読者の声を伝えるためです。{days}。"),
    "rights.reactions": ("Reactions, without account or name, under a code that only this installation can make: {days}; after that only the counts.", "反応。アカウントや名前は残さず、この設置だけが作れる符号で区別します。{days}。その後は件数だけが残ります。"),
    "rights.follows": ("Topics that you follow, and when you last looked: until you end it.", "フォロー中の話題と最後に見た時刻。やめるまで残ります。"),
    "rights.left": ("Where the bot is removed, everything said there is erased after a time: {days}.", "ボットが外された場所の発言は、一定の期間の後にすべて消します。{days}。"),
    "rights.deeds": ("What you report and, as moderator or author, do and write in the log, to answer for it. `/forget-me` takes your name and words from it; that it was done stays.", "通報と、モデレーターや著者としての操作。判断に責任を持つためです。`/forget-me` で名前と書いた言葉が消え、操作があったことだけが残ります。"),
    "rights.seen": ("Comments are seen by whoever may read the digests of the place; the rest by nobody but who runs this.", "コメントはその場所のダイジェストを読める人に見えます。ほかは運営者だけが扱います。"),
    "rights.days": ("{n:day}", "{n}日間"),
    "rights.for-good": ("until you erase it", "消すまで"),
    "rights.yours": ("What you can do", "できること"),
    "rights.see": ("`/my-data` gives you all of it.", "`/my-data` で残しているものをすべて受け取れます。"),
    "rights.forget": ("`/forget-me` erases all of it.", "`/forget-me` ですべて消せます。"),
    "rights.out": ("`/opt-out` keeps nothing from now on.", "`/opt-out` で今後何も残さなくなります。"),
    "rights.deleted": ("What you delete in the chat is erased here too.", "チャットで消した発言は、こちらでも消えます。"),
    "rights.operator": ("Run by {operator}.", "運営: {operator}"),
    "rights.data": ("Your data", "あなたのデータ"),
    "rights.data.person": ("Account", "アカウント"),
    "rights.data.reports": ("What you reported", "通報したもの"),
    "rights.data.acts": ("What you did as moderator or author", "モデレーターや著者としての操作"),
    "rights.data.moderates": ("Places that you moderate", "モデレーターを務める場所"),
    "rights.data.answers": ("What you answered", "書いた回答"),
    "rights.data.waiting": ("Heard, and not sorted in yet", "受け取って、まだ整理していないもの"),
    "rights.data.comments": ("Comments", "コメント"),
    "rights.data.reactions": ("Reactions", "反応"),
    "rights.data.follows": ("Topics that you follow", "フォロー中の話題"),
    "rights.sure": ("This erases {comments:comment}, {reactions:reaction} and {follows:topic} that you follow, here and in digests that quote you. It can't be undone. Your messages in the chat itself stay until you delete them.", "コメント{comments}件、反応{reactions}件、フォロー中の話題{follows}件を、引用したダイジェストからも消します。元には戻せません。チャット上の発言そのものは、ご自分で消すまで残ります。"),
    "rights.erase": ("Erase it all", "すべて消す"),
    "rights.forgotten": ("Everything that was kept about you is erased.", "あなたについて残していたものをすべて消しました。"),
    "rights.out-now": ("From now on nothing of what you say or react is kept. What is kept already stays until `/forget-me`.", "これからは発言も反応も残しません。すでに残っているものは `/forget-me` で消せます。"),
    "rights.out-already": ("You had opted out already.", "すでに記録を停止しています。"),
    "rights.in-now": ("From now on your comments and reactions are kept again.", "これからは、コメントと反応をまた残します。"),
    "rights.in-already": ("You had not opted out.", "記録は停止されていません。"),
}
# fmt: on
