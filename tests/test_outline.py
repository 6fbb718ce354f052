"""The outline: one essay must be understood alike however it is set, and real commentary as its reader does."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.sources import html, markdown, text
from core.document import Cited, Document, Paragraph, spans, words_of
from core.outline import carry_keys, next_offer, next_section, outline, title_of
from core.pieces import Outline
from tests.samples import essays
from tests.samples.essays import Essay, headed

ESSAYS = essays.load()
BLANK = "<p>&nbsp;</p>"

SETTINGS: dict[str, tuple[Callable[[str], Document], Callable[[Essay], str]]] = {
    "text": (text.parse, essays.text),
    "text, wide gaps": (text.parse, partial(essays.text, gap="\n\n\n\n")),
    "text, ruled": (text.parse, partial(essays.text, gap="\n＊　＊　＊\n\n")),
    "text, CRLF": (text.parse, lambda essay: "\ufeff" + essays.text(essay).replace("\n", "\r\n")),
    "h1 h2 h3, ruled": (html.parse, headed("h1", "h2", "h3", "<hr>")),
    "h2 h3 h4, blank": (html.parse, headed("h2", "h3", "h4", BLANK)),
    "h1 h2 h3, no breaks": (html.parse, headed("h1", "h2", "h3", "")),
    "h1 h3 h3, ruled": (html.parse, headed("h1", "h3", "h3", "<hr>")),
    "h1 h2 h3 dl": (
        html.parse,
        headed("h1", "h2", "h3", "<hr>", lambda line: f"<dl><dt>{line.text.rstrip(' ^')}</dt></dl>"),
    ),
    "bold headings": (html.parse, essays.bold),
    "one div": (html.parse, essays.lines),
    "empty paragraphs": (html.parse, essays.spaced),
    "page": (html.parse, essays.page),
    "markdown": (markdown.parse, essays.markdown),
    "markdown, no breaks": (markdown.parse, partial(essays.markdown, gap="")),
    "markdown, wide gaps": (markdown.parse, partial(essays.markdown, gap="\n\n\n")),
    "markdown, bold": (markdown.parse, partial(essays.markdown, top="**", sub="**")),
}


def understood(whole: Outline) -> dict[str, Any]:
    """An outline as plain data."""
    return {
        "title": whole.title,
        "language": whole.language,
        "cited": [(one.title, one.url) for one in whole.cited],
        "parts": [
            {
                "remarks": [words_of(one.spans) for one in part.remarks],
                "sections": [
                    {
                        "level": one.level,
                        "heading": one.heading,
                        "voice": one.voice,
                        "paragraphs": one.paragraphs,
                        "items": one.items,
                    }
                    for one in part.sections
                ],
            }
            for part in whole.parts
        ],
    }


@pytest.mark.parametrize("setting", SETTINGS)
@pytest.mark.parametrize("essay", ESSAYS, ids=lambda essay: essay.name)
def test_one_essay_in_every_setting(essay: Essay, setting: str) -> None:
    parse, write = SETTINGS[setting]
    found = understood(outline(parse(write(essay))))
    assert json.dumps(found, ensure_ascii=False, indent=1) == json.dumps(
        essays.structure(essay), ensure_ascii=False, indent=1
    )


# --- one rule at a time ---


def shape(whole: Outline) -> list[list[tuple[int, str | None, str, int, int]]]:
    """(level, heading, voice, paragraphs, items) of each section of each part."""
    return [
        [(one.level, one.heading, one.voice, one.paragraphs, one.items) for one in part.sections]
        for part in whole.parts
    ]


def said(whole: Outline) -> list[list[str]]:
    """The remarks of each part."""
    return [[words_of(one.spans) for one in part.remarks] for part in whole.parts]


ENGLISH = """# On Slowness

I have been thinking about slowness for years. It began with a bus that never came, and with the conversation that I
had at the stop while it did not come. This essay is about that.

## The bus

The bus was late. It was always late, and over time the lateness became a place.

People stood in it.

## The stop

- one
- two

