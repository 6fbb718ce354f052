"""What moderators are told once, at their own places, while something is wrong; the same card says when it is well."""

from __future__ import annotations

from collections.abc import Mapping
from zoneinfo import ZoneInfo

from core.chat import Place
from core.document import Heading, Paragraph, spans
from core.message import Message
from core.times import Clock
from storage import postings, queueing
from storage.db import Db, Tx
from storage.memos import Memos, put

Texts = Mapping[str, tuple[str, str, str, str]]
"""By language: title and text while it is wrong ({reason} in it), title and text when it is well again."""


class Alarm:
    """One thing that may be wrong. Postings have its subject; their number is the day since when."""

    def __init__(self, db: Db, subject: str, texts: Texts, clock: Clock, zone: str) -> None:
        self._db = db
        self.subject = subject
        self._texts = texts
        self._clock = clock
        self._zone = ZoneInfo(zone)
        self._key = f"{subject}.failed"
        self._memos = Memos(db, "")

    async def look(self, wrong: str | None) -> None:
        """What was seen: why it is wrong, or None. Told when it begins and when it ends, not in between."""
        now = self._clock()
        since, _, _ = (await self._memos.get(self._key) or "").partition(" ")
        if bool(since) == (wrong is not None):
            return
        day = int(since or now.astimezone(self._zone).date().toordinal())

        async def work(tx: Tx) -> None:
            await put(tx, "", self._key, "" if wrong is None else f"{day} {wrong}")
            if wrong is not None:
                await queueing.tell(tx, self.subject, day, now)
            await postings.subject_changed(tx, self.subject, day, now)

        await self._db.write(work)

    async def show(self, place: Place, number: int) -> Message | None:
        """What moderators see."""
        day, _, reason = (await self._memos.get(self._key) or "").partition(" ")
        failing, why, mended, again = self._texts.get(place.language, self._texts["en"])
        stands = day == str(number)
        title, text = (failing, why.format(reason=reason.rstrip(".") + ".")) if stands else (mended, again)
        blocks = (Heading(level=2, spans=spans(title)), Paragraph(spans=spans(text)))
        return Message(title=title, blocks=blocks, language=place.language)
