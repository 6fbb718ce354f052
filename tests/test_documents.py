"""Text, Markdown, HTML and files as documents: what is kept, what is dropped, and that nothing breaks them."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.sources import files, html, markdown, text
from core.document import (
    Block,
    Break,
    Cited,
    Code,
    Heading,
    Image,
    Item,
    List,
    Paragraph,
    Quote,
    Span,
    Table,
    plain,
    plain_all,
    spans,
    words_of,
)
from core.errors import SourceError
from core.outline import outline


def p(words: str) -> Paragraph:
    return Paragraph(spans=spans(words))


def items(block: Block) -> list[tuple[str, str]]:
    """(marker, text) of a list's items."""
    assert isinstance(block, List)
    return [(item.marker, plain_all(item.blocks)) for item in block.items]


# --- HTML ---


def web(source: str | bytes, base: str = "https://example.com/a/page") -> tuple[Block, ...]:
    return html.parse(source, base).blocks


@pytest.mark.parametrize(
    ("source", "blocks"),
    [
        ("<h2>題</h2><p>一<br>二</p>", (Heading(level=2, spans=spans("題")), p("一\n二"))),
        ("<div>一<br><br>二</div>", (p("一"), p("二"))),
        ("<p>一</p><hr><p>二</p>", (p("一"), Break(), p("二"))),
        ("<p>一</p><p>&nbsp;</p><p>二</p>", (p("一"), Break(), p("二"))),
        ("<p>一</p><p></p><p>二</p>", (p("一"), p("二"))),
        ("<p>日本語は\n  折り返す</p>", (p("日本語は折り返す"),)),
        ("<p>日本語は\r\n折り返す&amp;\r\n続く</p>", (p("日本語は折り返す& 続く"),)),
        ("<p>two\n words</p>", (p("two words"),)),
        ("<p>R&amp;D,\n  not R &amp;  D</p>", (p("R&D, not R & D"),)),
        ("<p><ruby>R &amp;\n D<rt>研究開発</rt></ruby></p>",
         (Paragraph(spans=(Span(text="R & D", ruby="研究開発"),)),)),
        ("loose<p>一</p>tail", (p("loose"), p("一"), p("tail"))),
        ("<blockquote><p>一</p></blockquote>", (Quote(blocks=(p("一"),)),)),
        ("<pre><code class='language-sql'>a\n  b</code></pre>", (Code(text="a\n  b", language="sql"),)),
        ("<dl><dt>語</dt><dd>意味</dd></dl>", (Heading(level=6, spans=spans("語")), p("意味"))),
        ("<p>一<img src='/i.png' alt='図'>二</p>",
         (p("一"), Image(url="https://example.com/i.png", alt="図"), p("二"))),
        ("<script>x()</script><style>p{}</style><nav>n</nav><form>f</form><aside>a</aside><footer>f</footer><p>一</p>",
         (p("一"),)),
        ("<p>一</p><div id='comments'><p>よい</p></div><p>二つ目の段落</p>", (p("一"), p("二つ目の段落"))),
        ("<p onclick='x()'>一<!-- 隠し --></p>", (p("一"),)),
    ],
)  # fmt: skip
def test_html(source: str, blocks: tuple[Block, ...]) -> None:
    assert web(source) == blocks


def test_html_styles_links_and_readings() -> None:
    source = (
        "<p><b>太</b><em>斜</em><del>消</del><code>式</code><a href='../b'>先</a><a href='javascript:x()'>罠</a>"
        "<ruby>漢字<rp>(</rp><rt>かんじ</rt><rp>)</rp></ruby></p>"
    )
    assert web(source) == (
        Paragraph(
            spans=(
                Span(text="太", bold=True),
                Span(text="斜", italic=True),
                Span(text="消", strike=True),
                Span(text="式", code=True),
                Span(text="先", link="https://example.com/b"),
                Span(text="罠"),
                Span(text="漢字", ruby="かんじ"),
            )
        ),
    )


