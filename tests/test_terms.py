"""Key terms and topics as they are found in texts, and the trials that measure both."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import Refusal
from digest.terms import LONGEST, Seen, candidates, key_terms, rank
from digest.topics import FLOOR, Described, alike, likeness, nearest, unpacked, vector
from digest.trials import run

HARBOUR = """港湾整備計画の見直しについて
県は港湾整備計画を12月3日に公表した。港湾整備計画では、各コンテナ埠頭の水深を15メートルとする。
山田さんは「浚渫土砂」の処分場が足りないと言う。昨年、コンテナ埠頭の利用は3割減った。"""


def keys(text: str, most: int = 10) -> list[str]:
    return [term.text for term in key_terms(text, most)]


def test_key_terms_are_compounds_without_numbers_days_and_endings() -> None:
    found = keys(HARBOUR)
    assert found[0] == "港湾整備計画"
    assert {"コンテナ埠頭", "浚渫土砂"} <= set(found[:5])  # said twice; in quotation marks
    assert set(keys("GPT-4のことは電車で聞いた。片道四だ。")) == {"GPT-4", "電車", "片道"}
    assert not {"各コンテナ埠頭", "山田さん", "12月3日", "昨年", "3割"} & set(found)


def test_lines_and_spaces_end_a_compound_but_not_between_latin_words() -> None:
    assert keys("防災計画\n避難訓練") == ["防災計画", "避難訓練"]
    assert keys("防災 避難") == ["防災", "避難"]
    assert "Rolling Stock" in keys("鉄道会社の Rolling Stock を調べた。")


def test_what_stands_in_many_other_texts_is_worth_less() -> None:
    text = "市民会館の改修と学校給食の無償化を議論した。"
    common = Seen(texts=100, holding={"市民会館": 90})
    assert keys(text)[0] == "市民会館"
    assert [term.text for term in rank(candidates(text), common)][-1] == "市民会館"


def test_english_terms_are_runs_of_words_and_no_part_that_never_stands_alone() -> None:
    text = "The Harbour Council met. The Harbour Council wants a deep water berth. Council staff disagree."
    found = keys(text)
    assert found[0] == "Harbour Council"
    assert "Harbour" not in found
    assert "Council staff disagree" in found


def test_candidates_are_bounded_and_keep_their_order() -> None:
    text = "、".join(f"第{n}甲乙丙{chr(0x4E00 + n)}港" for n in range(300))
    best = candidates(text, 20)
    assert len(best) == 20
    assert [one.first for one in best] == sorted(one.first for one in best)
    assert "最後尾" not in keys("あ" * LONGEST + "最後尾")


@settings(max_examples=50, deadline=None)
@given(st.text(max_size=200))
def test_any_text_has_terms_or_none_and_always_the_same(text: str) -> None:
    found = key_terms(text)
    assert found == key_terms(text)
    assert len(found) <= 10
    assert all(one.times > 0 and one.key for one in candidates(text))


# --- topics ---

TOPICS = (
    Described(topic=1, text="港湾の整備を進めるべきである"),
    Described(topic=2, text="学校給食を無償にするべきである"),
    Described(topic=3, text="We should build more night buses"),
)


@pytest.mark.parametrize(
    ("text", "topic"),
    [
        ("給食費の負担が重いので、子どもの給食は無料にしてほしい。", 2),
        ("港湾の埠頭を整備し、大きな船が入れるようにしたい。", 1),
        ("Buses should run all night, since nurses have no other way home.", 3),
    ],
)
def test_the_nearest_topic_is_told_by_one_line(text: str, topic: int) -> None:
    found = nearest(text, TOPICS)
    assert found is not None
    assert found[0] == topic
    assert found[1] >= FLOOR


def test_a_text_about_none_of_them_stays_unsorted() -> None:
    assert nearest("昨夜の試合は延長戦の末に引き分けた。", TOPICS) is None
    assert nearest("The recipe needs two eggs and a little sugar.", TOPICS) is None
    assert nearest("何か", ()) is None


def test_examples_move_what_a_topic_means() -> None:
    text = "クレーンの更新で荷役が早くなった。"
    plain = likeness([text], TOPICS)[0][0]
    taught = Described(topic=1, text=TOPICS[0].text, examples=(vector("荷役を急ぐためクレーンを新しくする。"),))
    assert likeness([text], (taught, *TOPICS[1:]))[0][0] > plain + 0.2


def test_vectors_are_kept_as_text_and_those_of_another_size_are_like_nothing() -> None:
    bus, night, eggs = vector("夜行バスの運賃"), vector("深夜バスの料金"), vector("卵と砂糖")
    near, far, same, broken = alike(bus, [night, eggs, bus, "AAAA"])
    assert same == pytest.approx(1, abs=1e-3)
    assert near > far
    assert broken == 0
    assert unpacked([bus]).shape == (1, 512)
    assert alike(bus, []) == []


# --- the trials ---


def test_the_trial_of_terms_counts_exact_terms_among_ten(tmp_path: Path) -> None:
    path = tmp_path / "terms.jsonl"
    rows = [
        {
            "text": HARBOUR,
            "main_topic": ["港湾整備計画"],
            "angle": [],
            "essential_terms": [["コンテナ埠頭"], ["ない語"]],
        },
        {"text": "夜行バスの運賃を議論した。", "essential_terms": [["夜行バス", "深夜バス"]]},
    ]
    path.write_text("\n".join(json.dumps(row, ensure_ascii=False) for row in rows))
    (row,) = run("terms", path)
    assert row["n"] == 2
    assert row["ours"]["precision"] == 15.0  # two of ten and one of ten
    assert row["gain"]["precision"] == round(row["ours"]["precision"] - row["baseline"]["precision"], 1)
    path.write_text('{"text": "x", "essential_terms": 3}')
    with pytest.raises(Refusal, match=r"terms\.jsonl:1: essential_terms is not a list"):
        list(run("terms", path))


def test_the_trial_of_topics_judges_each_text_by_the_descriptions(tmp_path: Path) -> None:
    path = tmp_path / "topics.jsonl"
    rows = [
        {"topic": "港湾の整備を進める", "text": "港を深くして船を呼ぶ。"},
        {"topic": "学校給食を無償にする", "text": "給食費をなくしてほしい。"},
    ]
    path.write_text("\n".join(json.dumps(row, ensure_ascii=False) for row in rows))
    (row,) = run("topics", path)
    assert (row["n"], row["topics"], row["ours"]) == (2, 2, {"texts": 100.0, "topics": 100.0})
    path.write_text(json.dumps(rows[0], ensure_ascii=False))
    with pytest.raises(Refusal, match="fewer than two topics"):
        list(run("topics", path))
