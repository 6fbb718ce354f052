"""Text rules: nothing is lost, nothing that a reader sees as one is broken."""

from __future__ import annotations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from core.text import (
    cut,
    fold,
    graphemes,
    language_of,
    length,
    sentences,
    shorten,
)

WORDS = ["日本の経済は", "生成AIが", "変わる", "と思う。", "本当に？", "「増税だ。反対だ」", "『説明』", "（済み。）"]
WORDS += [
    "OpenAI",
    "GPT-5",
    "The U.S. economy grew.",
    " But why? ",
    '"Is it true?"',
    "3.5兆円",
    "https://example.com/a?b=1",
]
WORDS += [
    "👨‍👩‍👧‍👦",
    "🇯🇵🇺🇸",
    "👍🏽",
    "か゛",
    "か\u3099",
    "e\u0301\u0302",
    "葛\U000e0100",
    "𠮷野家",
    "하나",
    "नमस्ते",
    "www",
]
WORDS += [*'、　\n。!…ーっ「」（"', "\n\n"]
TEXTS = st.lists(st.one_of(st.sampled_from(WORDS), st.text(max_size=6)), max_size=40).map("".join)
CLAUSES = [
    "日本の経済は",
    "変わる。",
    "だが、",
    "彼は「増税だ。反対だ」と",
    "述べた。",
    "なぜか？",
    "『説明。責任』",
    "（済み。）",
    "\n",
]
PROSE = st.lists(st.sampled_from(CLAUSES), max_size=40).map("".join)


@pytest.mark.parametrize(
    ("text", "folded"),
    [
        ("ＯｐｅｎＡＩ", "openai"),
        ("ｶﾞｿﾘﾝ", "ガソリン"),
        (" 山田　 太郎\n", "山田 太郎"),
        ("STRASSE", "strasse"),
        ("Straße", "strasse"),
        ("①㍿", "1株式会社"),
        ("", ""),
    ],
)
def test_fold(text: str, folded: str) -> None:
    assert fold(text) == folded


@given(st.text())
def test_fold_is_stable(text: str) -> None:
    assert fold(fold(text)) == fold(text)


def test_graphemes_and_length() -> None:
    assert graphemes("👨‍👩‍👧‍👦🇯🇵が") == ["👨‍👩‍👧‍👦", "🇯🇵", "が"]
    assert [length(one) for one in ("", "あ", "👍", "𠮷", "👨‍👩‍👧‍👦")] == [0, 1, 2, 2, 11]


# --- sentences: `|` is a boundary ---


@pytest.mark.parametrize(
    "marked",
    [
        "彼は「賛成です。」と答え、席を立った。|会場は静まり返った。",
        "彼は言う。|「改革が必要だ。今すぐに。」|だが誰も動かない。",
        "「行くのか？」|「行く。」|二人は歩き出した。",
        "アイドルグループ「モーニング娘。」が出演した。|会場は沸いた。",
        "それはモーニング娘。の新曲だ。|のちに有名になった。",
        "え？と聞き返した。|とにかく驚いた。",
        "賛成！|でも、条件がある。",
        "Ｙａｈｏｏ！ショッピングで買った。|Yahoo!ファイナンスも見る。",
        "政府は（１）財政、（２）外交を柱とする。|異論もある。",
        "反対だ。（筆者は弁護士）|理由を述べる。",
        "反対だ。|（１）財源がない。|（２）時間がない。",
        "これは嘘だ（確認済み。）の一言に尽きる。|以上。",
        "第1条．総則\n|第2条．権利",
        "1. Finance\n|2. Growth",
        "賛成の理由\n\n|反対の理由",
        "賛成だが、\n反対もある。|以上。",
        "成長は1．5％だ。|物価は２．０％。",
        "詳細はhttps://example.org/a?b=1。|以上です。",
        "Visit https://example.org.| It is good.",
        "Mr. Tanaka met Prof. Lee at 10 a.m. on Monday.| They talked.",
        "J. K. Rowling wrote it.| Everyone read it.",
        "We met in the U.S. The Senate voted.".replace("U.S. ", "U.S.| "),
        "No. 5 is alive.| No.| Never.",
        "We saw Mt. Fuji . . . and then it rained.| Nobody minded.",
        '"I agree!" he said.| "So do I," said Ann.',
        "It grew ... but slowly.| Really?!| Yes!",
        "One line goes\non here.| Done.",
        "すごいｗｗｗ|次も頼む",
        "反対です|財源がありません|無理だと思います|そこで提案します",
        "円安が続いた|しかし、賃金は上がらない",
        "ますますそれが強くなりました。|お読みくださいませ。|あります東京の課題は多い。|好きですwww|次も頼む",
        "課題は二つある。|・財源|\n・人材".replace("|\n", "\n|"),
        "楽しかった♪|また行きたい♪",
        "知らなかった（笑）|次は調べる。|天才（笑）の話だ。",
        "賛成です😊😊|でも早すぎます。|期待していますね👍🏽|財源は別です🇯🇵\n|以上です☆",
        "つのだ☆ひろの歌が好きです〜|また聴きます…|寿司🍣を食べて議論した。",
        "高いですw|誰が払うのですか?|国民です^^;|ひどい話です・・・|もう一度考えてください！",
        "反対です…が、代案もない。|嬉しいです😊けど不安だ。|困ります〜!|撤回だ。|変わりました…では済まない。",
        "楽しみです(^^)|また話しましょう（笑）|いつか決まります。|読みました(NHK)番組の記事。",
        "やめて!|法案は通ったのか?|まだだ。",
        "これはひどいwww\n|それでも進む",
        "無題",
        "",
    ],
)
def test_sentences(marked: str) -> None:
    expected = [one for one in marked.split("|") if one]
    assert sentences("".join(expected)) == expected


