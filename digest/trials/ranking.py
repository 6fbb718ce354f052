"""Trial of `digest.ranking`: comments ranked by the votes of 15 % of the voters, judged by those of all others.

A conversation is a folder with Polis' `votes.csv` (columns comment-id, voter-id, vote: 1 agree, -1 disagree, 0 pass);
its voters are shared out at random, the same each time. Judged are comments with 20 votes among the others or more, in
conversations of 80 voters or more, by the Spearman correlation with the share of them that agrees (endorsed) and with
4ad/(a+d)² (contested).
"""

from __future__ import annotations

import csv
import random
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import mean

import numpy as np

from core.errors import Refusal
from digest.measures import spearman
from digest.ranking import Usual, contested, endorsed, usual
from digest.trials import Row

SETS = ("votes",)
SHARE = 0.15
DRAWS = 30
LEAST_VOTERS = 80
LEAST_JUDGES = 20  # of fewer the true share is known to hardly ± 0.1

Voter = dict[str, int]  # comment → vote
Tally = Counter[int]  # vote → how many
Pair = dict[str, float]  # endorsed, contested


def run(path: Path) -> Iterator[Row]:
    """A row for each conversation of the folder, then their mean.

    `baseline` are the counts as they are (agreement; the smaller side), `formula` the two formulas without what is
    usual. `attainable` is what the best of rankings gets where shares are really spread as they seem to be: so much
    is lost by the few votes on either side.
    """
    rows = []
    for file in [path / "votes.csv"] if (path / "votes.csv").exists() else sorted(path.glob("*/votes.csv")):
        voters = _conversation(file)
        if len(voters) >= LEAST_VOTERS and (row := _judge(voters)):
            rows.append(row)
            yield {"eval": "ranking", "file": file.parent.name, "n": len(voters), "share": SHARE, **_shown([row])}
    if not rows:
        raise Refusal(f"{path} holds no conversation of {LEAST_VOTERS} voters as votes.csv or NAME/votes.csv")
    yield {"eval": "ranking", "file": path.name, "n": len(rows), "share": SHARE, **_shown(rows)}


def _shown(rows: Sequence[dict[str, Pair]]) -> dict[str, Pair]:
    """Their mean, rounded."""
    return {
        method: {name: round(mean(row[method][name] for row in rows), 3) for name in pair}
        for method, pair in rows[0].items()
    }


def _conversation(file: Path) -> list[Voter]:
    """Voters in a fixed order; a voter's last vote on a comment counts."""
    voters: dict[str, Voter] = {}
    with file.open(encoding="utf-8", newline="") as lines:
        try:
            for row in csv.DictReader(lines):
                voters.setdefault(row["voter-id"], {})[row["comment-id"]] = int(row["vote"])
        except (KeyError, TypeError, ValueError) as error:
            raise Refusal(f"{file}: a row without comment-id, voter-id or a vote in numbers") from error
    return [voters[key] for key in sorted(voters)]


def _judge(voters: Sequence[Voter]) -> dict[str, Pair]:
    """By method the mean correlations over all draws; nothing where no three comments can be judged."""
    found: dict[str, list[tuple[float, float]]] = {}
    for draw in range(DRAWS):
        mixed = random.Random(draw).sample(voters, len(voters))
        cut = round(SHARE * len(mixed))
        told, judges = _tally(mixed[:cut]), _tally(mixed[cut:])
        comments = sorted(one for one, votes in judges.items() if votes.total() >= LEAST_JUDGES)
        if len(comments) < 3:
            return {}
        seen, true = [told[one] for one in comments], [judges[one] for one in comments]
        shares, splits = [votes[1] / votes.total() for votes in true], [_split(votes[1], votes[-1]) for votes in true]
        for method, (likes, divides) in _scores(seen).items():
            found.setdefault(method, []).append((spearman(likes, shares), spearman(divides, splits)))
        found.setdefault("attainable", []).append(_attainable(seen, true, np.random.default_rng(draw)))
    means: dict[str, Pair] = {
        method: {"endorsed": mean(pair[0] for pair in pairs), "contested": mean(pair[1] for pair in pairs)}
        for method, pairs in found.items()
    }
    means["gain"] = {name: means["ours"][name] - means["baseline"][name] for name in means["ours"]}
    return means


def _scores(seen: Sequence[Tally]) -> dict[str, tuple[list[float], list[float]]]:
    """By method what each comment is worth as endorsed and as contested."""
    expected = usual((votes[1], votes[-1]) for votes in seen)
    likes = [endorsed(votes[1], votes.total()) for votes in seen]
    return {
        "ours": (likes, [contested(votes[1], votes[-1], expected) for votes in seen]),
        "baseline": ([votes[1] for votes in seen], [min(votes[1], votes[-1]) for votes in seen]),
        "formula": (likes, [contested(votes[1], votes[-1]) for votes in seen]),
    }


def _attainable(seen: Sequence[Tally], judges: Sequence[Tally], chance: np.random.Generator) -> tuple[float, float]:
    """The correlations with as many votes on as many comments, if shares lie as `usual` reads them."""
    found = []
    for against in ((-1, 0), (-1,)):  # endorsed counts who passed over it too
        sizes = [[votes[1] + sum(votes[one] for one in against) for votes in part] for part in (seen, judges)]
        likes = [a[1] + b[1] for a, b in zip(seen, judges, strict=True)]
        spread = usual(zip(likes, (sum(pair) - a for *pair, a in zip(*sizes, likes, strict=True)), strict=True))
        spread = spread or Usual(1, 1)
        shares = chance.beta(spread.agree, spread.disagree, len(seen))
        few, many = (chance.binomial(size, shares).tolist() for size in sizes)
        if len(against) > 1:
            votes = spread.agree + spread.disagree
            guess = [(a + spread.agree) / (n + votes) for a, n in zip(few, sizes[0], strict=True)]
            truth = [a / n for a, n in zip(many, sizes[1], strict=True)]
        else:
            guess = [contested(a, n - a, spread) for a, n in zip(few, sizes[0], strict=True)]
            truth = [_split(a, n - a) for a, n in zip(many, sizes[1], strict=True)]
        found.append(spearman(guess, truth))
    return found[0], found[1]


def _tally(voters: Sequence[Voter]) -> defaultdict[str, Tally]:
    counts: defaultdict[str, Tally] = defaultdict(Counter)
    for voter in voters:
        for comment, vote in voter.items():
            counts[comment][vote] += 1
    return counts


def _split(agree: int, disagree: int) -> float:
    return 4 * agree * disagree / (agree + disagree) ** 2 if agree + disagree else 0.0
