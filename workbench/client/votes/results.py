"""What the votes of a study show, computed when someone asks and kept until the next vote."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

import numpy as np

from schemas.vote import AxisResult, Choice, MetricCorrelation, RankedItem, StudyResults
from workbench.client.deployment import Deployment
from workbench.client.metric_meanings import of_name
from workbench.client.votes.agreement import alpha, consistency, units_of
from workbench.client.votes.ballots import SCORE, Ballots, Numbers
from workbench.client.votes.correlation import correlated
from workbench.client.votes.strengths import REPLICATES, ranks, strengths
from workbench.store.columns import metrics_of
from workbench.store.votes import ShownPair, Study, Votes

_WORK = 40_000  # replicates times squared items, for one axis
FEWEST_REPLICATES = 200


def results_of(deployment: Deployment, study: Study) -> StudyResults:
    """The results, as kept if no vote has come since. Blocks: a second for 12 items and 4 axes."""
    if study.results is not None and study.results_of == study.version:
        return study.results
    store = Votes(deployment.store.database)
    found = computed(study, store.pairs(study.id), store.choices(study.id), _metrics(deployment, study))
    store.keep_results(study.id, study.version, found)
    return found


def ballots_of(study: Study, pairs: Sequence[ShownPair], choices: dict[str, dict[str, Choice]], axis: str) -> Ballots:
    """The votes on an axis. Repeats are left out, because they say nothing new about the items."""
    people = {name: at for at, name in enumerate(dict.fromkeys(pair.rater for pair in pairs))}
    return Ballots.of(
        len(study.items),
        [
            (pair.left, pair.right, SCORE[choices[pair.id][axis]], people[pair.rater])
            for pair in pairs
            if pair.repeat_of is None and axis in choices.get(pair.id, {})
        ],
    )


def computed(
    study: Study,
    pairs: Sequence[ShownPair],
    choices: dict[str, dict[str, Choice]],
    metrics: dict[str, Numbers],
) -> StudyResults:
    """The results of these votes.

    Args:
        metrics: node.metric -> (items,), NaN where an item has none.
    """
    answered = [pair for pair in pairs if pair.answered_at is not None]
    times = [pair.seconds for pair in answered if pair.seconds is not None]
    return StudyResults(
        axes=[_axis(study, answered, choices, axis, metrics) for axis in study.settings.axes],
        pairs=len(answered),
        raters=len({pair.rater for pair in answered}),
        seconds_a_pair=round(median(times), 2) if times else None,
    )


def _axis(
    study: Study,
    pairs: Sequence[ShownPair],
    choices: dict[str, dict[str, Choice]],
    axis: str,
    metrics: dict[str, Numbers],
) -> AxisResult:
    ballots = ballots_of(study, pairs, choices, axis)
    count = max(1, len(study.items))
    replicates = int(np.clip(_WORK // count**2, FEWEST_REPLICATES, REPLICATES))
    over = "" if study.settings.interval == "auto" else study.settings.interval
    found = strengths(ballots, replicates=replicates, over=over)
    votes, wins, places = ballots.votes_of_items, ballots.wins.sum(axis=1), ranks(found.low)
    ranking = [
        RankedItem(
            item=item,
            rank=places[item] if len(ballots) else 0,
            strength=round(float(found.strength[item]), 4),
            low=_rounded(found.low[item]),
            high=_rounded(found.high[item]),
            votes=int(votes[item]),
            wins=round(float(wins[item]) / int(votes[item]), 4) if votes[item] else 0.0,
        )
        for item in range(len(study.items))
    ]
    units = units_of(ballots)
    agreement, repeats = alpha(units), _repeats(pairs, choices, axis)
    same = consistency(repeats)
    correlations = []
    for name, values in sorted(metrics.items()):
        if not len(ballots):
            break
        one = correlated(values, found.strength, found.drawn)
        if one is not None:
            meaning = of_name(name.partition(".")[2])
            better = str(meaning.better or "") if meaning else ""
            ends = {"low": one.low if one.low is None else _rounded(one.low), "high": _rounded(one.high)}
            correlations.append(
                MetricCorrelation(metric=name, better=better, rho=round(one.rho, 4), items=one.items, **ends)
            )
    return AxisResult(
        axis=axis,
        votes=len(ballots),
        ranking=sorted(ranking, key=lambda one: (one.rank, -one.strength)),
        drawn=found.over,
        alpha=None if agreement is None else round(agreement, 4),
        shared_pairs=sum(len(values) >= 2 for values in units.values()),
        consistency=None if same is None else round(same, 4),
        repeats=len(repeats),
        correlations=sorted(correlations, key=lambda one: -abs(one.rho)),
    )


def _repeats(pairs: Sequence[ShownPair], choices: dict[str, dict[str, Choice]], axis: str) -> list[tuple[float, float]]:
    known = {pair.id: pair for pair in pairs}
    found = []
    for pair in pairs:
        before = known.get(pair.repeat_of or "")
        if before is None or axis not in choices.get(pair.id, {}) or axis not in choices.get(before.id, {}):
            continue
        first, again = SCORE[choices[before.id][axis]], SCORE[choices[pair.id][axis]]
        found.append((first, again if before.left == pair.left else 1 - again))
    return found


def _metrics(deployment: Deployment, study: Study) -> dict[str, Numbers]:
    by_job = metrics_of(deployment.store.database, [item.job for item in study.items])
    names = sorted({name for own in by_job.values() for name in own})
    return {name: np.array([by_job[item.job].get(name, np.nan) for item in study.items], float) for name in names}


def _rounded(value: float | None) -> float | None:
    return None if value is None or not np.isfinite(value) else round(float(value), 4)
