"""Every form and every trap of feeds, each as small as it can be."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from bot.sources import charset, links
from bot.sources.answers import Feed, feed_from_json, feed_to_json
from bot.sources.feeds import fingerprint, parse_feed
from core.document import plain_all
from core.errors import SourceError
from core.pieces import Found

URL = "https://pub.example/blog/feed.xml"
NOON = datetime(2026, 11, 24, 3, tzinfo=UTC)
TEXT = "政策の見通しについて、筆者は「①まだ早い」と考える。カタカナも。"


def rss(*items: str, head: str = "", prolog: str = '<?xml version="1.0" encoding="utf-8"?>') -> str:
    inside = "".join(f"<item>{item}</item>" for item in items)
    return f'{prolog}<rss version="2.0"><channel><title>論壇</title>{head}{inside}</channel></rss>'


def item(title: str = "", link: str = "", guid: str = "", date: str = "", body: str = "") -> str:
    parts = {"title": title, "link": link, "guid": guid, "pubDate": date, "description": body}
    return "".join(f"<{name}>{value}</{name}>" for name, value in parts.items() if value)


def parse(text: str | bytes, content_type: str = "", known: dict[str, str] | None = None) -> Feed:
    return parse_feed(text.encode() if isinstance(text, str) else text, content_type, URL, known)


def only(text: str | bytes) -> Found:
    (found,) = parse(text).entries
    return found


def words(found: Found) -> str:
    return plain_all(found.document.blocks)


# --- forms ---


def test_rss_2() -> None:
    feed = parse(
        rss(
            """<title>一つ目 &amp;amp; &lt;b&gt;more&lt;/b&gt;</title>
            <link>/a?utm_source=feed&amp;id=1#xtor=RSS-1</link>
            <guid isPermaLink="false">tag:1</guid><pubDate>Tue, 24 Nov 2026 12:00:00 JST</pubDate>
            <category>経済</category><category>経済</category><category>AI</category><author>山田</author>
            <description>short</description><content:encoded xmlns:content="http://purl.org/rss/1.0/modules/content/">
            <![CDATA[<p>長い<b>本文</b></p><p>二段落</p>]]></content:encoded>""",
            head="<link>https://pub.example/</link><language>ja-JP</language><ttl>90</ttl>",
        )
    )
    assert (feed.title, feed.language, feed.ttl_minutes, feed.link) == ("論壇", "ja-JP", 90, "https://pub.example/")
    (one,) = feed.entries
    assert one.title == "一つ目 & more"
    assert one.url == "https://pub.example/a?utm_source=feed&id=1#xtor=RSS-1"
    assert one.identities == (
        "guid:tag:1",
        "link:pub.example/a?id=1",
        "title:一つ目 & more|2026-11-24T03:00:00+00:00",
    )
    assert (one.published, one.tags, one.author, one.language) == (NOON, ("経済", "AI"), "山田", "ja-JP")
    assert words(one) == "長い本文\n二段落"


def test_rss_of_old() -> None:
    feed = parse(
        '<rss version="0.91"><channel><title>x</title><item><title>古い</title><link>/1</link></item></channel></rss>'
    )
    assert [one.title for one in feed.entries] == ["古い"]


def test_rdf() -> None:
    feed = parse(
        """<?xml version="1.0" encoding="utf-8"?><rdf:RDF xmlns="http://purl.org/rss/1.0/"
        xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns:dc="http://purl.org/dc/elements/1.1/"
        xmlns:content="http://purl.org/rss/1.0/modules/content/">
        <channel rdf:about="https://pub.example/"><title>論壇</title><link>https://pub.example/</link>
        <dc:language>ja</dc:language></channel>
        <item rdf:about="https://pub.example/1"><title>一</title><link>https://pub.example/1</link>
        <description>要約</description><dc:date>2026-11-24T12:00:00+09:00</dc:date><dc:creator>佐藤</dc:creator>
        <dc:subject>政治</dc:subject><content:encoded><![CDATA[<p>全文</p>]]></content:encoded></item>
        <item rdf:about="https://pub.example/2"><title>二</title><link>https://pub.example/2</link></item></rdf:RDF>"""
    )
    one, two = feed.entries
    assert (feed.title, feed.language, feed.link) == ("論壇", "ja", "https://pub.example/")
    assert (one.title, one.published, one.author, one.tags, words(one)) == ("一", NOON, "佐藤", ("政治",), "全文")
    assert (two.title, two.published, two.url) == ("二", None, "https://pub.example/2")