@given(TEXTS, st.sampled_from([None, "ja", "en"]))
def test_sentences_give_the_text_back(text: str, language: str | None) -> None:
    found = sentences(text, language)
    assert "".join(found) == text
    assert all(one.strip() for one in found) or not text.strip()


@given(PROSE)
def test_sentences_never_split_a_quotation(text: str) -> None:
    for one in sentences(text):
        assert all(one.count(opener) == one.count(closer) for opener, closer in ("「」", "『』", "（）"))


# --- cutting ---


def breaks_of(pieces: list[str]) -> list[int]:
    """Offsets between pieces."""
    at, found = 0, []
    for piece in pieces[:-1]:
        at += len(piece)
        found.append(at)
    return found


def offsets_of(text: str) -> set[int]:
    return {0, *breaks_of([*graphemes(text), ""])}


@settings(max_examples=400, deadline=None)
@given(TEXTS, st.integers(1, 200))
@example("", 1)
@example("👨‍👩‍👧‍👦" * 3, 5)
@example("「" * 50 + "」" * 50, 30)
def test_cut(text: str, limit: int) -> None:
    pieces = cut(text, limit)
    assert "".join(pieces) == text
    assert all(pieces)
    assert all(length(one) <= limit or len(graphemes(one)) == 1 for one in pieces)
    assert set(breaks_of(pieces)) <= offsets_of(text)


@settings(max_examples=200, deadline=None)
@given(PROSE, st.integers(12, 200))
def test_cut_keeps_quotations_and_sentences_that_fit(text: str, limit: int) -> None:
    """Every quotation of PROSE fits into 12; a piece ends inside a sentence only if none ends within the limit."""
    pieces = cut(text, limit)
    for piece in pieces:
        assert all(piece.count(opener) == piece.count(closer) for opener, closer in ("「」", "『』", "（）"))
    ends = set(breaks_of([*sentences(text), ""])) if text else set()
    starts = [0, *breaks_of(pieces)]
    for start, end in zip(starts, breaks_of(pieces), strict=False):
        if end not in ends and text[end - 1] != "\n":
            assert not any(start < one <= start + limit for one in ends)


def test_every_limit() -> None:
    text = "".join(WORDS) * 2
    for limit in range(1, 201):
        pieces = cut(text, limit)
        assert "".join(pieces) == text
        assert all(length(one) <= limit or len(graphemes(one)) == 1 for one in pieces)
        assert set(breaks_of(pieces)) <= offsets_of(text)


@pytest.mark.parametrize(
    ("text", "limit", "pieces"),
    [
        ("一つ目。\n二つ目。三つ目。", 10, ["一つ目。\n", "二つ目。三つ目。"]),
        ("一つ目だ。二つ目だ。三つ目だ。", 12, ["一つ目だ。二つ目だ。", "三つ目だ。"]),
        ("彼は「長い。話だ。本当に」と言った。", 12, ["彼は", "「長い。話だ。本当に」と", "言った。"]),
        ("賛成だが、反対もあると思う。", 10, ["賛成だが、", "反対もあると思う。"]),
        ("日本経済は変わるとOpenAIが述べた", 12, ["日本経済は変わると", "OpenAIが述べた"]),
        ("one two three four", 9, ["one two ", "three ", "four"]),
        ("「あいうえお。かきくけこ。さしすせそ」", 8, ["「あいうえお。", "かきくけこ。", "さしすせそ」"]),
        ("見よhttps://example.org/abc/defと", 27, ["見よ", "https://example.org/abc/def", "と"]),
        ("あ", 1, ["あ"]),
        ("👍👍", 1, ["👍", "👍"]),
    ],
)
def test_where_it_cuts(text: str, limit: int, pieces: list[str]) -> None:
    assert cut(text, limit) == pieces


def test_cut_needs_a_limit() -> None:
    with pytest.raises(ValueError, match="below 1"):
        cut("あ", 0)


@given(TEXTS, st.integers(0, 200), st.sampled_from(["…", "", "...", "👍"]))
def test_shorten(text: str, limit: int, mark: str) -> None:
    short = shorten(text, limit, mark)
    line = " ".join(text.split())
    assert length(short) <= limit
    assert "\n" not in short
    if length(line) <= limit:
        assert short == line
    elif short:
        head = short.removesuffix(mark) if mark else short
        assert line.startswith(head)
        assert len(head) in {*offsets_of(line), len(line)} or line[len(head) :][:1] in (" ", "、", "，", ",")


@pytest.mark.parametrize(
    ("text", "limit", "short"),
    [
        ("短い", 5, "短い"),
        ("日本の経済は変わる。とても", 11, "日本の経済は変わる。…"),
        ("The economy has changed much", 20, "The economy has…"),
        ("二行に\nわたる文", 5, "二行に…"),
        ("あいう", 1, "…"),
        ("あいう", 0, ""),
        (" " * 1000 + "短い", 5, "短い"),
    ],
)
def test_where_it_shortens(text: str, limit: int, short: str) -> None:
    assert shorten(text, limit) == short


# --- language ---


@pytest.mark.parametrize(
    ("text", "default", "language"),
    [
        ("日本の経済", "en", "ja"),
        ("ｶﾞｿﾘﾝ", "en", "ja"),
        ("経済政策", "en", "ja"),
        ("经济政策", "zh", "zh"),
        ("OpenAI規制強化", "en", "ja"),
        ("The word 論壇 means forum", "ja", "en"),
        ("경제 정책", "en", "ko"),
        ("The economy", "ja", "en"),
        ("123 !? 👍", "ja", "ja"),
        ("", "en", "en"),
    ],
)
def test_language_of(text: str, default: str, language: str) -> None:
    assert language_of(text, default) == language
