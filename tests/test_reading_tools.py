"""What the digest reads with: words of both languages, sparse vectors, meanings."""

from __future__ import annotations

import os
import subprocess
import sys
import threading

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from digest import meaning, vectors
from digest.encoder import Encoder
from digest.meaning import centre, embed
from digest.vectors import Matrix, inverse_frequency, ngrams, similarity, tfidf, z
from digest.words import Words, documents, stem, words


def test_content_words_are_one_however_they_are_written() -> None:
    own = words()
    assert (
        own.tokens("サーバを引越しする", "ja")
        == own.tokens("サーバーの引っ越しです。", "ja")
        == ["サーバー", "引っ越し"]
    )
    assert own.tokens("The regulations of OpenAI's servers", "en") == ["regulation", "openai", "server"]
    assert own.tokens("ＯｐｅｎＡＩのregulationsについて", "ja") == ["openai", "regulation"]
    assert own.tokens("die Regeln", "de") == ["die", "regeln"]  # another language is not read as English
    assert own.tokens("12月3日に3.5%だったこと。", "ja") == []
    assert own.tokens("", "ja") == own.tokens("!?…", "en") == []


def test_surfaces_are_all_words_as_written() -> None:
    assert words().surfaces("AI時代、来た！") == ["ai", "時代", "来", "た"]
    assert words().surfaces("It’s 3.5%, OK?") == ["it’s", "3.5", "ok"]


def test_chunks_are_compound_nouns() -> None:
    assert words().chunks("トヨタ自動車の株主総会で生成AIを議論した。") == [
        "トヨタ自動車",
        "株主総会",
        "生成AI",
        "議論",
    ]
    assert words().chunks("イーロン・マスク氏と、無条件の反対") == ["イーロン・マスク氏", "無条件", "反対"]
    assert words().chunks("The central bank raised interest rates.") == ["central bank raised interest", "rates"]


def test_a_word_that_was_met_before_is_read_as_if_it_were_new() -> None:
    old = Words()
    for text in (
        "ＧＯＯＧＬＥ社の株主総会とGoogle 社",
        "google社は関西国際空港で学生会議を2回、AI時代のほげほげびよんに",
    ):
        for _ in range(2):
            assert old.read(text, "ja") == (old.tokens(text, "ja"), old.chunks(text))
            assert old.read(text, "ja") == Words().read(text, "ja")
    assert old.chunks("GOOGLE社とgoogle社") == ["GOOGLE社", "google社"]
    assert old.tokens("関西国際空港", "ja") == ["関西", "国際", "空港"]
    assert old.read("AIの rules", "de")[0] == ["ai", "rules"]  # what hangs on the language is not remembered
    assert old.read("AIの rules", "ja")[0] == ["ai", "rule"]
    assert old.read("The central bank raised interest rates.") == (["central", "bank", "rais", "interest", "rate"], [])


@pytest.mark.parametrize(
    ("forms", "root"),
    [
        (("run", "runs", "running"), "run"),
        (("policy", "policies"), "policy"),
        (("stop", "stopped", "stops"), "stop"),
        (("tax", "taxes", "taxed"), "tax"),
        (("argue", "argues", "arguing", "argued"), "argu"),
        (("price", "prices", "pricing", "priced"), "pric"),
        (("class", "classes"), "class"),
        (("bus",), "bus"),
        (("carry", "carried", "carries"), "carry"),
        (("king",), "king"),
    ],
)
def test_english_stems(forms: tuple[str, ...], root: str) -> None:
    assert {stem(form) for form in forms} == {root}


def test_a_text_of_any_length_is_read() -> None:
    text = "長い文章を読む。" * 20_000  # 480,000 bytes; Sudachi takes 49,149
    found = words().surfaces(text)
    assert len(found) == 20_000 * len(words().surfaces("長い文章を読む。"))
    assert words().tokens("ﷺ字" * 9_000, "ja")  # NFKC makes 18 characters of one
    assert words().tokens("\ud800漢字", "ja") == ["漢字"]  # half a character is no reason to fail


def test_threads_do_not_share_a_tokenizer() -> None:
    own = Words()
    failed: list[BaseException] = []

    def read() -> None:
        try:
            for _ in range(30):
                assert own.tokens("財政の再建を議論する。" * 50, "ja")
        except BaseException as error:  # noqa: BLE001 — handed to the test
            failed.append(error)

    readers = [threading.Thread(target=read) for _ in range(4)]
    for one in readers:
        one.start()
    for one in readers:
        one.join()
    assert not failed