Some more text about the stop, with a [link](https://example.com/).

## Conclusion

Take the bus.
"""


def test_a_common_english_essay_has_no_remarks() -> None:
    found = outline(markdown.parse(ENGLISH))
    assert found.title == "On Slowness"
    assert found.language == "en"
    assert said(found) == [[]]
    assert shape(found) == [
        [
            (1, None, "analysis", 1, 0),
            (2, "The bus", "analysis", 2, 0),
            (2, "The stop", "analysis", 1, 2),
            (2, "Conclusion", "conclusion", 1, 0),
        ]
    ]


def test_a_gap_before_every_heading_says_nothing() -> None:
    uniform = markdown.parse(ENGLISH.replace("\n## ", "\n---\n\n## "))
    assert shape(outline(uniform)) == shape(outline(markdown.parse(ENGLISH)))


def test_two_levels_make_a_part_of_every_upper_heading() -> None:
    found = outline(
        markdown.parse(
            "# T\n\nAn introduction that is long enough.\n\n## A\n\n### a\n\nText.\n\n## B\n\n#### b\n\nText.\n"
        )
    )
    assert [[(one[0], one[1]) for one in part] for part in shape(found)] == [
        [(1, None)],
        [(1, "A"), (2, "a")],
        [(1, "B"), (2, "b")],
    ]


def test_without_headings_there_is_one_section() -> None:
    found = outline(text.parse("見出しのない文章です。\n\n二つ目の段落です。\n\n三つ目です。"), title="題")
    assert found.title == "題"
    assert shape(found) == [[(1, None, "analysis", 3, 0)]]


def test_the_given_title_is_not_repeated() -> None:
    page = "<h1>題名　の例 | ブログ</h1><h2>甲</h2><p>本文です。</p><h3>乙</h3><p>本文です。</p>"
    found = outline(html.parse(page), title="題名 の例")
    assert found.title == "題名 の例"
    assert [(one[0], one[1]) for one in shape(found)[0]] == [(1, "甲"), (2, "乙")]


def test_nothing_is_an_outline_too() -> None:
    assert outline(Document()) == Outline(title=None, language="en")
    assert outline(Document(), title="題", default_language="ja").language == "ja"
    assert title_of(Document()) is None


@pytest.mark.parametrize(
    "source",
    [
        "題名の例\n\n川の現状\n\n課題：水が足りないという事実があります。\n\n関係：隣町と水を分けています。\n\n結論：雨を待つほかありません。",
        "題名の例\n\n川の現状\n\n課題\n水が足りないという事実があります。\n\n関係\n隣町と水を分けています。\n\n結論\n雨を待つほかありません。",
        "題名の例\n\n川の現状\n\n課題\n\n水が足りないという事実があります。\n\n関係\n\n隣町と水を分けています。\n\n結論\n\n雨を待つほかありません。",
    ],
    ids=["colon", "next line", "own line"],
)
def test_labels_over_one_paragraph(source: str) -> None:
    assert shape(outline(text.parse(source))) == [
        [
            (1, "川の現状", "analysis", 0, 0),
            (2, "課題", "analysis", 1, 0),
            (2, "関係", "analysis", 1, 0),
            (2, "結論", "conclusion", 1, 0),
        ]
    ]


def test_labels_of_a_definition_list_and_bold_ones() -> None:
    listed = "<h2>川の現状</h2><dl><dt>課題</dt><dd>水が足りません。</dd><dt>結論</dt><dd>雨を待ちます。</dd></dl>"
    bold = "<h2>川の現状</h2><p><b>課題</b><br>水が足りません。</p><p><b>結論</b><br>雨を待ちます。</p>"
    wanted = [[(1, "川の現状", "analysis", 0, 0), (2, "課題", "analysis", 1, 0), (2, "結論", "conclusion", 1, 0)]]
    assert shape(outline(html.parse(listed), title="題")) == wanted
    assert shape(outline(html.parse(bold), title="題")) == wanted


def test_a_conversation_is_not_a_row_of_labels() -> None:
    talk = (
        "対談の記録\n\n佐藤：今日はよろしくお願いします。\n\n鈴木：こちらこそ。よろしく。\n\n佐藤：橋の話をしましょう。"
    )
    assert shape(outline(text.parse(talk))) == [[(1, None, "analysis", 3, 0)]]


COMMENTED = """言葉の記録

コメントの分析

寄せられた言葉を三つに分けて考えます。

コメント

誰もが短い言葉を書く場になりました。それは悪いことではありません。

結論

短さは誠実さと両立します。
"""


@pytest.mark.parametrize(
    "tail",
    [
        "",
        "\nコメント",
        "\nコメント(2)\n\n太郎 2026年1月2日\nよかったです。",
        "\n\n\nトラックバック(0)\n\nコメント\n\nまだありません",
        "\nいいね！\n\nシェアする",
    ],
)
def test_the_comment_area_is_cut_and_headings_are_not(tail: str) -> None:
    assert [one[1] for one in shape(outline(text.parse(COMMENTED + tail)))[0]] == ["コメントの分析", "コメント", "結論"]


@pytest.mark.parametrize(
    ("offer", "name"),
    [
        ("次は、記事の続きにある「水の値段」を要約いたしましょうか。", "水の値段"),
        ("続きをまとめましょうか？", None),
        ("よろしければ、隣町との比較についても解説いたしますが、いかがでしょうか。", None),
        ("Would you like me to summarise “the price of water” next?", "the price of water"),
        ("Next, I could summarise the second half of the interview.", None),
        ("Shall I continue?", None),
    ],
)
def test_offers(offer: str, name: str | None) -> None:
    found = outline(text.parse(f"題名の例\n\n川の現状\n\n水が足りません。\n\n{offer}"))
    assert shape(found) == [[(1, "川の現状", "analysis", 1, 0), (2, None, "offer", 0, 0)]]
    section, offered = found.sections()
    assert next_offer(offered) == name
    assert next_offer(section) is None


@pytest.mark.parametrize(
    "question",
    [
        "私たちはどこへ行くのでしょうか。",
        "なぜ橋は落ちるのかを考えましょう。",
        "この説明は正しいのではないでしょうか。",
        "Should we believe it?",
        "What would you like to read?",
    ],
)
def test_questions_are_not_offers(question: str) -> None:
    found = outline(text.parse(f"題名の例\n\n川の現状\n\n水が足りません。\n\n{question}"))
    assert all(one.voice != "offer" for one in found.sections())


def test_numbered_headings_and_numbered_items() -> None:
    source = """会議の三原則

会議を短くする方法の検討

会議には三つの原則があります。

（１）議題を先に配る。
（２）時間を決める。

１．議題の配り方

前日までに配ることが望ましいです。

① 紙で配る場合は一枚にまとめます。
② 画面で配る場合は見出しだけにします。

２．時間の決め方

十五分を単位にします。
"""
    assert shape(outline(text.parse(source))) == [
        [
            (1, "会議を短くする方法の検討", "analysis", 1, 2),
            (2, "１．議題の配り方", "analysis", 1, 2),
            (2, "２．時間の決め方", "analysis", 1, 0),
        ]
    ]


def test_a_bare_title_is_cited_only_before_a_summary() -> None:
    source = "題名の例\n\n川の水が三年ぶりに減った町で起きていること\n\n川の水をめぐる{}\n\n{}\n\n{}"
    told = source.format(
        "報道",
        "地方紙の記事によると、町では断水が続いていると報じられています。",
        "町長は、我慢してほしいと述べました。",
    )
    weighed = source.format("考察", "水の量は町の性格を決めます。", "少ない町ほど、分け方の議論が丁寧になります。")
    assert outline(text.parse(told)).cited == (Cited(title="川の水が三年ぶりに減った町で起きていること"),)
    assert said(outline(text.parse(weighed))) == [["川の水が三年ぶりに減った町で起きていること"]]
    assert outline(text.parse(weighed)).cited == ()


def test_the_author_may_have_the_last_word() -> None:
    source = "題名の例\n\n川の現状\n\n水が足りないという事実があります。\n\n\n\n雨が好きだ"
    assert said(outline(text.parse(source))) == [[], ["雨が好きだ"]]


AMEBA = """<html><body><div id="main"><article class="skin-entry"><h1><a href="/x">橋の話</a></h1>
<time>2026-01-01</time><div class="skin-entryBody"><p>橋は渡るためにある</p><p>&nbsp;</p>
<article class="ogpCard_root"><a class="ogpCard_link" href="https://news.example/1"><span class="ogpCard_title">
橋の老朽化が進む町</span><span>説明の文です。</span></a></article><p>&nbsp;</p>
<h2>橋の老朽化に関する報道</h2><p>記事によると、橋の三割が五十年を超えたと報じられています。</p>
<h3>点検の現状</h3><p>担当者は、人手が足りないと述べています。</p><p>&nbsp;</p><p>&nbsp;</p>
<p>渡れない橋はただの絵だ</p><h2>「渡れない橋」の意味</h2><p>ご指摘の通り、橋は使われてこそ橋です。</p>
<h3>結論</h3><p>直すほかありません。</p></div>
<div class="skin-entryComments"><h2>コメント</h2><p>いいね</p></div></article></div></body></html>"""

NOTE = """<div class="note-common-styles__textnote-body"><p name="a">正直、驚いた。</p>
<figure embedded-service="external-article"><div><a href="https://news.example/1"><strong>橋の老朽化が進む町</strong>
<em>説明</em></a></div></figure><h2>橋の老朽化に関する報道</h2><p>記事によれば、橋は架け替えられると報じられています。</p>
<h3>点検の現状</h3><p>市長は、人手が足りないと述べました。</p><blockquote><p>渡れない橋はただの絵だ</p></blockquote></div>"""


def test_pages_of_blog_services() -> None:
    ameba, note = outline(html.parse(AMEBA)), outline(html.parse(NOTE), title="橋の話")
    assert ameba.title == note.title == "橋の話"
    assert ameba.cited == note.cited == (Cited(title="橋の老朽化が進む町", url="https://news.example/1"),)
    assert said(ameba) == [["橋は渡るためにある"], ["渡れない橋はただの絵だ"]]
    assert said(note) == [["正直、驚いた。"]]
    report = [(1, "橋の老朽化に関する報道", "summary", 1, 0), (2, "点検の現状", "summary", 1, 0)]
    assert shape(note) == [report]
    assert shape(ameba) == [
        report,
        [(1, "「渡れない橋」の意味", "analysis", 1, 0), (2, "結論", "conclusion", 1, 0)],
    ]


def test_numbers_before_headings_in_markdown_are_no_lists() -> None:
    source = (
        "# 題\n\n## 川の分析\n\n水が足りません。\n\n{}1. 上流\n\n森が減りました。\n\n{}2. 下流\n\n町が増えました。\n"
    )
    for sign in ("", "### "):
        assert [one[1] for one in shape(outline(markdown.parse(source.format(sign, sign))))[0]] == [
            "川の分析",
            "1. 上流",
            "2. 下流",
        ]


def test_the_author_may_speak_in_a_quotation() -> None:
    source = "# 題\n\n## 川の分析\n\n水が足りません。\n\n---\n\n> 私は雨が好きだ\n\n## 雨の分析\n\n雨は降ります。\n"
    assert said(outline(markdown.parse(source))) == [[], ["私は雨が好きだ"]]


REAL = Path(__file__).parents[2] / "shared" / "input"


@pytest.mark.skipif(not REAL.is_dir(), reason="the real commentary lies beside the repository only where it was built")
def test_the_real_commentary() -> None:
    found = outline(text.parse(min(REAL.glob("*.txt")).read_text("utf-8")))
    numbers = [[(one.level, one.paragraphs, one.items) for one in part.sections] for part in found.parts]
    assert found.language == "ja"
    assert [(one.url, bool(one.title)) for one in found.cited] == [(None, True)]
    assert [len(part.remarks) for part in found.parts] == [0, 2, 2, 2, 0]
    assert numbers == [
        [(1, 2, 0), (2, 3, 0), (2, 3, 0), (2, 3, 0), (2, 0, 0)],
        [(1, 2, 0), (2, 3, 0), (2, 3, 0), (2, 3, 0)],
        [(1, 2, 0), (2, 3, 0), (2, 1, 3), (2, 4, 0)],
        [(1, 2, 0), (2, 1, 2), (2, 1, 2), (2, 1, 2), (2, 2, 0)],
        [(1, 0, 0), *[(2, 1, 0)] * 5],
    ]
    assert [[one.voice for one in part.sections] for part in found.parts] == [
        ["summary"] * 4 + ["offer"],
        ["summary"] * 4,
        ["analysis"] * 4,
        ["analysis"] * 5,
        ["analysis"] * 5 + ["conclusion"],
    ]


# --- keys ---


def _whole(*sections: tuple[str, str]) -> Outline:
    return outline(markdown.parse("# T\n\n" + "\n\n".join(f"## {heading}\n\n{body}" for heading, body in sections)))


def keys(whole: Outline) -> list[str]:
    return [one.key for one in whole.sections()]


A = ("Alpha", "The first section speaks of rivers and of the towns that lie on them.")
B = ("Beta", "The second section speaks of roads and of the inns that stood beside them.")
C = ("Gamma", "The third section speaks of neither and is shorter.")


def test_keys_are_unique_and_the_same_every_time() -> None:
    one, two = _whole(A, B, A, C), _whole(A, B, A, C)
    assert keys(one) == keys(two)
    assert len(set(keys(one))) == 4
    assert all(len(key) == 8 and int(key, 16) >= 0 for key in keys(one))


def test_keys_follow_a_heading_through_moves_and_edits() -> None:
    old = _whole(A, B, C)
    new = carry_keys(old, _whole(C, ("ＢＥＴＡ", "All new."), ("Delta", "Never seen before, in any form."), A))
    a, b, c = keys(old)
    assert [keys(new)[0], keys(new)[1], keys(new)[3]] == [c, b, a]
    assert keys(new)[2] not in (a, b, c)


def test_keys_follow_the_text_under_a_new_heading() -> None:
    old = _whole(A, B)
    new = carry_keys(old, _whole(("Rivers", A[1] + " More."), B))
    assert keys(new) == keys(old)


def test_a_key_is_never_given_to_another_section() -> None:
    old = _whole(A, B)
    gone = carry_keys(old, _whole(B))
    back = carry_keys(gone, _whole(("Omega", "Entirely other words stand here."), B))
    assert keys(gone) == keys(old)[1:]
    assert keys(back)[1] == keys(old)[1]
    assert len(set(keys(back))) == 2


def test_equal_headings_are_told_apart_by_their_text() -> None:
    first, second = ("Note", A[1]), ("Note", B[1])
    old = _whole(first, C, second)
    new = carry_keys(old, _whole(second, C, first))
    assert keys(new) == keys(old)[::-1]


def test_next_section_passes_offers_over() -> None:
    found = outline(
        text.parse(
            "題名の例\n\n川の現状\n\n水が足りません。\n\n次は「雨」を要約いたしましょうか。\n\n\n\n雨は好きだ\n\n雨の効用\n\n土が潤います。"
        )
    )
    first, offer, last = found.sections()
    assert next_section(found, first.key) == last
    assert next_section(found, offer.key) == last
    assert next_section(found, last.key) is None
    assert next_section(found, "nobody") is None


# --- nothing is lost, whatever comes ---

POOL = [
    "川の現状", "水が足りません。", "私は雨が好きだ", "1. 一つ目です。", "2. 二つ目です。", "・点", "結論", "", "---",
    "課題：水が足りないのです。", "\u00a0", "コメント", "https://example.com/a", "次は「雨」を要約いたしましょうか。",
    "**太い**", "# 見出し", "Text in English.", "※ 注",
]  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(st.lists(st.sampled_from(POOL), max_size=24))
def test_any_lines_make_an_outline(lines: Sequence[str]) -> None:
    for parse, joint in ((text.parse, "\n"), (text.parse, "\n\n"), (markdown.parse, "\n\n"), (html.parse, "<br><br>")):
        document = parse(joint.join(lines))
        found = outline(document)
        assert len(set(keys(found))) == len(keys(found))
        assert outline(document) == found
        assert carry_keys(found, found) == found
        assert all(part.sections[0].level == 1 for part in found.parts if part.sections and part.sections[0].heading)


@given(st.lists(st.text(max_size=40), max_size=12))
def test_any_paragraph_is_kept(words: list[str]) -> None:
    document = Document(blocks=tuple(Paragraph(spans=spans(f"{one.strip()}です。")) for one in words))
    found = outline(document, title="題")
    assert sum(one.paragraphs for one in found.sections()) + len(list(found.remarks())) == len(words)