def test_atom() -> None:
    feed = parse(
        """<feed xmlns="http://www.w3.org/2005/Atom" xml:lang="ja" xml:base="https://pub.example/new/">
        <title type="html">論壇 &amp;amp; 外</title><link rel="self" href="feed"/><link href="/"/>
        <entry xml:lang="en"><id>urn:1</id><title type="xhtml"><div xmlns="http://www.w3.org/1999/xhtml">Two
        <b>words</b></div></title><link rel="enclosure" href="sound.mp3"/><link rel="alternate" href="one"/>
        <updated>2026-11-24T03:00:00Z</updated><author><name>Ann</name></author><category term="t" label="Label"/>
        <content type="xhtml"><div xmlns="http://www.w3.org/1999/xhtml"><p>xhtml <em>body</em></p></div></content>
        </entry>
        <entry><id>urn:2</id><title>二</title><link href="two"/><published>2026-11-24T12:00:00.123+09:00</published>
        <content type="text">1 &lt; 2 &amp; 3

        次の段落</content></entry></feed>"""
    )
    one, two = feed.entries
    assert (feed.title, feed.language, feed.link) == ("論壇 & 外", "ja", "https://pub.example/")
    assert (one.title, one.url, one.language) == ("Two words", "https://pub.example/new/one", "en")
    assert (one.published, one.author, one.tags, words(one)) == (NOON, "Ann", ("Label",), "xhtml body")
    assert (two.url, two.language, words(two)) == ("https://pub.example/new/two", "ja", "1 < 2 & 3\n次の段落")


def test_json_feed() -> None:
    items = [
        {
            "id": 7,
            "url": "/j",
            "content_html": "<p>本文</p>",
            "title": "一",
            "date_published": "2026-11-24T12:00:00+09:00",
        }
        | {"authors": [{"name": "A"}, {"name": "B"}, "C", None], "tags": ["x", None, 3], "language": "en"},
        {"id": "t", "content_text": "a < b\nnext", "summary": "s", "author": {"name": "D"}, "title": "\ud83d broken"},
        "no item at all",
        {"id": "s", "summary": "only a summary", "date_modified": "nonsense", "tags": "x"},
    ]
    data = {"version": "https://jsonfeed.org/version/1.1", "title": "論壇", "home_page_url": "/", "language": "ja"}
    feed = parse(json.dumps(data | {"items": items}))
    one, two, three = feed.entries
    assert (feed.title, feed.language, feed.link) == ("論壇", "ja", "https://pub.example/")
    assert one.identities[:2] == ("guid:7", "link:pub.example/j")
    assert (one.author, one.tags, one.language, one.published, words(one)) == (
        "A、B、C",
        ("x", "3"),
        "en",
        NOON,
        "本文",
    )
    assert (two.author, words(two).split()) == ("D", ["a", "<", "b", "next"])
    two.title.encode()  # can be stored
    assert three.title == "only a summary"
    assert feed.problems == ("1 of 4 items can't be read and were left out",)


# --- characters ---


@pytest.mark.parametrize(
    "header", ["", "text/xml; charset=iso-8859-1", "text/xml; charset=utf-8", "text/xml; charset=Shift_JIS"]
)
@pytest.mark.parametrize("prolog", ["shift_jis", "euc-jp", "utf-8", "iso-8859-1", "x-unknown", "utf-16", None])
@pytest.mark.parametrize("encoding", ["cp932", "euc_jis_2004", "utf-8", "utf-8-sig", "utf-16"])
def test_japanese_comes_right_whatever_is_declared(encoding: str, prolog: str | None, header: str) -> None:
    start = f'<?xml version="1.0" encoding="{prolog}"?>' if prolog else ""
    body = rss(item(TEXT, "/1", body=f"&lt;p&gt;{TEXT}&lt;/p&gt;"), prolog=start).encode(encoding)
    (one,) = parse(body, header).entries
    assert one.title == TEXT
    assert words(one) == TEXT


