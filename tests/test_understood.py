"""Whole essays as files, as a publication has them: what is understood of each, in one line a section."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.sources import files
from core.document import Document, Paragraph, spans, words_of
from core.outline import outline

SAMPLES = Path(__file__).parent / "samples"

UNDERSTOOD = {
    "yen.txt": """
        円安は日本人を貧しくしたのか。私は「慣れ」のほうが怖い
        cited 「1ドル160円」時代の家計 食卓から消えた輸入品
        1 家計調査が示す円安の影響と食卓の変化 summary 2
        2 輸入品離れの実態 summary 2
        2 賃金との関係 summary 1
        2 - offer 0
        says 若い世代の話が聞きたい
        says 節約は美徳ではない。あきらめの別名だと思う
        1 若い世代の節約術に関する記事後半の要約 summary 1
        2 昼食を作るという選択 summary 2+3
        says 慣れは静かに進む。気づいたときには戻る場所がない
        1 「慣れ」という観点からの分析 analysis 1+3
        2 結論 conclusion 1
    """,
    "yen.html": """
        円安は日本人を貧しくしたのか
        cited 「1ドル160円」時代の家計 食卓から消えた輸入品 https://news.example.com/yen
        1 家計調査が示す円安の影響と食卓の変化 summary 2
        2 輸入品離れの実態 summary 1
        2 賃金との関係 summary 1
        2 - offer 0
        says 節約は美徳ではない。あきらめの別名だと思う
        1 「慣れ」という観点からの分析 analysis 1+2
        2 結論 conclusion 1
    """,
    "meals.html": """
        給食の無償化は誰のためか
        cited 「給食費ゼロ」広がる自治体　財源は一年限りも
        1 給食無償化の広がりと財源をめぐる課題 summary 2
        2 広がりの背景 summary 2
        2 財源の不安 summary 1
        2 - offer 0
        says 払える家庭からも取らない。それは平等ではなく面倒を避けただけだ
        1 「平等」と「面倒」をめぐる考察 analysis 1
        2 所得制限の費用 analysis 1+2
        2 結論 conclusion 1
    """,
    "empty-houses.md": """
        空き家は資産か、それとも宿題か
        cited 「空き家900万戸」の衝撃　相続放棄が三割増
        1 空き家問題の現状に関する要約 summary 2
        2 放棄の理由 summary 1
        2 自治体の対応 summary 1
        2 - offer 0
        says 実家を片づけた。三日で人生が軽くなり、少し寂しくなった
        1 片づけという経験からの分析 analysis 1
        2 軽さの正体 analysis 1
        2 寂しさの正体 analysis 1
        1 論点の整理 analysis 0
        2 課題 analysis 1
        2 関係 analysis 1
        2 結論 conclusion 1
    """,
    "reachable.txt": """
        The Price of Being Reachable
        cited Why your phone owns your evening
        1 What the article says about always-on work summary 1
        2 A quieter contract summary 1+3
        2 The French exception summary 1
        2 - offer 0
        says I worked nights for six years. Nobody called that reachable
        1 An analysis of reachability as a class question analysis 1
        2 Who is asked analysis 1
        2 Conclusion conclusion 1
    """,
    "parking.md": """
        The Quiet Cost of Free Parking
        cited Cities rethink the kerb https://example.org/kerb
        says I drive, so take this with salt.
        1 What the report says summary 1
        2 Numbers summary 0+3
        2 Who pays summary 1
        2 - offer 0
        says The suburbs are the part nobody wants to read about.
        1 Why suburbs differ analysis 1
        2 Zoning analysis 1
        1 Conclusion conclusion 1
    """,
}


@pytest.mark.parametrize("name", UNDERSTOOD)
def test_an_essay_is_understood(name: str) -> None:
    found = files.read(SAMPLES / name)
    understood = outline(found.document, title=found.title)
    lines = [found.title, *(f"cited {one.title} {one.url or ''}".rstrip() for one in understood.cited)]
    for part in understood.parts:
        lines += [f"says {words_of(remark.spans)}" for remark in part.remarks]
        for section in part.sections:
            items = f"+{section.items}" if section.items else ""
            lines.append(f"{section.level} {section.heading or '-'} {section.voice} {section.paragraphs}{items}")
    assert lines == [line.strip() for line in UNDERSTOOD[name].strip().split("\n")]


def test_what_is_far_too_long_for_an_essay_is_kept_whole_and_holds_nobody_up() -> None:
    blocks = tuple(Paragraph(spans=spans(f"段落{n}")) for n in range(200_000))
    understood = outline(Document(blocks=blocks), title="題", default_language="ja")
    (section,) = understood.sections()
    assert section.paragraphs == 200_000
    assert (understood.title, understood.language) == ("題", "ja")
