"""People: who they are while they are shown, what they follow, and when they last looked."""

from __future__ import annotations

from datetime import datetime

from core.chat import Person
from core.times import micros, moment
from storage.db import Db, Tx

Who = tuple[str, Person]
"""Somebody on a platform."""


async def person_id(tx: Tx, platform: str, person: Person) -> int:
    """The id of a person, made if new."""
    hashed = tx.whose(platform, person.id)
    await tx.run("insert into person(hash, platform) values(?,?) on conflict(hash) do nothing", hashed, platform)
    row = await tx.one("select id from person where hash=?", hashed)
    assert row is not None
    return int(row["id"])


async def named(tx: Tx, who: Who) -> int:
    """The id of somebody who is shown with what they do: kept by name from now on, by the one that was told last."""
    platform, person = who
    number = await person_id(tx, platform, person)
    await tx.run(
        "update person set account=?1, name=case when ?2='' then name else ?2 end where id=?3",
        person.id, person.name, number,
    )  # fmt: skip
    return number


async def unname(tx: Tx, person: int | None) -> None:
    """Who has said nothing else, and done nothing that is shown, is kept without account and name from now on."""
    await tx.run(
        """update person set account=null, name='' where id=?
             and not exists(select 1 from comment where person_id=person.id)
             and not exists(select 1 from act_of where person_id=person.id)""",
        person,
    )


async def follow(db: Db, platform: str, person: Person, topic: int, now: datetime) -> bool:
    """False if the person follows the topic already."""

    async def work(tx: Tx) -> bool:
        who = await person_id(tx, platform, person)
        return bool(
            await tx.run(
                "insert into follow(person_id, topic_id, at) values(?,?,?) on conflict do nothing",
                who,
                topic,
                micros(now),
            )
        )

    return await db.write(work)


async def unfollow(db: Db, platform: str, person: Person, topic: int) -> bool:
    """False if the person did not follow the topic."""

    async def work(tx: Tx) -> bool:
        who = await person_id(tx, platform, person)
        return bool(await tx.run("delete from follow where person_id=? and topic_id=?", who, topic))

    return await db.write(work)


async def followed(db: Db, platform: str, person: Person) -> list[int]:
    """The topics that a person follows."""
    rows = await db.read(
        "select f.topic_id from follow f join person p on p.id=f.person_id where p.hash=? order by f.topic_id",
        db.whose(platform, person.id),
    )
    return [row["topic_id"] for row in rows]


async def look(db: Db, platform: str, person: Person, now: datetime) -> datetime | None:
    """When the person last looked at what is new; from now on they have looked now."""

    async def work(tx: Tx) -> datetime | None:
        who = await person_id(tx, platform, person)
        row = await tx.one("select looked_at from person where id=?", who)
        assert row is not None
        await tx.run("update person set looked_at=? where id=?", micros(now), who)
        return None if row["looked_at"] is None else moment(row["looked_at"])

    return await db.write(work)
