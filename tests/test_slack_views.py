"""Forms, views, the Home tab, options and keys, as Slack takes them."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.platforms.slack.encode import carries, home, modal, option, posted, view
from core.chat import Choice
from core.document import Paragraph, spans
from core.errors import Poison
from core.message import Action, Divider, Field, Form, Message, MessageBlock
from core.text import length
from tests.standins.slack.views import checked
from tests.standins.slack_blocks import plain

KEY = "0123456789abcdef01234567"
FAMILY = "👩‍👩‍👧‍👦"


def say(*blocks: MessageBlock, actions: tuple[Action, ...] = ()) -> Message:
    return Message(title="題", blocks=blocks, actions=actions)


def words(text: str) -> Paragraph:
    return Paragraph(spans=spans(text))


def label(text: str) -> dict[str, Any]:
    return {"type": "plain_text", "text": text, "emoji": False}


# --- forms ---


def test_a_form() -> None:
    form = Form(
        id="v1:comment:u:2",
        title="コメント",
        submit="送る",
        fields=(
            Field(key="text", label="あなたの考え", limit=1000),
            Field(key="name", label="名前", kind="line", required=False, value="みか", limit=9000),
            Field(key="stance", label="立場", kind="choice", choices=(("a", "賛成"), ("d", "反対")), value="d"),
        ),
    )
    assert modal(form, "here") == {
        "type": "modal",
        "callback_id": "v1:comment:u:2",
        "private_metadata": "here",
        "title": label("コメント"),
        "submit": label("送る"),
        "blocks": [
            {
                "type": "input",
                "block_id": "text",
                "label": label("あなたの考え"),
                "optional": False,
                "element": {"type": "plain_text_input", "action_id": "text", "multiline": True, "max_length": 1000},
            },
            {
                "type": "input",
                "block_id": "name",
                "label": label("名前"),
                "optional": True,
                "element": {
                    "type": "plain_text_input",
                    "action_id": "name",
                    "multiline": False,
                    "max_length": 3000,
                    "initial_value": "みか",
                },
            },
            {
                "type": "input",
                "block_id": "stance",
                "label": label("立場"),
                "optional": False,
                "element": {
                    "type": "static_select",
                    "action_id": "stance",
                    "options": [{"text": label("賛成"), "value": "a"}, {"text": label("反対"), "value": "d"}],
                    "initial_option": {"text": label("反対"), "value": "d"},
                },
            },
        ],
    }
    assert plain(modal(form)) == ""
    assert checked(modal(form), "modal")
    assert "private_metadata" not in modal(form)


def test_the_limits_of_a_form() -> None:
    field = Field(key="text", label="a")

    def made(*fields: Field, title: str = "t", form_id: str = "v1:x", metadata: str = "") -> dict[str, Any]:
        return modal(Form(id=form_id, title=title, submit=title, fields=fields), metadata)

    def choice(*choices: tuple[str, str]) -> Field:
        return Field(key="c", label="c", kind="choice", choices=choices)

    for name in ("title", "submit"):
        assert made(field, title="長" * 24)[name] == label("長" * 24)
        assert made(field, title="長" * 25)[name] == label("長" * 23 + "…")
        assert made(field, title=" ")[name] == label("…")
    [block] = made(Field(key="k", label="a", value=FAMILY * 3, limit=30))["blocks"]
    assert block["element"]["initial_value"] == FAMILY * 2, "no character is broken"
    [block] = made(Field(key="k", label="a", value=FAMILY, limit=5))["blocks"]
    assert "initial_value" not in block["element"]
    [block] = checked(made(Field(key="k", label="a" * 2001, value="\x00", limit=0)), "modal")["blocks"]
    assert length(block["label"]["text"]) == 2000
    assert block["element"]["max_length"] == 1
    assert len(made(*(Field(key=str(n), label="a") for n in range(100)))["blocks"]) == 100
    assert len(made(choice(*((str(n), "x") for n in range(100))))["blocks"][0]["element"]["options"]) == 100
    assert made(field, metadata="x" * 3000)["private_metadata"] == "x" * 3000
    bad: list[Callable[[], object]] = [
        lambda: made(),
        lambda: made(*[field] * 101),
        lambda: made(field, form_id=""),
        lambda: made(field, form_id="x" * 256),
        lambda: made(field, metadata="x" * 3001),
        lambda: made(Field(key="", label="a")),
        lambda: made(choice()),
        lambda: made(choice(*((str(n), "x") for n in range(101)))),
        lambda: made(choice(("x" * 151, "x"))),
        lambda: made(choice(("", "x"))),
    ]
    for one in bad:
        with pytest.raises(ValueError, match="Slack"):
            one()


# --- views ---


def test_a_message_as_a_view() -> None:
    page = say(words("一頁"), Divider(), actions=(Action(id="v1:page:u:2", label="次へ", style="primary"),))
    shown = view(page, "「会議」は誰のものか、という問いについて、とても長い題", '{"a": 1}', "read")
    assert shown["title"] == label("「会議」は誰のものか、という問いについて…")
    assert (shown["type"], shown["private_metadata"], shown["callback_id"]) == ("modal", '{"a": 1}', "read")
    assert shown["blocks"] == posted(page)["blocks"]
    assert "submit" not in shown
    assert set(view(page, "a")) == {"type", "title", "blocks"}
    assert checked(shown, "modal")


def test_a_view_takes_more_than_a_message_but_not_everything() -> None:
    assert checked(view(say(words("長" * 30_000)), "a"), "modal")
    assert len(view(say(words("a"), *[Divider()] * 99), "a")["blocks"]) == 100
    for message in (say(words("a"), *[Divider()] * 100), say(words("長" * 34_000))):
        with pytest.raises(Poison, match="view"):
            view(message, "a")


def test_the_home_tab() -> None:
    press = Action(id="v1:read", label="読む")
    shown = home([say(words("一"), actions=(press,)), say(words("二"), actions=(press, COMMENT))])
    assert shown["type"] == "home"
    assert plain(shown) == "一\n―――\n二"
    pressed = [one for block in shown["blocks"] if block["type"] == "actions" for one in block["elements"]]
    assert [one["action_id"] for one in pressed] == ["v1:read", "v1:read~2", "v1:comment"]
    assert [one["value"] for one in pressed] == ["v1:read", "v1:read", "v1:comment"]
    assert home([]) == {"type": "home", "blocks": []}
    assert checked(shown, "home")


COMMENT = Action(id="v1:comment", label="コメント")


@pytest.mark.parametrize("message", [say(words("一"), actions=(COMMENT,)), say(words("長" * 8000))])
def test_the_home_tab_shows_as_much_as_it_holds(message: Message) -> None:
    shown = checked(home([message] * 200), "home")
    assert len(shown["blocks"]) <= 100
    assert len(json.dumps(shown)) < 250_000
    assert len(shown["blocks"]) >= 90 or len(json.dumps(shown)) > 150_000
    assert shown["blocks"][-1]["type"] != "divider"


# --- options ---


@given(st.text(max_size=200), st.text(min_size=1, max_size=150))
def test_options(text: str, value: str) -> None:
    made = option(Choice(value=value, label=text))
    assert set(made) == {"text", "value"}
    assert made["value"] == value
    assert 1 <= length(made["text"]["text"]) <= 75
    assert made["text"]["emoji"] is False


def test_an_option_whose_value_slack_refuses() -> None:
    for value in ("", "x" * 151):
        with pytest.raises(ValueError, match="1 to 150"):
            option(Choice(value=value, label="a"))


# --- the key ---

hex_keys = st.text(alphabet="0123456789abcdef", min_size=24, max_size=24)


@given(hex_keys, hex_keys)
def test_a_message_carries_its_key(key: str, other: str) -> None:
    body = json.loads(json.dumps(posted(say(words("a")), key)))
    assert carries(body, key)
    assert carries(body, other) == (key == other)


def test_other_messages_carry_nothing() -> None:
    others: tuple[dict[str, Any], ...] = (
        {},
        {"text": KEY, "metadata": None},
        {"metadata": {}},
        {"metadata": {"event_type": "rondan_post"}},
        {"metadata": {"event_type": "other", "event_payload": {"k": KEY}}},
        {"metadata": {"event_type": "rondan_post", "event_payload": {"k": KEY.upper()}}},
    )
    for raw in others:
        assert not carries(raw, KEY)