def test_tfidf_rows() -> None:
    matrix = tfidf([["a", "b"], [], ["a", "c", "c"]])
    assert matrix.terms == ("a", "b", "c")
    norms = [float(np.linalg.norm(matrix.row(number))) for number in range(3)]
    assert norms == pytest.approx([1, 0, 1])
    assert matrix.row(2)[2] > matrix.row(2)[0]  # rarer and more often
    assert tfidf([["a", "new"]], {"a": 1.0, "b": 3.0}).row(0)[1] == pytest.approx(3 / np.sqrt(10))
    assert len(tfidf([])) == 0
    assert inverse_frequency([["a", "a"], ["b", "a"]])["a"] == 1


DOCUMENTS = st.lists(st.lists(st.sampled_from("abcdefgh"), max_size=8), max_size=12)


@settings(deadline=None)
@given(DOCUMENTS)
def test_sparse_is_as_dense(texts: list[list[str]]) -> None:
    matrix = tfidf(texts)
    dense = np.array([matrix.row(number) for number in range(len(matrix))], np.float32)
    dense = dense.reshape(len(texts), len(matrix.terms))
    weights = np.arange(len(texts), dtype=np.float32)
    np.testing.assert_allclose(similarity(matrix), dense @ dense.T, atol=1e-5)
    np.testing.assert_allclose(matrix.sum(), dense.sum(axis=0), atol=1e-5)
    np.testing.assert_allclose(matrix.sum(weights), weights @ dense, atol=1e-4)
    vector = np.ones(len(matrix.terms), np.float32)
    np.testing.assert_allclose(matrix.times(vector), dense @ vector, atol=1e-5)
    picked = matrix.pick(range(0, len(texts), 2))
    np.testing.assert_allclose(similarity(picked, matrix), dense[::2] @ dense.T, atol=1e-5)
    with pytest.MonkeyPatch.context() as patched:
        for few in (1, 10, 30):  # however many rows are multiplied at once
            patched.setattr(vectors, "_AT_ONCE", few)
            np.testing.assert_allclose(similarity(picked, matrix), dense[::2] @ dense.T, atol=1e-5)


def test_mixed_matrices_are_refused() -> None:
    sparse: Matrix = tfidf([["a"]])
    with pytest.raises(TypeError):
        similarity(sparse, np.ones((1, 1), np.float32))
    assert similarity(np.eye(2, dtype=np.float32)).tolist() == [[1, 0], [0, 1]]


def test_z_scores() -> None:
    assert z(np.array([1, 3], np.float32)).tolist() == [-1, 1]
    assert z(np.array([2, 2], np.float32)).tolist() == [0, 0]
    assert z(np.zeros(0, np.float32)).size == 0


def test_ngrams() -> None:
    assert ngrams("増税だ A") == ["増税", "税だ", "増税だ", "a"]
    assert ngrams("ＡＢ") == ngrams("ab") == ["ab"]


def test_meaning_is_shared_by_the_languages() -> None:
    rows = embed(["増税に反対します。", "I am against the tax increase.", "今日は犬と散歩した。", ""])
    assert rows.shape == (4, 512)
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-3)
    likeness = similarity(rows)
    assert likeness[0, 1] > likeness[0, 2] + 0.2
    assert embed([]).shape == (0, 512)
    centred = embed(["a", "b", "c"], centred=True)
    np.testing.assert_allclose(centre(centred[:1]), 0, atol=1e-6)


def test_the_encoder_reads_as_the_package_does(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tokens at the beginning and end of a text, of the shortest and of more than is read at once, in any company."""
    own = Encoder()
    words = ["増税", "反対", "バス", "tax", "運賃", "night", "高い", "。", "🚌", "é"]
    texts = ["", "a", *(f"{one}{two}。{one} {two}" for one in words for two in words), "tram " * 400, "夜行バス"]
    theirs = own._of.encode(texts)
    np.testing.assert_allclose(own.encode(texts), theirs, atol=2e-6)
    monkeypatch.setattr(meaning, "_encoder", lambda: own)
    monkeypatch.setattr(meaning, "_AT_ONCE", 100)
    np.testing.assert_allclose(embed(texts, most=2000), theirs, atol=2e-6)


def test_numpy_keeps_to_one_thread() -> None:
    """Its threads make an embedding slower by far on a busy machine, and sums differ with their number."""
    told = {name: value for name, value in os.environ.items() if not name.endswith("_NUM_THREADS")}
    program = "import os, digest.vectors; print(os.environ['OPENBLAS_NUM_THREADS'])"
    shown = subprocess.run([sys.executable, "-c", program], env=told, capture_output=True, text=True, check=True)
    assert shown.stdout.strip() == "1"


def test_documents_tell_their_language() -> None:
    assert documents(["規制の緩和", "new rules"]) == [["規制", "緩和"], ["new", "rule"]]
