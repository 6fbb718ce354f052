"""What the thinking process does: jobs by name, JSON in and JSON out.

Run by `bot.thinker` as `python -m bot.child digest.worker FD`. The libraries that read Japanese and draw are imported
by the job that needs them first, so only this process pays for them.
"""

from __future__ import annotations

import base64
import json
import resource
from collections.abc import Callable
from typing import Any

from core.pieces import Piece, Topic
from digest.packing import pack, unpack
from digest.sketch import Spoken

_MEMORY = 1 << 30  # bytes of data; three times what the largest digest was measured to take


def begin() -> None:
    """Before the first job: take no more memory than any digest needs."""
    resource.setrlimit(resource.RLIMIT_DATA, (_MEMORY, _MEMORY))


def answer(asked: dict[str, Any], body: bytes) -> bytes:
    """`{"do": name}` and the data of a job → `{"is": …}`, or `{"error": what went wrong}`."""
    try:
        found = {"is": JOBS[asked["do"]](json.loads(body))}
    except Exception as error:  # noqa: BLE001 - whatever it is, it is told to who asked, and the next job is another
        found = {"error": f"{type(error).__name__}: {error}"}
    return json.dumps(found, ensure_ascii=False).encode()


def _read(data: dict[str, Any]) -> Any:
    from digest.reading import read

    pieces = tuple(unpack(Piece, one) for one in data["pieces"])
    spoken = tuple(unpack(Spoken, one) for one in data["spoken"])
    topic = None if data["topic"] is None else unpack(Topic, data["topic"])
    return pack(read(pieces, spoken, topic))


def _terms(data: dict[str, Any]) -> Any:
    """What a piece is made of: `text` → its candidates for key terms; `gist` → what it means."""
    from digest.terms import KEPT, candidates
    from digest.topics import vector

    return {"candidates": pack(candidates(data["text"], KEPT)), "vector": vector(data["gist"])}


def _nearest(data: dict[str, Any]) -> Any:
    """The topic that `gist` is most about, null for none; how `vector` is like each of `others`."""
    from digest.topics import Described, alike, nearest

    found = nearest(data["gist"], [unpack(Described, one) for one in data["topics"]])
    return {"topic": None if found is None else found[0], "alike": alike(data["vector"], data["others"])}


def _told(data: dict[str, Any]) -> Any:
    """What may be shown of a model's answer."""
    from digest.prose import Source, told

    return pack(told(data["answer"], [unpack(Source, one) for one in data["sources"]], data["language"]))


def _pick(data: dict[str, Any]) -> Any:
    """The places of the sentences that say best what each section says."""
    from digest.summary import pick

    return [pick(one, data["title"], data["language"], data["most"]) for one in data["sections"]]


def _picture(data: dict[str, Any]) -> Any:
    from digest.drawing import draw

    return {"png": base64.b64encode(draw(data["of"])).decode()}


JOBS: dict[str, Callable[[Any], Any]] = {
    "read": _read,
    "terms": _terms,
    "nearest": _nearest,
    "told": _told,
    "pick": _pick,
    "picture": _picture,
}
"""By name: data → data, both as JSON has them."""