def test_other_characters() -> None:
    kana = TEXT.replace("①", "")
    assert (
        only(rss(item(kana, "/1"), prolog='<?xml version="1.0" encoding="iso-2022-jp"?>').encode("iso2022_jp")).title
        == kana
    )
    for encoding, label, text in (
        ("cp1252", "iso-8859-1", "Café “naïve” – résumé"),
        ("cp1252", None, "Café “naïve” – résumé"),
        ("cp1252", "utf-8", "Café “naïve” – résumé"),
        ("cp1251", "windows-1251", "Привет, мир"),
        ("gb18030", "gb2312", "中国经济的前景"),
        ("cp949", "euc-kr", "한국 경제 전망"),
    ):
        start = f'<?xml version="1.0" encoding="{label}"?>' if label else ""
        assert only(rss(item(text, "/1"), prolog=start).replace("論壇", "x").encode(encoding)).title == text


@pytest.mark.parametrize("encoding", ["cp932", "euc_jis_2004", "utf-8"])
def test_a_broken_byte_costs_one_character(encoding: str) -> None:
    prolog = (
        f'<?xml version="1.0" encoding="{ {"cp932": "shift_jis", "euc_jis_2004": "euc-jp"}.get(encoding, encoding) }"?>'
    )
    body = rss(item(TEXT + "破" + TEXT, "/1"), prolog=prolog).encode(encoding).replace("破".encode(encoding), b"\xff")
    title = only(body).title
    assert title.startswith(TEXT)
    assert title.endswith(TEXT[3:])


def test_as_utf8_leaves_good_bytes_alone() -> None:
    good = rss(item(TEXT)).encode()
    assert charset.as_utf8(good) is good
    assert charset.decode(b"\xef\xbb\xbf<a/>") == "<a/>"
    assert charset.decode(b"") == ""


# --- what feeds get wrong ---


def test_entities_that_xml_does_not_know() -> None:
    one = only(rss("<title>a&nbsp;b &eacute; AT&T &unknown; ©</title><link>/q?a=1&b=2</link>"))
    assert one.title == "a b é AT&T &unknown; ©"
    assert one.url == "https://pub.example/q?a=1&b=2"
    two = only(
        rss("<title><![CDATA[R&D &amp; x]]></title><guid>1</guid><description><![CDATA[a &nbsp; b&c]]></description>")
    )
    assert two.title == "R&D & x"
    assert words(two).split() == ["a", "b&c"]


def test_control_characters() -> None:
    assert only(rss(item("a\x00b\x08c\x0b", "/1"))).title == "abc"


def test_titles() -> None:
    assert only(rss(item("&lt;ruby&gt;論壇&lt;rt&gt;ろんだん&lt;/rt&gt;&lt;/ruby&gt;の話", "/1"))).title == "論壇の話"
    assert only(rss(item("Using &lt;video&gt; well", "/1"))).title == "Using <video> well"
    assert only(rss(item("", "", "g", body="無題の短文。" * 30))).title == ("無題の短文。" * 30)[:79] + "…"
    assert only(rss(item("", "/just-a-link"))).title == "https://pub.example/just-a-link"


@pytest.mark.parametrize(
    ("date", "moment"),
    [
        ("Tue, 24 Nov 2026 12:00:00 +0900", NOON),
        ("Tue, 24 Nov 2026 12:00:00 JST", NOON),
        ("2026-11-24T12:00:00+09:00", NOON),
        ("2026-11-24 03:00:00", NOON),
        ("2026/11/24 12:00 +0900", NOON),
        ("0001-01-01T00:00:00Z", None),
        ("Mon, 01 Jan 0001 00:00:00 +0000", None),
        ("いつか", None),
        ("99999999999999999999", None),
    ],
)
def test_dates(date: str, moment: datetime | None) -> None:
    assert only(rss(item("t", "/1", date=date))).published == moment


def test_a_guid_is_no_date() -> None:
    assert only(rss(item("t", "/1", guid="12"))).published is None
    assert only(rss(item("t", "/1", guid="12", date="2026-11-24T03:00:00Z"))).published == NOON


