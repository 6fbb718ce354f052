"""Comments in themes: who says alike, in whose words, how many people; what is spam; what is a question."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest

from digest import themes as themes_module
from digest.noise import bundles, is_spam, openings
from digest.questions import MOST as MOST_QUESTIONS
from digest.questions import asks, questions
from digest.sketch import Spoken
from digest.themes import representatives, themes

START = datetime(2026, 11, 1, tzinfo=UTC)

JAPANESE = (
    "家賃の上昇が止まらないのは、都心に仕事が集中しているからだと思う。",
    "都心に仕事が集まりすぎていて、家賃が上がるのは当然だ。",
    "空き家に税金をかければ、家主も貸しに出すはずです。",
    "空き家への課税には賛成。放置されている家が多すぎる。",
    "公営住宅をもっと建ててほしい。",
    "公営住宅の数が足りないので、まず建てるべきです。",
    "若者に家賃の補助を出すのはどうか。",
    "若い世代に家賃の補助を出すほうが早い。",
    "テレワークが広がれば地方に住めるようになる。",
    "地方でも在宅勤務ができれば、東京に住む必要はない。",
    "空き家は固定資産税の優遇をやめて課税すべきだ。",
    "東京の夏は暑すぎる。",
)
ENGLISH = (
    "Rents rise because all the jobs are downtown.",
    "Jobs are concentrated in the city centre, so of course rent goes up.",
    "Tax empty houses and owners will let them.",
    "I agree with a tax on vacant homes, too many stand empty.",
    "Build more public housing.",
    "We need more council housing, build it first.",
    "Give young people a housing benefit.",
    "Young renters should get a subsidy for their rent.",
    "If remote work spreads, people can live in the countryside.",
    "With working from home nobody needs to live in Tokyo.",
)


def spoken(texts: Sequence[str], people: Sequence[int | None] | None = None) -> list[Spoken]:
    """Comments from number 100 on, a minute apart, of a person each if none are given."""
    return [
        Spoken(
            comment=100 + at,
            piece=1,
            person=at if people is None else people[at],
            text=text,
            at=START + timedelta(minutes=at),
        )
        for at, text in enumerate(texts)
    ]


def together(found: Sequence[object], *numbers: int) -> bool:
    return any(set(numbers) <= set(getattr(theme, "comments", ())) for theme in found)


def test_japanese_comments_that_say_alike_are_a_theme() -> None:
    found = themes(spoken(JAPANESE))
    assert together(found, 100, 101)
    assert together(found, 104, 105)
    assert together(found, 106, 107)
    assert together(found, 103, 110) or together(found, 102, 110)
    assert [theme.size for theme in found] == sorted((theme.size for theme in found), reverse=True)
    houses = next(theme for theme in found if 104 in theme.comments)
    assert (houses.people, houses.size, houses.words) == (2, 2, ("公営住宅",))
    assert next(theme for theme in found if 111 in theme.comments).size == 1


def test_english_comments_that_say_alike_are_a_theme() -> None:
    found = themes(spoken(ENGLISH))
    assert together(found, 100, 101)
    assert together(found, 102, 103)
    assert together(found, 104, 105)
    assert "tax" in next(theme for theme in found if 102 in theme.comments).words


@pytest.mark.parametrize("texts", [JAPANESE, ENGLISH])
def test_of_two_people_who_say_alike_one_theme_and_of_two_who_do_not_two(texts: Sequence[str]) -> None:
    """A handful is not compared with itself alone: the likest of five unlike comments are not alike."""
    assert [theme.people for theme in themes(spoken(texts[:2]))] == [2]
    unlike = [texts[at] for at in (0, 2, 4, 7, 8)]
    assert [theme.people for theme in themes(spoken(unlike))] == [1] * 5


def test_nothing_and_one() -> None:
    assert themes([]) == []
    assert themes(spoken(["wwww"])) == []
    (only,) = themes(spoken(JAPANESE[:1]))
    assert (only.comments, only.people, only.size, only.words) == ((100,), 1, 1, ())
    assert representatives([], 3) == []


def test_who_copies_is_counted_and_the_copy_is_not_shown() -> None:
    slogan = "公営住宅をもっと建ててほしい。"
    texts = [*JAPANESE, slogan + "!", "公営住宅を　もっと建ててほしい", slogan]
    found = themes(spoken(texts, [*range(12), 20, 21, 4]))
    houses = next(theme for theme in found if 104 in theme.comments)
    assert (
        houses.people == 4
    )  # the slogan's own, whoever says it twice once, two who copied it, and the other comment's
    assert houses.size == 5
    assert not {112, 113, 114} & {one for theme in found for one in theme.comments}


def test_who_was_forgotten_is_nobody() -> None:
    found = themes(spoken(JAPANESE[:2], [None, 7]))
    assert [(theme.people, theme.size) for theme in found] == [(1, 2)]


def test_a_word_of_one_person_names_no_theme() -> None:
    """山田花子 stands in two comments, but of one person."""
    texts = ["公営住宅の山田花子課長は辞めるべきだ。", "公営住宅の山田花子課長は無責任だ。", *JAPANESE[4:6]]
    alone = themes(spoken(texts, [1, 1, 2, 3]))
    assert all("山田" not in word for theme in alone for word in theme.words)
    shared = themes(spoken([*texts[:2], *JAPANESE[:1]], [1, 2, 3]))
    assert any("山田花子" in word for theme in shared for word in theme.words)


def test_at_most_as_many_as_asked_for_and_always_the_same() -> None:
    everything = spoken([*JAPANESE, *ENGLISH])
    assert len(themes(everything, 3)) == 3
    assert themes(everything) == themes(everything)
    assert all(1 <= len(theme.comments) <= 3 for theme in themes(everything, 3))


def test_of_very_many_the_featured_and_most_answered_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(themes_module, "MOST", 4)
    many = spoken(JAPANESE)
    answered = Spoken(comment=102, piece=1, person=2, text=JAPANESE[2], at=START, n=9)
    featured = Spoken(comment=104, piece=1, person=4, text=JAPANESE[4], at=START, featured=True)
    many[2], many[4] = answered, featured
    shown = {one for theme in themes(many) for one in theme.comments}
    assert shown == {102, 104, 110, 111}


def test_the_first_representatives_say_different_things() -> None:
    picked = representatives(JAPANESE, 5)
    subjects = {0: "jobs", 1: "jobs", 2: "tax", 3: "tax", 10: "tax", 4: "build", 5: "build", 6: "young", 7: "young"}
    assert len({subjects.get(at, str(at)) for at in picked}) == 5
    assert representatives(JAPANESE, 3) == picked[:3]


# --- what adds nothing ---


@pytest.mark.parametrize(
    "text",
    [
        "",
        "www",
        "ｗｗｗｗｗ",
        "草",
        "笑笑",
        "lol",
        "LOL!!",
        "hahaha",
        "ああああああ",
        "👏👏👏",
        "https://example.com/a?b=c",
        "見 https://example.com",
        "<@U12345> :tada:",
        "反対反対反対反対反対",
        "no no no no no no no",
        "増税反対!増税反対!増税反対!増税反対!",
    ],
)
def test_spam(text: str) -> None:
    assert is_spam(text)


@pytest.mark.parametrize(
    "text",
    [
        "賛成",
        "反対。",
        "No.",
        "値上げ反対",
        "草の根の運動です。",
        "笑えない話だ。",
        "詳しくは https://example.com を見てください。",
        "The more we build, the more we need, and the more we need, the more we pay for what we build and need.",
        "もっともっと高くなるのではないかと思うと、とても不安です。",
    ],
)
def test_no_spam(text: str) -> None:
    assert not is_spam(text)


def test_copies_are_bundled_and_advertising_is_thrown_out() -> None:
    advert = "副業で月50万円! 登録はこちら https://spam.example/1"
    texts = [
        JAPANESE[0],
        advert,
        JAPANESE[2],
        advert,
        JAPANESE[0].rstrip("。"),
        advert,
        "値上げに反対します",
        "値上げに賛成します",
    ]
    found, likeness = bundles(texts)
    assert found == [[0, 4], [2], [6], [7]]
    assert likeness.shape == (4, 4)
    assert bundles([advert, advert])[0] == [[0, 1]]  # a link that two people share is none


def test_of_many_and_long_comments_only_the_openings_are_read() -> None:
    assert openings(["短い", "a " * 50_000])[0] == "短い"
    assert len(openings(["a " * 50_000])[0]) == 2_000
    assert {len(one) for one in openings(["家賃" * 50_000] * 1_000)} == {200}


# --- questions ---

TO_SOMEBODY = (
    "財源はどうするのか教えてください。",
    "筆者はどうお考えですか？",
    "この数字の出典を教えて",
    "編集部は続報を出しますか。",
    "先生は消費税についてどう思われますか",
    "もう少し詳しく説明していただけますか？",
    "根拠を知りたいです。",
    "補助金の対象をお聞かせください。",
    "ひとつ質問させてください。",
    "ご回答をお願いします。",
    "なぜこの三つの都市を選ばれたのですか？",
    "よい記事でした。ただ、この図の単位は何でしょうか。先生のお答えを待っています。お答えください。",
    "Could you explain where the figure comes from?",
    "What do you think about rent control?",
    "Can the author say more on that?",
    "I wonder how this works in Osaka.",
    "Please share the source.",
    "I’d like to know who pays.",
    "Did you consider the cost",
    "Good piece. How did the author choose these cities?",
)
TO_EVERYBODY = (
    "家賃はいつ下がるのですか？",
    "なぜ上がるのか。",
    "これは本当でしょうか。",
    "空き家はどのくらいあるの？",
    "財源は?",
    "いつから始まりますか",
    "値上げの理由は何ですか",
    "どうなるのかな",
    "財源は十分ではないのですか？",
    "How much does it cost?",
    "Is there any data on that",
    "What about the elderly?",
    "Who pays for it?",
)
NO_QUESTION = (
    "値上げは間違いではないか。",
    "誰がそんな税金を払うというのか。",
    "これでは意味がないのではないでしょうか。",
    "もう少し静かに。",
    "確かに高いと思う。",
    "いつか行きたい。",
    "そんなことがあるものか！",
    "賛成です。",
    "早く下がらないかな。",
    "なるほど、そういうことか。",
    "まずは議論すべきではないでしょうか？",
    "馬鹿じゃないのか？",
    "いかがなものか。",
    "どうでもいい。",
    "何かが足りない。",
    "Who cares?",
    "This is a scam, isn't it?",
    "Really?",
    "I agree.",
    "What a mess.",
    "Why should we pay for that?",
    "Are you kidding me?",
    "How much I loved this piece.",
    "What is needed is courage.",
    "The question is not whether but when.",
    "Isn’t it obvious?",
    "You do know this is wrong, right?",
    "https://example.com/?q=1",
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [(text, True) for text in TO_SOMEBODY]
    + [(text, False) for text in TO_EVERYBODY]
    + [(text, None) for text in NO_QUESTION],
)
def test_asks(text: str, expected: bool | None) -> None:
    assert asks(text) is expected


def asked(comment: int, text: str, agree: int = 0, person: int | None = None) -> Spoken:
    return Spoken(comment=comment, piece=1, person=person or comment, text=text, at=START, agree=agree)


def test_questions_by_support_then_by_whom_they_ask() -> None:
    everything = [
        asked(1, "家賃はいつ下がるのですか？"),
        asked(2, "賛成です。", agree=50),
        asked(3, "筆者は補助金についてどうお考えですか？"),
        asked(4, "Who pays for it?", agree=3),
        asked(5, "空き家はどのくらいあるの？", agree=1),
        asked(6, "反対反対反対反対反対？", agree=9),
    ]
    assert questions(everything) == [4, 3, 5, 1]


def test_a_question_of_many_stands_once_with_all_their_weight() -> None:
    everything = [asked(1, "財源は何ですか？", agree=1)]
    everything += [asked(number, "いつから始まりますか？") for number in (2, 3, 4)]
    assert questions(everything) == [2, 1]
    assert questions(
        [asked(1, "財源は何ですか？"), *(asked(number, "いつから始まりますか？", person=9) for number in (2, 3))]
    ) == [1, 2]


def test_of_very_many_questions_the_most_supported_are_looked_at() -> None:
    many = [
        asked(number, f"第{number}号の予算はいくらですか？", agree=number) for number in range(1, MOST_QUESTIONS + 51)
    ]
    found = questions(many)
    assert found[0] == MOST_QUESTIONS + 50
    assert 50 not in found
