"""The one rule of publishing, state by state."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from core.chat import Ref
from core.settle import (
    CLEAN_MISSES,
    LOOK_AFTER,
    Delete,
    Edit,
    Find,
    Leaf,
    Nothing,
    Send,
    Step,
    Wait,
    back_off,
    next_step,
    send_key,
)

NOW = datetime(2026, 11, 20, 9, tzinfo=UTC)
REF = Ref(id="w1")
SENT = NOW - timedelta(seconds=5)


def leaf(**values: object) -> Leaf:
    return Leaf(name="card", **values)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("state", "wanted", "resend_within", "step"),
    [
        (leaf(), "a", 0, Send()),
        (leaf(), None, 0, Nothing()),
        (leaf(ref=REF, shown="a"), "a", 0, Nothing()),
        (leaf(ref=REF, shown="a"), "b", 0, Edit(REF)),
        (leaf(ref=REF, shown="a"), None, 0, Delete(REF)),
        (leaf(ref=REF, shown="a", doing="edit", doing_since=SENT), "a", 0, Edit(REF)),
        (leaf(ref=REF, shown="a", doing="delete", doing_since=SENT), None, 0, Delete(REF)),
        # a deletion that was begun is finished, then the leaf is sent anew under a key of its own
        (leaf(ref=REF, shown="a", doing="delete", doing_since=SENT), "a", 0, Delete(REF)),
        # in doubt: the platform knows the key itself
        (leaf(doing="send", doing_since=SENT, doing_digest="a"), "a", 120, Send(again=True)),
        (leaf(doing="send", doing_since=SENT, doing_digest="a"), "b", 120, Send(again=True)),
        # in doubt: look, but not too early
        (leaf(doing="send", doing_since=SENT, doing_digest="a"), "a", 0, Wait(SENT + LOOK_AFTER)),
        (leaf(doing="send", doing_since=SENT, doing_digest="a"), None, 120, Wait(SENT + LOOK_AFTER)),
        (leaf(doing="send", doing_since=NOW - LOOK_AFTER, doing_digest="a"), "a", 0, Find(NOW - LOOK_AFTER)),
        (
            leaf(doing="send", doing_since=NOW - LOOK_AFTER, doing_digest="a", misses=1),
            "a",
            0,
            Wait(NOW + LOOK_AFTER),
        ),
        (
            leaf(doing="send", doing_since=NOW - 9 * LOOK_AFTER, doing_digest="a", misses=CLEAN_MISSES),
            "a",
            0,
            Send(),
        ),
        (
            leaf(doing="send", doing_since=NOW - 9 * LOOK_AFTER, doing_digest="a", misses=CLEAN_MISSES),
            None,
            0,
            Nothing(),
        ),
    ],
)
def test_next_step(state: Leaf, wanted: str | None, resend_within: float, step: Step) -> None:
    assert next_step(state, wanted, NOW, resend_within=resend_within) == step


def test_a_key_is_the_same_on_every_attempt_and_another_for_every_other_message() -> None:
    key = send_key("piece", "abc", "web:general", "card", 0)
    assert key == send_key("piece", "abc", "web:general", "card", 0)
    others = {
        send_key("catchup", "abc", "web:general", "card", 0),
        send_key("piece", "abd", "web:general", "card", 0),
        send_key("piece", "abc", "web:essays", "card", 0),
        send_key("piece", "abc", "web:general", "section:x:0", 0),
        send_key("piece", "abc", "web:general", "card", 1),
    }
    assert key not in others
    assert len(others) == 5
    assert len(key) == 24


def test_back_off_doubles_up_to_an_hour() -> None:
    assert [back_off(n).total_seconds() for n in (0, 1, 2, 30)] == [5, 10, 20, 3600]