def test_links_that_lead_nowhere() -> None:
    for link in ("javascript:alert(1)", "mailto:a@b.example", "http://[", "data:text/html,x"):
        assert only(rss(item("t", link, "g"))).url is None


def test_an_item_that_says_nothing_is_left_out() -> None:
    feed = parse(rss(item(), item("t", "/1"), "<pubDate>x</pubDate>"))
    assert [one.title for one in feed.entries] == ["t"]
    assert feed.problems == ("2 items without any content were left out",)


def test_an_empty_feed_is_a_feed() -> None:
    assert parse(rss()).entries == ()
    assert parse('{"version": "https://jsonfeed.org/version/1", "items": []}').entries == ()


def test_feedparser_reads_what_the_fast_one_refuses() -> None:
    text = '<feed version="0.3" xmlns="http://unknown.example/"><title>T</title><entry><title>古風</title><id>1</id></entry></feed>'
    assert only(text).title == "古風"


# --- identity ---


def test_without_guid_the_link_then_title_and_date() -> None:
    assert only(rss(item("T", "/1"))).identities == ("link:pub.example/1",)
    date = "2026-11-24T03:00:00Z"
    assert only(rss(item("T", date=date))).identities == ("title:t|2026-11-24T03:00:00+00:00",)
    assert only(rss(item("Ｔ"))).identities == ("title:t",)


def test_a_guid_for_several_pages_is_weak() -> None:
    one, two = parse(rss(item("A", "/1", "0"), item("B", "/2", "0"))).entries
    assert one.identities == ("link:pub.example/1",)
    assert two.identities == ("link:pub.example/2",)


def test_equal_guid_and_page_is_one_item_and_the_newer_stays() -> None:
    old, new = item("Old", "/1", "g", "2026-11-23T00:00:00Z"), item("New", "/1", "g", "2026-11-24T00:00:00Z")
    assert only(rss(old, new)).title == "New"
    assert only(rss(new, old)).title == "New"


def test_the_home_page_as_link_is_weak() -> None:
    items = (item("A", "https://pub.example/"), item("B", "https://pub.example/"), item("C", "https://pub.example"))
    feed = parse(rss(*items, head="<link>https://pub.example/</link>"))
    assert len({one.identities for one in feed.entries}) == 3
    assert not any(rung.startswith("link:") for one in feed.entries for rung in one.identities)


def test_a_new_guid_for_the_same_page_keeps_the_link() -> None:
    before, after = only(rss(item("T", "/1", "old"))), only(rss(item("T", "/1?utm_medium=rss", "new")))
    assert set(before.identities) & set(after.identities) == {"link:pub.example/1"}
    assert before.fingerprint == after.fingerprint


def test_two_untitled_of_one_moment_stay_two() -> None:
    date = "2026-11-24T03:00:00Z"
    one, two = parse(rss(item("無題", "/1", "1", date), item("無題", "/2", "2", date))).entries
    assert not set(one.identities) & set(two.identities)


def test_a_very_long_guid_is_hashed() -> None:
    assert len(only(rss(item("t", "/1", "x" * 100_000))).identities[0]) < 60


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("https://A.example:443/x/", "http://a.example/x", True),
        ("https://a.example/x?fbclid=1&id=2&utm_x=3", "https://a.example/x?id=2", True),
        ("https://a.example/日", "https://a.example/%e6%97%a5", True),
        ("https://a.example/~u", "https://a.example/%7Eu", True),
        ("https://a.example/x#xtor=RSS-1", "https://a.example/x", True),
        ("https://a.example/x?ref=rss", "https://a.example/x", True),
        ("https://a.example/log#v1", "https://a.example/log#v2", False),
        ("https://a.example/x?id=1", "https://a.example/x?id=2", False),
        ("https://a.example/x?ref=home", "https://a.example/x", False),
        ("https://a.example/x%2Fy", "https://a.example/x/y", False),
        ("https://a.example:8443/x", "https://a.example/x", False),
    ],
)
def test_normalised(one: str, other: str, same: bool) -> None:
    assert (links.normalised(one) == links.normalised(other)) is same


# --- edits ---