@pytest.mark.parametrize(
    ("source", "wanted"),
    [
        ("<ol><li>一<li>二</ol>", [("1.", "一"), ("2.", "二")]),
        ("<ol start=3><li>一<li value=9>二<li>三</ol>", [("3.", "一"), ("9.", "二"), ("10.", "三")]),
        ("<ol reversed><li>一<li>二</ol>", [("2.", "一"), ("1.", "二")]),
        ("<ul><li>一</ul>", [("•", "一")]),
        ("<ul><li>① 一<li>② 二</ul>", [("①", "一"), ("②", "二")]),
        ("<p>1. 一です。</p><p>2. 二です。</p>", [("1.", "一です。"), ("2.", "二です。")]),
        ("<p>（１）一<br>（２）二</p>", [("（１）", "一"), ("（２）", "二")]),
        ("<ul><li>一<ul><li>中</ul><li>二</ul>", [("•", "一\n• 中"), ("•", "二")]),
        ("<ul><li>一</li><ul><li>中</li></ul></ul>", [("•", "一\n• 中")]),
    ],
)
def test_html_lists_keep_their_numbers(source: str, wanted: list[tuple[str, str]]) -> None:
    (block,) = web(source)
    assert items(block) == wanted


def test_html_tables_and_tables_for_layout() -> None:
    table = web("<table><tr><th>甲<th>乙</tr><tr><td><b>一</b><td>二</tr></table>")
    assert table == (Table(header=True, rows=((spans("甲"), spans("乙")), (spans("一", bold=True), spans("二")))),)
    assert web("<table><tr><td><h2>題</h2><p>一</p></td></tr></table>") == (
        Heading(level=2, spans=spans("題")),
        p("一"),
    )


@pytest.mark.parametrize(
    "source",
    [
        "<p><a href='https://news.example/1'>記事の題</a></p>",
        "<figure><a href='https://news.example/1'><img src='/i.png'><strong>記事の題</strong></a></figure>",
        "<iframe class='embed-card' title='記事の題' src='https://cards.example/embed?url=https%3A%2F%2Fnews.example%2F1'></iframe>",
        ("<article class='ogpCard_root'><a href='https://news.example/1'><div class='ogpCard_title'>記事の題</div>"
        "<div>説明です。</div></a></article>"),
        "<blockquote class='wp-embedded-content'><a href='https://news.example/1'>記事の題</a></blockquote>",
        "<div class='blogcard'><a href='https://news.example/1'><b>記事の題</b></a><span>news.example</span></div>",
        "<p>新しい橋の完成を祝う町の人々の長い一日<br>https://news.example/1</p>",
    ],
)  # fmt: skip
def test_html_cards(source: str) -> None:
    (card,) = web(source)
    assert isinstance(card, Cited)
    assert card.url == "https://news.example/1"
    assert card.title in ("記事の題", "新しい橋の完成を祝う町の人々の長い一日")


def test_html_links_that_are_no_cards() -> None:
    for source in (
        "<p><a href='#top'>上へ</a></p>",
        "<p>詳しくは<a href='https://news.example/1'>こちら</a></p>",
        "<p><a href='mailto:a@example.com'>手紙</a></p>",
        "<p><a href='https://example.com/'>表紙</a></p>",
        "<ul><li><a href='https://news.example/1'>一</a></li></ul>",
    ):
        assert not any(isinstance(block, Cited) for block in web(source))


def test_html_page_is_its_article() -> None:
    page = (
        "<body><header><h1>題名</h1><nav>n</nav></header><div class='sidebar'><p>横</p></div>"
        "<article><p>本文の一つ目の段落です。</p><p>二つ目です。</p><div class='share-buttons'>共有</div></article>"
    )
    assert [plain(block) for block in web(page)] == ["題名", "本文の一つ目の段落です。", "二つ目です。"]


def test_html_bytes_in_japanese_charsets() -> None:
    words = "これは日本語の文章です。ひらがなとカタカナがあります。"
    for encoding in ("utf-8", "cp932", "euc_jp", "utf-8-sig"):
        assert web(f"<p>{words}</p>".encode(encoding)) == (p(words),)


