"""The trials of themes and of ranking: what they read, what they print, what they refuse."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from core.errors import Refusal
from digest.trials import Row, run
from tests.test_themes import ENGLISH, JAPANESE

POINTS = {
    0: "jobs",
    1: "jobs",
    2: "tax",
    3: "tax",
    4: "build",
    5: "build",
    6: "young",
    7: "young",
    8: "remote",
    9: "remote",
}


def written(path: Path, rows: list[Row]) -> Path:
    path.write_text("\n".join(json.dumps(row, ensure_ascii=False) for row in rows), "utf-8")
    return path


def test_themes_of_both_languages(tmp_path: Path) -> None:
    """Two sets of five points: five good quotations show nearly all, ten all."""
    rows: list[Row] = [
        {"topic": topic, "stance": 1, "text": text, "key_points": [POINTS[at]] if at in POINTS else []}
        for topic, texts in (("家賃", JAPANESE), ("rent", ENGLISH))
        for at, text in enumerate(texts)
    ]
    found = list(run("themes", written(tmp_path / "points.jsonl", rows)))
    assert [row["quotations"] for row in found] == [5, 8, 10]
    assert {(row["eval"], row["file"], row["n"], row["sets"]) for row in found} == {("themes", "points.jsonl", 22, 2)}
    first, _, last = found
    assert first["ours"]["points"] >= 90
    assert last["ours"]["points"] >= first["ours"]["points"]
    for row in found:
        assert row["gain"]["points"] == pytest.approx(row["ours"]["points"] - row["baseline"]["points"])
    assert first["gain"]["points"] > 10
    assert first["baseline"] == next(run("themes", tmp_path / "points.jsonl"))["baseline"]


def test_rows_without_topic_are_one_set(tmp_path: Path) -> None:
    rows: list[Row] = [{"text": text, "key_points": [POINTS[at]]} for at, text in enumerate(ENGLISH)]
    assert next(run("themes", written(tmp_path / "one.jsonl", rows)))["sets"] == 1


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ({"text": "a"}, r":1: key_points is not a list of texts"),
        ({"text": "a", "key_points": [1]}, r":1: key_points is not a list of texts"),
        ({"key_points": ["a"]}, r":1: there is no text under text"),
        ({"text": "a", "key_points": []}, r"holds no comment with a point"),
    ],
)
def test_themes_refuse_what_they_cannot_read(tmp_path: Path, line: Row, reason: str) -> None:
    with pytest.raises(Refusal, match=reason):
        list(run("themes", written(tmp_path / "wrong.jsonl", [line])))


def conversation(folder: Path, voters: int, *, header: str = "timestamp,datetime,comment-id,voter-id,vote") -> Path:
    """Comment 0 is agreed with by nearly all, comment 9 by nearly nobody."""
    folder.mkdir()
    rows = [
        f"0,now,{comment},{voter},{1 if voter % 10 > comment else -1 if voter % 3 else 0}"
        for voter in range(voters)
        for comment in range(10)
    ]
    (folder / "votes.csv").write_text("\n".join([header, *rows]), "utf-8")
    return folder


def test_ranking_of_conversations(tmp_path: Path) -> None:
    conversation(tmp_path / "made-up", 120)
    conversation(tmp_path / "too-few", 79)
    one, mean = run("ranking", tmp_path)
    assert (one["file"], one["n"], one["share"], mean["file"], mean["n"]) == ("made-up", 120, 0.15, tmp_path.name, 1)
    for row in (one, mean):
        assert row["ours"]["endorsed"] > 0.9
        assert set(row) >= {"ours", "baseline", "formula", "attainable", "gain"}
        assert row["gain"]["contested"] == pytest.approx(
            row["ours"]["contested"] - row["baseline"]["contested"], abs=2e-3
        )
    assert list(run("ranking", tmp_path / "made-up"))[-1]["ours"] == one["ours"]


def test_ranking_refuses_what_it_cannot_read(tmp_path: Path) -> None:
    with pytest.raises(Refusal, match="holds no conversation of 80 voters"):
        list(run("ranking", tmp_path))
    conversation(tmp_path / "odd", 100, header="a,b,c,d,e")
    with pytest.raises(Refusal, match="a row without comment-id"):
        list(run("ranking", tmp_path))
