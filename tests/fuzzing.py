"""Made-up input: real documents and payloads, bent. `FUZZ_EXAMPLES=5000 pytest tests/test_fuzz.py` looks longer."""

from __future__ import annotations

import asyncio
import copy
import os
from collections.abc import Awaitable, Callable
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "120"))
PIECES = (
    b"<", b">", b"</", b"&", b"&#x110000;", b"&#0;", b"]]>", b"<![CDATA[", b"<!--", b"\x00", b"\xff\xfe",
    b"\xed\xa0\x80",
    b'"', b"`" * 9, b"[](", b"![", b"\n---\n", b"|---|", b"> " * 40, b"- " * 40, b"#" * 9, "\u202e\u200b𝕏".encode(),
    b"<table>" * 9, b"<p", b"{" * 30, b"[" * 30, b"9" * 400, b"Infinity", b":" * 5,
)  # fmt: skip

fuzz = settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck), database=None)
text = st.text(max_size=40) | st.sampled_from([one.decode(errors="replace") for one in PIECES])
anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | text,
    lambda inside: st.lists(inside, max_size=3) | st.dictionaries(text, inside, max_size=3),
    max_leaves=6,
)


@st.composite
def bent_bytes(draw: st.DrawFn, *seeds: bytes) -> bytes:
    """One of the seeds with some of it taken out, doubled, or replaced."""
    body = draw(st.sampled_from(seeds))
    for _ in range(draw(st.integers(0, 6))):
        start = draw(st.integers(0, len(body)))
        end = min(len(body), start + draw(st.integers(0, 60)))
        put = draw(st.sampled_from(PIECES) | st.binary(max_size=12) | st.just(body[start:end] * 3))
        body = body[:start] + put + body[end:]
    return body


@st.composite
def bent_json(draw: st.DrawFn, *seeds: Any) -> Any:
    """One of the seeds in which some values are others, or gone."""
    made = copy.deepcopy(draw(st.sampled_from(seeds)))
    for _ in range(draw(st.integers(1, 4))):
        here, path = made, []
        while isinstance(here, dict | list) and here:
            key = draw(st.sampled_from(sorted(here) if isinstance(here, dict) else range(len(here))))
            path.append((here, key))
            here = here[key]
            if draw(st.booleans()):
                break
        if path:
            holder, key = path[-1]
            if draw(st.booleans()):
                holder[key] = draw(anything)
            else:
                del holder[key]
    return made


async def all_of(strategy: st.SearchStrategy[Any], check: Callable[[Any], Awaitable[None]]) -> None:
    """`check` for every example, on this loop; the examples are made in a thread."""
    loop = asyncio.get_running_loop()

    @fuzz
    @given(strategy)
    def every(example: Any) -> None:
        asyncio.run_coroutine_threadsafe(_within(check(example)), loop).result()

    await asyncio.to_thread(every)


async def _within(work: Awaitable[None]) -> None:
    async with asyncio.timeout(10):
        await work
