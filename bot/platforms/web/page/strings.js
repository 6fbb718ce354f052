// What the page says, in both languages, and dates as each writes them.

const WORDS = {
  en: {
    skip: "Skip to the messages", playground: "playground", channels: "Channels", thread: "Thread",
    offline: "The bot does not answer. Trying again…", bot: "Rondan", newer: "New messages", older: "Earlier messages",
    "only-you": "Only you can see this", dismiss: "Dismiss", edited: "edited", deleted: "This message was deleted.",
    reply: "Reply", replies: "{n} replies", "replies-1": "1 reply", react: "React", "react-with": "React with {emoji}",
    "other-emoji": "Any other emoji", add: "Add", edit: "Edit", delete: "Delete", feature: "Feature", hide: "Hide", report: "Report", save: "Save", cancel: "Cancel",
    "delete-sure": "Delete this message? Its words are gone for good.",
    link: "Copy link", linked: "Link copied", views: "See as other platforms get it", message: "Message", text: "Plain text",
    close: "Close", send: "Send", comment: "Comment", "comment-here": "Write a comment…",
    "comment-help": "Enter sends, Shift+Enter begins a new line.", answering: "Answering: {what}",
    ask: "Ask Rondan", "ask-here": "/digest, /search, /help …", "ask-help": "Type / to ask Rondan; Tab completes.",
    "ask-comments": "A line begins with /. To comment, press Reply under a message.",
    name: "Name", role: "Play as", reader: "Reader", author: "Author", moderator: "Moderator", admin: "Admin",
    language: "Language", theme: "Appearance", auto: "Auto", light: "Light", dark: "Dark",
    "layout-card": "cards", "layout-thread": "threads", "layout-queue": "for moderators", "reader-says": "{name} in {channel}: {text}",
    "empty-channel": "Nothing here yet", "empty-channel-text": "Bring a piece in from a shell, or ask for what there is:",
    "empty-room": "A room without channels", "empty-room-text": "Give Rondan a place to post to, and a piece to post:",
    "empty-thread": "No comments yet.", token: "Token", "token-why": "This playground asks for its token (RONDAN_WEB_TOKEN).",
    image: "Image", posted: "Sent.", of: "by {name}",
    "e-gone": "That message is not there any more.", "e-not-emoji": "That is not an emoji.",
    "e-many-emoji": "That message has as many different emoji as it can take.",
    "e-not-yours": "Only the person who wrote it, or a moderator, can do that.", "e-empty": "A comment needs some words.",
    "e-too-long": "That is too long: at most 4000 characters.", "e-too-big": "That is too much at once.",
    "e-name": "A name has 1 to 40 characters.", "e-slow": "Too many at once: wait a moment.",
    "e-token": "That is not the token.", "e-not-kept": "The bot could not keep that. Try again.",
    "e-failed": "That did not work. The bot's log says why.", "e-offline": "The bot does not answer.",
  },
  ja: {
    skip: "メッセージへ移動", playground: "お試し広場", channels: "チャンネル", thread: "スレッド",
    offline: "ボットが応答しません。再接続しています…", bot: "論壇", newer: "新しいメッセージ", older: "以前のメッセージ",
    "only-you": "あなたにだけ表示", dismiss: "閉じる", edited: "編集済み", deleted: "このメッセージは削除されました。",
    reply: "返信", replies: "返信 {n} 件", "replies-1": "返信 1 件", react: "リアクション", "react-with": "{emoji} を付ける",
    "other-emoji": "ほかの絵文字", add: "付ける", edit: "編集", delete: "削除", feature: "注目", hide: "隠す", report: "通報", save: "保存", cancel: "やめる",
    "delete-sure": "このメッセージを削除しますか。元には戻せません。",
    link: "リンクをコピー", linked: "リンクをコピーしました", views: "ほかの場での見え方", message: "表示", text: "テキスト",
    close: "閉じる", send: "送信", comment: "コメント", "comment-here": "コメントを書く…",
    "comment-help": "Enter で送信、Shift+Enter で改行します。", answering: "返信先：{what}",
    ask: "論壇に尋ねる", "ask-here": "/digest、/search、/help …", "ask-help": "/ から入力して尋ねます。Tab で補完します。",
    "ask-comments": "コマンドは / で始まります。コメントは各メッセージの「返信」から書けます。",
    name: "名前", role: "立場", reader: "読者", author: "筆者", moderator: "モデレーター", admin: "管理者",
    language: "言語", theme: "外観", auto: "自動", light: "ライト", dark: "ダーク",
    "layout-card": "カード", "layout-thread": "スレッド", "layout-queue": "モデレーター用", "reader-says": "{channel} で {name}：{text}",
    "empty-channel": "まだ何も届いていません", "empty-channel-text": "シェルから論考を取り込むか、下の欄で尋ねてください。",
    "empty-room": "まだチャンネルがありません", "empty-room-text": "投稿先と、投稿する論考を用意してください。",
    "empty-thread": "コメントはまだありません。", token: "トークン", "token-why": "この広場にはトークン（RONDAN_WEB_TOKEN）が必要です。",
    image: "画像", posted: "送信しました。", of: "{name}",
    "e-gone": "そのメッセージはもうありません。", "e-not-emoji": "絵文字ではありません。",
    "e-many-emoji": "これ以上別の絵文字は付けられません。", "e-not-yours": "書いた本人かモデレーターだけができます。",
    "e-empty": "コメントを入力してください。", "e-too-long": "長すぎます。4000 文字までです。", "e-too-big": "一度に送れる量を超えています。",
    "e-name": "名前は 1〜40 文字です。", "e-slow": "少し間をおいてください。", "e-token": "トークンが違います。",
    "e-not-kept": "保存できませんでした。もう一度お試しください。", "e-failed": "うまくいきませんでした。理由はボットのログにあります。",
    "e-offline": "ボットが応答しません。",
  },
};

let language = "en";

export function speak(code) {
  language = WORDS[code] ? code : "en";
  document.documentElement.lang = language;
  for (const element of document.querySelectorAll("[data-say]")) element.textContent = say(element.dataset.say);
  for (const element of document.querySelectorAll("[data-say-label]")) {
    element.setAttribute("aria-label", say(element.dataset.sayLabel));
  }
}

export const spoken = () => language;

export const knows = (key) => key in WORDS.en;

export function say(key, values = {}) {
  return (WORDS[language][key] ?? key).replace(/\{(\w+)\}/g, (_, name) => values[name] ?? "");
}

export const count = (n) => say(n === 1 ? "replies-1" : "replies", { n });

const format = (options) => (iso) => new Intl.DateTimeFormat(language, options).format(new Date(iso));
export const clock = format({ hour: "2-digit", minute: "2-digit" });
export const day = format({ year: "numeric", month: "long", day: "numeric", weekday: "short" });
export const moment = format({ dateStyle: "long", timeStyle: "medium" });
