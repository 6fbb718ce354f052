"""How well the two scores rank comments from a part of the voters, judged by all others.

    python -m bench.ranking [folder of Polis conversations]

Each conversation is `<folder>/<name>/votes.csv` (columns comment-id, voter-id, vote: 1 agree, -1 disagree, 0 pass). One
JSON line a score and share: mean Spearman correlation over conversations and draws. Truth, among the voters held out:
the share that agrees (endorsed), 4ad/(a+d)² (contested).
"""

from __future__ import annotations

import csv
import json
import random
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import mean

from digest.ranking import contested, endorsed

FOLDER = Path(__file__).parents[2] / "shared/eval/votes"
DRAWS = 5
LEAST_VOTERS = 80
LEAST_JUDGES = 10  # held-out votes without which a comment has no truth to compare with

Voter = dict[str, int]  # comment → vote
Tally = Counter[int]  # vote → how many


def conversation(path: Path) -> list[Voter]:
    """Voters of one conversation, in a fixed order; a voter's last vote on a comment counts."""
    voters: dict[str, Voter] = {}
    with path.open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
            voters.setdefault(row["voter-id"], {})[row["comment-id"]] = int(row["vote"])
    return [voters[key] for key in sorted(voters)]


def tally(voters: Sequence[Voter]) -> dict[str, Tally]:
    counts: dict[str, Tally] = {}
    for voter in voters:
        for comment, vote in voter.items():
            counts.setdefault(comment, Counter())[vote] += 1
    return counts


def ranks(values: Sequence[float]) -> list[float]:
    """Ranks from 0, equals sharing their mean."""
    order = sorted(range(len(values)), key=values.__getitem__)
    found = [0.0] * len(values)
    start = 0
    while start < len(order):
        end = start
        while end < len(order) and values[order[end]] == values[order[start]]:
            end += 1
        for one in order[start:end]:
            found[one] = (start + end - 1) / 2
        start = end
    return found


def spearman(left: Sequence[float], right: Sequence[float]) -> float:
    """Correlation of ranks; 0 if one side is all equal."""
    x, y = ranks(left), ranks(right)
    mx, my = mean(x), mean(y)
    spread = (sum((a - mx) ** 2 for a in x) * sum((b - my) ** 2 for b in y)) ** 0.5
    return sum((a - mx) * (b - my) for a, b in zip(x, y, strict=True)) / spread if spread else 0.0


def true_share(votes: Tally) -> float:
    return votes[1] / votes.total()


def true_split(votes: Tally) -> float:
    both = votes[1] + votes[-1]
    return 4 * votes[1] * votes[-1] / both**2 if both else 0.0


SCORES: dict[str, tuple[Callable[[Tally], float], Callable[[Tally], float]]] = {
    "endorsed": (lambda votes: endorsed(votes[1], votes.total()), true_share),
    "contested": (lambda votes: contested(votes[1], votes[-1]), true_split),
}


def main(folder: Path) -> None:
    paths = sorted(folder.glob("*/votes.csv"))
    if not paths:
        raise SystemExit(f"{folder} holds no <name>/votes.csv; give the folder of the conversations.")
    people = [voters for voters in map(conversation, paths) if len(voters) >= LEAST_VOTERS]
    for share in (0.05, 0.15, 0.5):
        found: dict[str, list[float]] = {name: [] for name in SCORES}
        for number, voters in enumerate(people):
            for draw in range(DRAWS):
                mixed = random.Random(f"{number}:{draw}").sample(voters, len(voters))
                seen, judges = (
                    tally(part) for part in (mixed[: round(share * len(mixed))], mixed[round(share * len(mixed)) :])
                )
                comments = sorted(one for one, votes in judges.items() if votes.total() >= LEAST_JUDGES)
                for name, (score, truth) in SCORES.items():
                    guess = [score(seen.get(one, Counter())) for one in comments]
                    found[name].append(spearman(guess, [truth(judges[one]) for one in comments]))
        for name, values in found.items():
            line = {
                "bench": "ranking",
                "score": name,
                "share": share,
                "conversations": len(people),
                "draws": len(values),
            }
            print(json.dumps({**line, "spearman": round(mean(values), 3)}))


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER)
