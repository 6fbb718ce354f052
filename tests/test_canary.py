"""A subject that nobody takes is not sent to everybody."""

from __future__ import annotations

from bot.canary import FIRST, LONGEST, Canary

KEY = ("discord", "piece", 1, 1)


def test_a_few_try_first_and_the_rest_follow() -> None:
    canary = Canary()
    assert [canary.verdict(KEY, place) for place in range(FIRST + 2)] == ["go"] * FIRST + ["wait"] * 2
    assert canary.verdict(KEY, 0) == "go", "a place that tries may try again"
    canary.taken(KEY)
    assert [canary.verdict(KEY, place) for place in range(10)] == ["go"] * 10


def test_what_all_of_the_first_refuse_is_stopped() -> None:
    canary = Canary()
    for place in range(FIRST):
        canary.verdict(KEY, place)
        canary.refused(KEY, place)
    assert canary.verdict(KEY, 99) == "stop"
    assert canary.verdict(("discord", "piece", 1, 2), 99) == "go", "its next revision is tried anew"
    assert canary.verdict(("web", "piece", 1, 1), 99) == "go"


def test_a_place_with_a_problem_of_its_own_makes_room() -> None:
    canary = Canary()
    for place in range(FIRST):
        canary.verdict(KEY, place)
    canary.left(KEY, 1)
    assert canary.verdict(KEY, 50) == "go"
    assert canary.verdict(KEY, 51) == "wait"


def test_waiting_gets_longer_and_has_an_end() -> None:
    canary = Canary()
    for place in range(FIRST):
        canary.verdict(KEY, place)
    pauses = [canary.pause(KEY) for _ in range(5000)]
    assert pauses == sorted(pauses)
    assert pauses[-1] == LONGEST
