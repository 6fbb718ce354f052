"""Pieces in short: the sentences that say what a text says, word for word, and what they are worth on labelled data."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.document import Block, Cited, Heading, Image, Item, List, Paragraph, Quote, spans
from core.drafting import Said, drafted
from core.errors import Refusal
from core.faces import body_text, lede
from core.pieces import Outline, Part, Piece, PieceNumber, PieceUid, Section, TextMode, Voice
from core.text import language_of, sentences
from digest import trials
from digest.bearing import author_speaks, bearing, others_speak
from digest.lead import passed_over
from digest.measures import coverage, mean, rouge, spearman
from digest.points import points
from digest.summary import LONGEST, candidates, pick, summarize

SPEECH_JA = (
    "町の図書館は昨年、開館時間を二時間短くしました。電気代が上がり、職員が三人減ったためです。利用者は一割減りました。"
    "夜に通っていた会社員や高校生の多くは、今は駅前の喫茶店にいます。隣の市では夜の当番を住民が引き受けています。"
    "図書館の夜の開館を、住民の当番で取り戻すべきだと考えます。町長の見解を伺います。"
)
NEWS_JA = (
    "南の島を結ぶ連絡船が四月から週三便に減ると、運航会社が十日に発表した。連絡船は島と本土を四時間で結ぶ。"
    "会社によると、燃料の値上がりで赤字が続いていた。島の組合長は「生活が成り立たない」と述べた。"
    "島には高校がなく、生徒は船で通う。県は補助を検討しているという。"
)
NEWS_EN = (
    "The ferry to the southern islands will sail three times a week from April, the company announced on Friday. "
    "The ferry links the islands to the mainland in four hours. Fuel prices had doubled, according to the company. "
    "\"We can't live like this,\" said the head of the islands' union. "
    "Pupils take the boat to school. The county said it was looking at a subsidy."
)
ESSAY_EN = (
    "Our library closed its doors two hours earlier last year. Electricity had become dear, and three people left. "
    "One visitor in ten stayed away. The next town lets its citizens keep the night watch of their library. "
    "I think we should do the same. The library must open at night again, and we, the citizens, should keep watch."
)


def picked(text: str, most: int, title: str = "") -> list[str]:
    language = language_of(text)
    lines = [one.strip() for one in sentences(text, language)]
    return [lines[at] for at in pick(lines, title, language, most)]


def direction(text: str) -> float:
    language = language_of(text)
    lines = sentences(text, language)
    return bearing([author_speaks(one, language) for one in lines], [others_speak(one, language) for one in lines])


def test_a_text_that_argues_ends_with_its_point_and_news_begin_with_it() -> None:
    assert direction(NEWS_JA) < 0.4 < 0.7 < direction(SPEECH_JA)
    assert direction(NEWS_EN) < 0.4 < 0.7 < direction(ESSAY_EN)
    assert picked(SPEECH_JA, 1) == ["図書館の夜の開館を、住民の当番で取り戻すべきだと考えます。"]
    assert picked(NEWS_JA, 1) == ["南の島を結ぶ連絡船が四月から週三便に減ると、運航会社が十日に発表した。"]
    assert picked(ESSAY_EN, 1) == [
        "The library must open at night again, and we, the citizens, should keep watch."
    ]  # fmt: skip
    assert picked(NEWS_EN, 1)[0].startswith("The ferry to the southern islands will sail three times")


@pytest.mark.parametrize(
    ("sentence", "speaks", "reported"),
    [
        ("増税は避けるべきだと考えます。", True, False),
        ("首相は「増税は避けるべきだ」と述べた。", False, True),
        ("会社によると、燃料が値上がりしたという。", False, True),
        ("物価は二倍になった。", False, False),
        ("We should act now.", True, False),
        ('"We should act now," she said.', False, True),
        ("Prices doubled.", False, False),
    ],
)
def test_who_speaks(sentence: str, speaks: bool, reported: bool) -> None:
    language = language_of(sentence)
    assert (author_speaks(sentence, language), others_speak(sentence, language)) == (speaks, reported)


def test_the_same_is_not_said_twice() -> None:
    twice = "住民が図書館の夜の当番を引き受けるべきである。"
    found = picked(
        twice + "電気代が上がって開館時間は短くなった。" + twice + "利用者は一割減ったが、町は調べていない。", 2
    )
    assert found.count(twice) == 1


def test_words_of_the_title_count() -> None:
    text = "春には祭りがある。夏には花火がある。秋には市が立つ。冬には雪まつりがある。"
    assert picked(text, 1) == ["春には祭りがある。"]
    assert picked(text, 1, "花火の町") == ["夏には花火がある。"]


@pytest.mark.parametrize(
    "line",
    [
        "写真：港の朝",
        "Photo: the harbour",
        "「生活が成り立たない」",
        "“Enough!”",
        "UPDATED: 15:36 EST",
        "12:30 GMT, Monday",
        "The mayor (pictured) opens the bridge.",
        "Scroll down for video",
    ],
)
def test_what_is_not_the_text_is_passed_over(line: str) -> None:
    assert passed_over(line)


def test_what_begins_alike_is_not_passed_over() -> None:
    for line in (
        "By June the bridge was done.",
        "表は三つの列からなる。",
        "「生活」とは何か。",
        "Related firms pay less.",
    ):
        assert not passed_over(line)
    assert candidates(["はい。", "それは長い間の懸案だった。"], "ja") == [1]
    assert candidates(["Yes.", "No."], "en") == [0, 1]  # better than nothing


@settings(deadline=None, max_examples=60)
@given(
    st.lists(st.sampled_from(sentences(SPEECH_JA) + sentences(ESSAY_EN) + ["。", "", "🎉🎉🎉", "\ud800"]), max_size=12),
    st.integers(1, 4),
)
def test_picks_are_places_in_order(lines: list[str], most: int) -> None:
    found = pick(lines, "図書館 library", "ja", most)
    assert found == sorted(set(found))
    assert len(found) == min(most, len(candidates(lines, "ja")))
    assert set(found) <= set(range(len(lines)))
    assert found == pick(lines, "図書館 library", "ja", most)


# --- pieces ---


def section(key: str, voice: Voice, *blocks: Block) -> Section:
    return Section(key=key, level=1, heading=key or None, voice=voice, blocks=blocks)


def paragraph(text: str) -> Paragraph:
    return Paragraph(spans=spans(text))


def piece(*sections: Section, remarks: tuple[str, ...] = (), mode: TextMode = "full") -> Piece:
    part = Part(remarks=tuple(paragraph(one) for one in remarks), sections=sections)
    return Piece(
        number=PieceNumber(7),
        uid=PieceUid("0" * 12),
        source=1,
        source_kind="folder",
        text_mode=mode,
        state="published",
        revision=1,
        title="図書館の夜",
        url=None,
        author=None,
        language="ja",
        published=datetime(2026, 11, 1, tzinfo=UTC),
        embargo=None,
        outline=Outline(title="図書館の夜", language="ja", parts=(part,)),
    )


def test_a_piece_in_short() -> None:
    quoted = Quote(blocks=(paragraph("図書館の夜の開館は住民の当番で取り戻すべきだと町長は書いた。"),))
    listed = List(ordered=False, items=(Item(marker="•", blocks=(paragraph("図書館の夜の開館を取り戻す。"),)),))
    whole = piece(
        section(
            "s1", "analysis", Heading(level=2, spans=spans("図書館の夜の開館")),
            Image(url="https://example.org/a.png", alt="夜の図書館"), paragraph("夜の図書館の入り口"),
            paragraph("町の図書館は昨年、開館時間を二時間短くした。電気代が上がり、職員が三人減ったためである。"),
            quoted, listed,
            paragraph("隣の市では夜の当番を住民が引き受けている。利用者はかえって増えた。"),
        ),
        section("s2", "conclusion", paragraph("図書館の夜の開館を、住民の当番で取り戻すべきである。")),
        section("s3", "offer", paragraph("次は図書館の夜の開館の費用を要約いたしましょうか。")),
        remarks=("図書館は夜こそ要る", "電気代は言い訳だ。"),
    )  # fmt: skip
    found = summarize(whole, 2)
    assert found.piece == 7
    assert [one.text for one in found.sentences][-1] == "図書館の夜の開館を、住民の当番で取り戻すべきである。"
    assert [one.section for one in found.sentences] == ["s1", "s2"]
    own = "".join(
        block.spans[0].text for one in whole.outline.sections() for block in one.blocks if isinstance(block, Paragraph)
    )
    assert all(one.text in own for one in found.sentences)
    assert found.remark == "図書館は夜こそ要る\u3000電気代は言い訳だ。"
    everything = summarize(whole, 99)
    assert not any("町長は書いた" in one.text or "いたしましょうか" in one.text for one in everything.sentences)
    assert "夜の図書館の入り口" not in [one.text for one in everything.sentences]


def test_only_what_may_be_shown_is_read() -> None:
    long = section(
        "s1", "analysis", paragraph("図書館は夜に閉まる。" * 20 + "住民が困る。" * 40 + "秘密の結論である。")
    )
    shown = summarize(piece(long, mode="excerpt"), 3)
    assert shown.sentences
    assert all(one.text in ("図書館は夜に閉まる。", "住民が困る。") for one in shown.sentences)
    assert summarize(piece(long, remarks=("要る。",), mode="link")).sentences == ()


@pytest.mark.parametrize("language", ["en", "ja"])
def test_what_a_model_wrote_is_never_quoted_as_the_authors(language: str) -> None:
    cited = Cited(title="夜の図書館", url="https://example.org/")
    said = [Said(heading="課題", sentences=("図書館は夜に閉まる。",))]
    written: dict[Voice, list[str]] = {
        "summary": ["図書館の夜が要るという話である。"],
        "analysis": ["費用の話がない。"],
    }
    whole = replace(piece(), outline=drafted("図書館の夜", cited, language, said, "", written))
    assert "図書館の夜が要るという話である。" in body_text(whole), "it can be read and found, under its label"
    assert summarize(whole).sentences == ()
    assert points([whole], None, [], only_about=False) == []
    assert lede(whole) == ""


def test_a_piece_without_text_has_no_sentences() -> None:
    assert summarize(piece()).sentences == ()
    only = summarize(piece(remarks=("一言だけ。",)))
    assert (only.sentences, only.remark) == ((), "一言だけ。")


def test_of_an_endless_piece_begin_and_end_are_read() -> None:
    middle = "".join(f"第{number}の話は長く、中身がない。" for number in range(LONGEST))
    whole = section(
        "s", "analysis", paragraph("初めに図書館の話をする。"), paragraph(middle), paragraph("図書館の夜が要る。")
    )
    said = [one.text for one in summarize(piece(whole), LONGEST + 2).sentences]
    assert len(said) == LONGEST
    assert (said[0], said[-1]) == ("初めに図書館の話をする。", "図書館の夜が要る。")


# --- measures and trials ---


def test_rouge() -> None:
    found = rouge("The cat sat on the mat.", "the cat lay on the mat")
    assert (round(found.one, 1), round(found.two, 1), round(found.longest, 1)) == (83.3, 60.0, 83.3)
    assert rouge("猫が座る。", "猫が座る").two == 100
    assert rouge("", "猫").one == rouge("犬", "猫").longest == 0


def test_ranks_and_shares() -> None:
    assert spearman([1, 2, 3, 4], [10, 20, 30, 40]) == pytest.approx(1)
    assert spearman([1, 2, 3], [3, 2, 1]) == pytest.approx(-1)
    assert spearman([1, 2, 2, 3], [1, 2, 3, 4]) == pytest.approx(0.9486832)
    assert spearman([1, 1, 1], [1, 2, 3]) == 0
    assert coverage([["a"], ["a", "b"], []], {"a", "b", "c"}) == pytest.approx(200 / 3)
    assert coverage([], set()) == 100
    assert (mean([1, 2]), mean([])) == (1.5, 0)


def lines(path: Path, *rows: dict[str, Any]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def only(name: str, path: Path) -> dict[str, Any]:
    (row,) = trials.run(name, path)
    return row


def test_summaries_are_measured(tmp_path: Path) -> None:
    data = lines(
        tmp_path / "own.jsonl",
        {"text": SPEECH_JA, "main": "夜の開館を住民の当番で<br>取り戻すべき", "limit": 50},
        {
            "text": NEWS_EN,
            "summary": ["Ferry will sail three times a week", "from April"],
            "limit": 60,
            "language": "en",
        },
    )
    row = only("summaries", data)
    assert (row["eval"], row["file"], row["n"]) == ("summaries", "own.jsonl", 2)
    assert row["ours"]["rouge_1"] > row["baseline"]["rouge_1"] > 0
    assert row["gain"]["rouge_2"] == pytest.approx(row["ours"]["rouge_2"] - row["baseline"]["rouge_2"], abs=0.1)


def test_sentences_are_measured(tmp_path: Path) -> None:
    data = tmp_path / "marked.txt"
    data.write_text(
        "「賛成だ。やろう。」と彼は言った。|終わり。\n第一に財源。\\n|第二に人材。\nHe left.| She stayed.\n",
        encoding="utf-8",
    )
    row = only("sentences", data)
    assert row["ours"] == {"exact": 3, "f1": 100, "precision": 100, "recall": 100}
    assert row["baseline"]["exact"] == 1
    assert row["baseline"]["precision"] == 50


def test_of_all_trials_those_without_data_say_so(tmp_path: Path) -> None:
    (tmp_path / "sentence_cases.txt").write_text("一。|二。\n", encoding="utf-8")
    rows = list(trials.run("all", tmp_path))
    told = {row["file"]: row for row in rows}
    assert told["sentence_cases.txt"]["ours"]["f1"] == 100
    assert {row["eval"] for row in rows} == set(trials.names())
    assert told["speech_summaries_ja.jsonl"]["absent"] == f"no data at {tmp_path / 'speech_summaries_ja.jsonl'}"


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("summaries", "{", r"data:1: not JSON"),
        ("summaries", "[1]", r"data:1: not an object"),
        ("summaries", '\n{"text": "a"}', r"data:2: there is no text under summary or main"),
        ("summaries", '{"text": "a b", "main": "a", "limit": "x"}', r"data:1: limit is not a number"),
        ("summaries", "", r"data holds no row"),
        ("sentences", "\n", r"data holds no line"),
        ("sentences", b"\xff\xfe", r"data can't be read: not UTF-8"),
        ("sentences", None, r"data can't be read: No such file"),
        ("poems", "", r"there is no evaluation poems: choose one of .*summaries"),
    ],
)
def test_data_of_another_shape_is_refused(tmp_path: Path, name: str, content: str | bytes | None, told: str) -> None:
    path = tmp_path / "data"
    if content is not None:
        path.write_bytes(content.encode() if isinstance(content, str) else content)
    with pytest.raises(Refusal, match=told):
        list(trials.run(name, path))


def test_the_shell_prints_json_alone_and_refuses_with_2(tmp_path: Path) -> None:
    data = tmp_path / "marked.txt"
    data.write_text("一。|二。\n", encoding="utf-8")

    def rondan(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([sys.executable, "-m", "bot", *words], capture_output=True, text=True, check=False)

    done = rondan("eval", "sentences", str(data))
    assert (done.returncode, done.stderr) == (0, "")
    assert cast("dict[str, Any]", json.loads(done.stdout))["ours"]["exact"] == 1
    refused = rondan("eval", "sentences", str(tmp_path / "none"))
    assert (refused.returncode, refused.stdout) == (2, "")
    assert "can't be read" in refused.stderr