HOSTILE = {
    "attributes": "<p " + " ".join(f"a{n}=1" for n in range(100_000)) + ">x</p>",
    "quoted attributes": '<p "<" ' + " ".join(f'a{n}="<"' for n in range(100_000)) + ">x</p>",
    "unclosed div": "<div>" * 200_000 + "x",
    "unclosed b": "<b>" * 200_000 + "x",
    "unclosed p": "<p>a" * 50_000,
    "unclosed links": "<a href=http://x.example/>" * 50_000 + "x",
    "deep quotes": "<blockquote>" * 10_000 + "x" + "</blockquote>" * 10_000 + "<p>after</p>",
    "deep lists": "<ul><li>" * 10_000 + "x",
    "deep tables": "<table><tr><td>" * 10_000 + "x",
    "deep and wide": "<div>" * 500 + "<p>a</p>" * 5_000,
    "breaks": "<br>a" * 50_000,
    "numbers": "1. a<br>" * 30_000,
    "blank": "<p>&nbsp;</p>" * 50_000,
    "entities": "&amp;" * 200_000,
    "bare": "<" * 500_000,
    "comments": "<!--" * 300_000,
    "cards": "<div class=card><a href=http://x.example/>" * 20_000 + "x",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_html_stands_hostile_input(name: str) -> None:
    begun = time.process_time()
    document = html.parse(HOSTILE[name])
    outline(document)
    assert time.process_time() - begun < 10  # seconds on a slow machine; what is quadratic takes minutes
    assert document.blocks or name in ("blank", "comments")


@given(st.text(alphabet="<>/abp=\"' &;\x00\ufffe\n!-brdivtableulhref1.", max_size=200))
def test_html_never_raises(source: str) -> None:
    outline(html.parse(source))
    outline(markdown.parse(source))
    outline(text.parse(source))


def test_html_drops_nul_and_invalid_bytes() -> None:
    assert next(plain(block) for block in web(b"<p>a\0b</p><p>c\xffd</p>")) == "ab"


# --- Markdown ---


def md(source: str) -> tuple[Block, ...]:
    return markdown.parse(source).blocks


def test_markdown_bold_beside_japanese_brackets() -> None:
    assert md("これは**「論点」**である。**市場。**次に") == (
        Paragraph(
            spans=(
                Span(text="これは"),
                Span(text="「論点」", bold=True),
                Span(text="である。"),
                Span(text="市場。", bold=True),
                Span(text="次に"),
            )
        ),
    )


@pytest.mark.parametrize(
    ("source", "blocks"),
    [
        ("# 題\n\n## 章", (Heading(level=1, spans=spans("題")), Heading(level=2, spans=spans("章")))),
        ("日本語は\n折り返す", (p("日本語は折り返す"),)),
        ("two\nlines", (p("two lines"),)),
        ("一\n\n---\n\n二", (p("一"), Break(), p("二"))),
        ("一\n\n\n\n二", (p("一"), Break(), p("二"))),
        ("一\n\n&nbsp;\n\n二", (p("一"), Break(), p("二"))),
        ("> 引用", (Quote(blocks=(p("引用"),)),)),
        ("~~消~~", (Paragraph(spans=spans("消", strike=True)),)),
        ("```sql\na\n```", (Code(text="a", language="sql"),)),
        ("|甲|乙|\n|-|-|\n|一|二|",
         (Table(header=True, rows=((spans("甲"), spans("乙")), (spans("一"), spans("二")))),)),
        ("[題](https://news.example/1)", (Cited(title="題", url="https://news.example/1"),)),
        ("題\nhttps://news.example/1", (Cited(title="題", url="https://news.example/1"),)),
        ("[罠](javascript:x)", (p("[罠](javascript:x)"),)),
        ("<script>x</script>\n\n一", (p("一"),)),
    ],
)  # fmt: skip
def test_markdown(source: str, blocks: tuple[Block, ...]) -> None:
    assert md(source) == blocks


def test_markdown_markers_are_kept() -> None:
    assert items(md("3) 一\n4) 二")[0]) == [("3)", "一"), ("4)", "二")]
    assert items(md("・一\n・二")[0]) == [("・", "一"), ("・", "二")]


def test_markdown_stands_hostile_input() -> None:
    for source in (
        "**a " * 20_000,
        "[a](" * 10_000,
        ">" * 10_000,
        "- " * 10_000 + "x",
        "`a" * 20_000,
        "**a**\nb\n" * 10_000,
    ):
        begun = time.process_time()
        outline(markdown.parse(source))
        assert time.process_time() - begun < 10


def test_front_matter() -> None:
    source = '---\ntitle: "題: 副題"\ntopics: [川, 橋]\nTags:\n  - a\n  - b\nurl: https://example.com/1\n---\n# 本文\n'
    fields, rest = markdown.front_matter(source)
    assert fields == {
        "title": "題: 副題", "topics": ["川", "橋"], "tags": ["a", "b"], "url": "https://example.com/1",
    }  # fmt: skip
    assert rest == "# 本文\n"
    assert markdown.front_matter("一\n\n---\n\n二") == ({}, "一\n\n---\n\n二")
    assert markdown.front_matter("---\n\n本文") == ({}, "---\n\n本文")


# --- plain text ---


def txt(source: str) -> tuple[Block, ...]:
    return text.parse(source).blocks


@pytest.mark.parametrize(
    ("source", "blocks"),
    [
        ("一\n\n二", (p("一"), p("二"))),
        ("一\r\n\r\n二", (p("一"), p("二"))),
        ("\ufeff一\n \n二\n\n三\n\n四\n\n五", (p("一"), Break(), p("二"), p("三"), p("四"), p("五"))),
        ("一\n\n\n二", (p("一"), Break(), p("二"))),
        ("一\n\n　\n\n二", (p("一"), Break(), p("二"))),
        ("一\n***\n二", (p("一"), Break(), p("二"))),
        ("Title\n=====\n\nText.", (Heading(level=1, spans=spans("Title")), p("Text."))),
        ("■ 章\n\n本文です。", (Heading(level=2, spans=spans("章")), p("本文です。"))),
        ("「一行目\n二行目」と言った。", (p("「一行目二行目」と言った。"),)),
        ("新しい橋の完成を祝う町の人々\nhttps://news.example/1", (Cited(title="新しい橋の完成を祝う町の人々", url="https://news.example/1"),)),
        ("a\x00b\x0cc", (p("ab"), Break(), p("c"))),
        ("", ()),
    ],
)  # fmt: skip
def test_text(source: str, blocks: tuple[Block, ...]) -> None:
    assert txt(source) == blocks


@pytest.mark.parametrize(
    ("source", "wanted"),
    [
        ("  1. 一です。\n  2. 二です。", [("1.", "一です。"), ("2.", "二です。")]),
        ("1) 一\n2) 二", [("1)", "一"), ("2)", "二")]),
        ("① 一\n\n② 二", [("①", "一"), ("②", "二")]),
        ("・一\n・二", [("・", "一"), ("・", "二")]),
        ("- one\n- two", [("-", "one"), ("-", "two")]),
        ("• 一つ", [("•", "一つ")]),
        ("- one\n  - inner\n- two", [("-", "one\n- inner"), ("-", "two")]),
        ("1. a long item that\n   goes on here\n2. two", [("1.", "a long item that goes on here"), ("2.", "two")]),
    ],
)
def test_text_lists_keep_their_markers(source: str, wanted: list[tuple[str, str]]) -> None:
    (block,) = txt(source)
    assert items(block) == wanted


def test_text_numbers_that_are_no_lists() -> None:
    for source in ("1. 見出し\n\n本文です。", "1.5倍になった。\n\n2.5倍になった。", "2024. Text.", "- ", "3. 賛成"):
        assert not any(isinstance(block, List) for block in txt(source))


def test_text_wrapped_by_an_editor_is_one_paragraph() -> None:
    wrapped = (
        "The ferry leaves at ten past eleven, and on most nights it carries\n"
        "fewer than nine people across to the other side, where nobody waits\nfor it."
    )
    (block,) = txt(wrapped)
    assert plain(block) == wrapped.replace("\n", " ")


@pytest.mark.parametrize(
    "source",
    [
        "a\n" * 20_000,
        "1. a\n" * 20_000,
        "「a\n" * 20_000,
        " \n" * 100_000,
        "a" * 1_000_000,
        "課題：本文本文本文です。\n\n" * 10_000,
        "\n".join(" " * (n % 40) + "- a" for n in range(20_000)),
        "コメント\n\n" * 10_000,
    ],
    ids=["lines", "numbers", "quotations", "spaces", "word", "labels", "nested", "areas"],
)
def test_text_stands_hostile_input(source: str) -> None:
    begun = time.process_time()
    outline(text.parse(source))
    assert time.process_time() - begun < 10


# --- files ---


def put(path: Path, content: str | bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def test_a_markdown_file_says_what_it_is(tmp_path: Path) -> None:
    found = files.read(
        put(
            tmp_path / "a.md",
            "---\ntitle: 題\nauthor: 著者\ndate: 2026-11-03\nurl: https://example.com/1?utm_source=x\n"
            "topics: [川, 橋]\nlanguage: ja\nid: own-1\n---\n本文です。\n",
        )
    )
    assert found.identities == ("id:own-1", "link:example.com/1", f"file:{tmp_path / 'a.md'}")
    assert (found.title, found.author, found.language) == ("題", "著者", "ja")
    assert found.published == datetime(2026, 11, 3, tzinfo=UTC)
    assert found.tags == ("川", "橋")
    assert found.document.blocks == (p("本文です。"),)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp932", "euc_jp"])
def test_a_text_file_in_any_charset(tmp_path: Path, encoding: str) -> None:
    words = "題名の例\n\nこれは本文です。ひらがなとカタカナがあります。"
    found = files.read(put(tmp_path / "a.txt", words.encode(encoding)))
    assert found.title == "題名の例"
    assert words_of(found.document.blocks[1].spans) == words.split("\n\n")[1]  # type: ignore[union-attr]  # a paragraph


def test_a_page_has_its_own_title(tmp_path: Path) -> None:
    page = "<html><head><title>題名 | 店</title></head><body>{}<p>本文です。</p></body></html>"
    assert files.read(put(tmp_path / "a.html", page.format(""))).title == "題名"
    assert files.read(put(tmp_path / "b.htm", page.format("<h1>別の題</h1>"))).title == "別の題"


def test_the_fingerprint_follows_title_and_text_only(tmp_path: Path) -> None:
    one = files.read(put(tmp_path / "a.md", "---\ndate: 2026-11-03\n---\n# 題\n\n本文です。\n"))
    two = files.read(put(tmp_path / "b.md", "---\ndate: 2026-11-04\n---\n# 題\n\n本文です。\n"))
    three = files.read(put(tmp_path / "c.md", "# 題\n\n本文でした。\n"))
    assert one.fingerprint == two.fingerprint != three.fingerprint


@pytest.mark.parametrize(
    ("name", "content", "code"),
    [
        ("a.pdf", b"%PDF", "kind"),
        ("a.txt", b"caf\xe9 cr\xe8me", "charset"),
        ("a.txt", "これは本文です。".encode() + b"\xff", "charset"),
        ("a.md", b"", "empty"),
        ("a.md", b"---\ndate: soon\n---\nText.", "date"),
        ("a.txt", b"a" * (files.LARGEST + 1), "too-big"),
    ],
)
def test_files_that_cannot_be_read_say_why(tmp_path: Path, name: str, content: bytes, code: str) -> None:
    path = put(tmp_path / name, content)
    with pytest.raises(SourceError) as raised:
        files.read(path)
    assert raised.value.code == code
    assert str(path) in str(raised.value)


def test_folders_are_looked_through(tmp_path: Path) -> None:
    for name in ("b/2.md", "a.txt", ".hidden/x.md", "b/.y.md", "b/z.png", "c.HTML"):
        put(tmp_path / name, "x")
    found, errors = files.find_files([tmp_path, tmp_path / "nowhere"])
    assert [str(path.relative_to(tmp_path)) for path in found] == ["a.txt", "b/2.md", "c.HTML"]
    assert [error.code for error in errors] == ["missing"]


def test_items_are_blocks() -> None:
    assert web("<ol><li><p>一</p><p>二</p></li></ol>") == (
        List(ordered=True, items=(Item(marker="1.", blocks=(p("一"), p("二"))),)),
    )
