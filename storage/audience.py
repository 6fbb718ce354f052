"""Who may see which comments: one condition that every question about comments carries."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Audience:
    """Whose comments may be seen: those of one place, and what its place, community or the publication shares.

    `everything` is the publication's own people at the shell.
    """

    place: int | None = None
    community: str = ""
    platform: str = ""
    everything: bool = False

    def clause(self) -> tuple[str, tuple[object, ...]]:
        """A condition on `comment c join place pl` and its values."""
        return self._condition("c.place_id")

    def places(self) -> tuple[str, tuple[object, ...]]:
        """The same on `place pl`: the places whose comments may be seen."""
        return self._condition("pl.id")

    def _condition(self, place: str) -> tuple[str, tuple[object, ...]]:
        if self.everything:
            return "1=1", ()
        return (
            f"""({place}=? or pl.audience='publication'
                or (pl.audience='community' and pl.platform=? and pl.community=?))""",
            (self.place or 0, self.platform, self.community),
        )
