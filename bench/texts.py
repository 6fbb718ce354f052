"""Made-up comments in Japanese and English whose words are as frequent as Zipf says, by a seeded die."""

from __future__ import annotations

import random
from itertools import accumulate


def _words(text: str) -> list[str]:
    return text.split()


KANJI = "".join(
    _words("""
    株価円経済政府選挙税金増減教育医療介護年労働賃物企業投資銀行融市場貿易関農漁林環境気候電力原子発再生
    可能太陽光風交通鉄道路空港住宅土地建設防災地震津波台豪雨避難警察消司法憲律条例議会国知事長町村外安全
    保障衛米中韓欧科学技術研究開大校小児童若者高齢女性男家族結婚出産育人口移民権差別平等自由主義報新聞雑
    誌放送信情個秘密号半導体自動車航宇宙
    """)
)
NAMES = _words("""
    サーバー データ クラウド アプリ ユーザー メディア ニュース コメント バス 電車 料金 値上げ
    図書館 病院 学校 駅前 商店街 観光客 生成AI OpenAI GPT スマホ インフレ リスク
    コスト サービス システム エネルギー ガソリン ワクチン
""")
PARTICLES = _words("""
    は が を に で と も の から まで より へ には では とは
""")
ENDINGS = _words("""
    思います 思う 考えます 感じました 必要です 足りない 進めるべきだ 難しい 反対です 賛成です
    増えている 減っている 変わらない 説明してほしい 知りたいです 助かりました 読みました
    分からない 大事だと思う 見直すべきでは 高すぎます 安くなった 言われている 聞いたことがある
    心配しています 期待している
""")
OPENINGS = _words("""
    でも、 しかし、 だから それでも つまり 確かに 正直、 結局 たぶん やはり そして、 ただし
""")
ENGLISH = _words("""
    the of and to in is that it for on with as be this are not have but they from we you all can will
    one would there their what so if about who get which when make like time just him know take people
    into year your good some could them see other than then now look only come over think also back
    after use two how our work first well way even new want because any these give day most us bus fare
    night city council tax price market school teacher doctor hospital library train station energy
    power climate vote election mayor budget debt bank rent house road water farm fish trade court law
    right privacy data server cloud model language machine chip car space science study report news
    paper editor reader writer comment argument evidence point claim source question answer
""")


def zipf(count: int, flat: int) -> list[float]:
    """Cumulative weights of ranks; a larger `flat` makes the first ones less common."""
    return list(accumulate(1 / (rank + flat) for rank in range(count)))


class Writer:
    """Makes up texts by one seeded die."""

    def __init__(self, seed: int) -> None:
        self.dice = dice = random.Random(seed)
        words = dict.fromkeys(NAMES)
        while len(words) < 8_000:
            words["".join(dice.choice(KANJI) for _ in range(dice.choice((2, 2, 2, 3, 4))))] = None
        self.nouns = list(words)
        first = self.nouns[:400]
        dice.shuffle(first)
        self.nouns[:400] = first
        self.english = ENGLISH + [f"{word}{end}" for end in ("s", "ing", "ed", "er", "ly") for word in ENGLISH]
        self._weights = {
            id(words): zipf(len(words), flat)
            for words, flat in ((self.nouns, 3), (self.english, 1), (PARTICLES, 1), (ENDINGS, 1))
        }

    def some(self, words: list[str], count: int) -> list[str]:
        return self.dice.choices(words, cum_weights=self._weights[id(words)], k=count)

    def text(self, most: int = 12) -> str:
        """A comment: three of four are Japanese; a few sentences, rarely many."""
        size = max(1, min(most, int(self.dice.lognormvariate(0.9, 0.6))))
        if self.dice.random() < 0.25:
            return " ".join(self.some(self.english, 7 * size)).capitalize() + "."
        nouns, particles = self.some(self.nouns, 2 * size), self.some(PARTICLES, 2 * size)
        parts = []
        for number, ending in enumerate(self.some(ENDINGS, size)):
            opening = self.dice.choice(OPENINGS) if self.dice.random() < 0.3 else ""
            one, two = 2 * number, 2 * number + 1
            parts.append(f"{opening}{nouns[one]}{particles[one]}{nouns[two]}{particles[two]}{ending}。")
        return "".join(parts)