def test_a_fingerprint_follows_the_words_only() -> None:
    before = fingerprint("題", '<p class="a">これは <b>本文</b> &amp; more</p><img src="https://pixel.example/1">')
    for same in (
        "<p>これは\n  本文 &#38; more</p>",
        '<p style="x">これは 本<i>文</i> &amp; more</p><!-- 12:01 --><img src="https://pixel.example/2"><script>t(9)</script>',
        "<div><p>これは 本文 &amp; more</p>\n</div>",
    ):
        assert fingerprint("題", same) == before
    for other in ("<p>これは 本文 &amp; less</p>", "<p>これは 本文</p>"):
        assert fingerprint("題", other) != before
    assert fingerprint("別", "<p>これは 本文 &amp; more</p>") != before
    assert before.startswith("1:")


def test_a_new_date_is_no_edit() -> None:
    one, two = (only(rss(item("t", "/1", "g", date))) for date in ("2026-11-24T03:00:00Z", "2026-11-25T03:00:00Z"))
    assert one.fingerprint == two.fingerprint


def test_what_is_known_comes_back_without_document() -> None:
    text = rss(item("A", "/1", "1", body="a"), item("B", "/2", "2", body="b"), item("C", "/3", "3", body="c"))
    first = parse(text)
    known = {rung: one.fingerprint for one in first.entries for rung in one.identities}
    again = parse(text.replace(">b<", ">edited<").replace("<guid>3<", "<guid>3-new<"), known=known)
    assert [words(one) for one in again.entries] == ["edited"]
    assert again.unchanged == (first.entries[0].identities, ("guid:3-new", "link:pub.example/3"))
    assert feed_from_json(json.loads(json.dumps(feed_to_json(again)))) == again


def test_a_baseline_needs_no_documents() -> None:
    text = rss(item("A", "/1", body="a")).encode()
    (bare,), (whole,) = parse_feed(text, "", URL, documents=False).entries, parse_feed(text, "", URL).entries
    assert bare.document.blocks == ()
    assert (bare.identities, bare.fingerprint) == (whole.identities, whole.fingerprint)


# --- bounds ---


def test_of_too_many_the_newest_500_in_their_order() -> None:
    dated = [item(f"t{n}", f"/{n}", date=f"2026-{1 + n // 28 % 12:02}-{1 + n % 28:02}T00:00:00Z") for n in range(336)]
    undated = [item(f"u{n}", f"/u{n}") for n in range(400)]
    feed = parse(rss(*undated, *dated))
    assert [one.title for one in feed.entries] == [f"u{n}" for n in range(164)] + [f"t{n}" for n in range(336)]
    assert feed.problems == ("only the newest 500 of 736 items were read",)


def test_five_thousand_items_and_more() -> None:
    assert len(parse(rss(*(item(f"t{n}", f"/{n}") for n in range(5000)))).entries) == 500
    many = rss(*(item(f"t{n}", f"/{n}", f"https://pub.example/?p={n}") for n in range(50_000)))
    assert [one.title for one in parse(many).entries[:2]] == ["t0", "t1"]


def test_a_feed_cut_off_loses_only_its_last_item() -> None:
    whole = rss(item("A", "/1", body="a"), item("B", "/2", body="b"), item("C", "/3", body="a long body"))
    feed = parse(whole[: whole.index("long body")])
    assert [one.title for one in feed.entries] == ["A", "B"]
    assert feed.problems == ("the feed is cut off in the middle: its last item was left out",)


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "empty"),
        (b" \n\t ", "empty"),
        (b"hello", "not-a-feed"),
        (b"<!doctype html><html><body>hi</body></html>", "not-a-feed"),
        (b"<html><head><title>x</title></head></html>", "not-a-feed"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "not-a-feed"),
        (b'{"error": "none"}', "not-a-feed"),
        (b'{"items": ', "not-a-feed"),
        (b"{" * 100_000, "not-a-feed"),
        (b'{"items":' + b"[" * 100_000, "not-a-feed"),
        (bytes(range(256)) * 100, "not-a-feed"),
        (b"\xff\xfe", "not-a-feed"),
    ],
)
def test_what_is_no_feed_says_so(body: bytes, code: str) -> None:
    with pytest.raises(SourceError) as caught:
        parse(body)
    assert caught.value.code == code
    assert ("rondan feed add" in str(caught.value)) is (b"<html" in body)
