"""Which comments of a window stand out by what readers and moderators did with them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from core.responses import Spoken
from digest.ranking import contested, endorsed, usual

SHOWN = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """Comments by number, each in one list only."""

    featured: tuple[int, ...] = ()
    endorsed: tuple[int, ...] = ()
    contested: tuple[int, ...] = ()


def outstanding(spoken: Sequence[Spoken]) -> Standing:
    """Picked by moderators; most endorsed; most contested (`digest.ranking`): at most `SHOWN` of each.

    The shrinkage keeps one happy reader from beating twenty; the formulas did best on public votes (docs).
    """
    featured = sorted((one for one in spoken if one.featured), key=lambda one: (-one.n, one.at, one.comment))
    rest = [one for one in spoken if not one.featured]
    split = [one for one in rest if one.agree and one.disagree]
    expected = usual((one.agree, one.disagree) for one in spoken)
    split.sort(key=lambda one: (-contested(one.agree, one.disagree, expected), -one.n, one.comment))
    # A comment that half of its readers reject is contested first, endorsed never.
    hot = [one for one in split if min(one.agree, one.disagree) * 3 >= max(one.agree, one.disagree)][:SHOWN]
    taken = {one.comment for one in hot}
    liked = [one for one in rest if one.agree > one.disagree and one.comment not in taken]
    liked.sort(key=lambda one: (-endorsed(one.agree, one.n), one.at, one.comment))
    return Standing(
        featured=tuple(one.comment for one in featured[:SHOWN]),
        endorsed=tuple(one.comment for one in liked[:SHOWN]),
        contested=tuple(one.comment for one in hot),
    )
