"""What raters do: see a pair, answer it, take the last answer back.

Nothing that leaves this module for a rater names a job, a digest, a file or a parameter: pairs have random ids, and a
video has the address of its pair and side.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from schemas.errors import WorkbenchError
from schemas.refs import VideoRef
from schemas.vote import Ballot, PairOnShow, Side, StudyState, VotingState
from workbench.client.access import User
from workbench.client.deployment import Deployment
from workbench.client.media.derived_files import stream
from workbench.client.votes.pair_choice import next_pair, repeated_pair
from workbench.client.votes.results import ballots_of
from workbench.client.votes.studies import gone_items, unknown
from workbench.store.rater_links import RaterLinks
from workbench.store.votes import ShownPair, Study, Votes, unknown_pair

QUESTION = "Watch both videos, then say for each row which one is better."


@dataclass(frozen=True)
class Rater:
    """Who votes on what.

    Attributes:
        name: as stored with the votes.
        pairs_left: how many more a link allows; None for a logged-in user.
    """

    study: Study
    name: str
    pairs_left: int | None = None


def rater_of_user(deployment: Deployment, user: User, study: str) -> Rater:
    """A logged-in user, who may vote on every study whose id they know. Raises WorkbenchError (study.unknown)."""
    found = Votes(deployment.store.database).get(study)
    if found is None:
        raise unknown(study)
    return Rater(found, f"user {user.name}")


def rater_of_session(deployment: Deployment, session: str) -> Rater:
    """Someone who came by a link. Raises WorkbenchError: rater_link.unknown, rater_link.ended."""
    linked = RaterLinks(deployment.store.database).rater(session)
    found = Votes(deployment.store.database).get(linked.study)
    if found is None:
        raise unknown(linked.study)
    return Rater(found, linked.rater, linked.pairs_left)


def state(deployment: Deployment, rater: Rater) -> VotingState:
    """The pair that the rater sees now, the next one if there is none, and the progress."""
    store, study = Votes(deployment.store.database), rater.study
    pairs = store.pairs(study.id)
    mine = [pair for pair in pairs if pair.rater == rater.name]
    answered = sum(pair.answered_at is not None for pair in mine)
    wanted = study.settings.pairs
    if rater.pairs_left is not None:
        wanted = min(wanted, answered + max(0, rater.pairs_left))
    gone = gone_items(deployment, study)
    shown = next((pair for pair in mine if pair.answered_at is None), None)
    if shown is not None and {shown.left, shown.right} & gone:
        store.withdraw(shown.id)
        pairs = [pair for pair in pairs if pair.id != shown.id]
        mine = [pair for pair in mine if pair.id != shown.id]
        shown = None
    closed, reason = study.state is not StudyState.OPEN, ""
    if closed:
        reason = "This study is closed."
    elif len(study.items) - len(gone) < 2:
        reason = "The videos of this study are gone."
    elif answered >= wanted:
        reason = "That was the last pair."
    if reason:
        shown = None
    elif shown is None:
        shown = _next(store, rater, pairs, mine, gone)
    on_show = None
    if shown is not None:
        named = f"?study={study.id}" if rater.pairs_left is None else ""  # a link's browser has its cookie
        left, right = (f"/api/vote/pairs/{shown.id}/{side.value}{named}" for side in Side)
        on_show = PairOnShow(pair=shown.id, left=left, right=right)
    return VotingState(
        question=study.settings.question or QUESTION,
        axes=list(study.settings.axes),
        answered=answered,
        wanted=wanted,
        may_undo=answered > 0 and not closed,
        closed=closed,
        reason=reason,
        pair=on_show,
    )


def answer(deployment: Deployment, rater: Rater, ballot: Ballot) -> VotingState:
    """Keep an answer, and go on to the next pair. The same answer again changes nothing.

    Raises WorkbenchError: vote.unknown, vote.bad_choice, vote.answered, study.closed, rater_link.ended.
    """
    pair = _own(deployment, rater, ballot.pair)
    axes = rater.study.settings.axes
    if set(ballot.choices) != set(axes):
        raise WorkbenchError(
            "vote.bad_choice",
            "a vote has one choice for each axis",
            where="choices",
            seen=sorted(ballot.choices),
            allowed=list(axes),
            remedy="Choose left, tie or right in each row.",
        )
    if rater.pairs_left is not None and rater.pairs_left <= 0 and pair.answered_at is None:
        raise WorkbenchError("rater_link.ended", "all pairs of this link are answered", remedy="Thank you.")
    if not Votes(deployment.store.database).answer(pair, ballot.choices, ballot.seconds):
        raise WorkbenchError(
            "vote.answered",
            "this pair was already answered differently, perhaps in another window",
            remedy="Load the page again. To change the last answer, use Undo.",
        )
    left = None if rater.pairs_left is None else rater.pairs_left - (pair.answered_at is None)
    return state(deployment, _again(deployment, rater, left))


def undo(deployment: Deployment, rater: Rater) -> VotingState:
    """Put the rater's last answered pair on show again, without its votes.

    Raises WorkbenchError: vote.nothing_to_undo, study.closed.
    """
    if rater.study.state is not StudyState.OPEN:
        raise WorkbenchError("study.closed", "the study is closed", remedy="All earlier votes are kept.")
    if Votes(deployment.store.database).undo(rater.study.id, rater.name) is None:
        raise WorkbenchError("vote.nothing_to_undo", "there is no vote to undo", remedy="Answer a pair first.")
    left = None if rater.pairs_left is None else rater.pairs_left + 1
    return state(deployment, _again(deployment, rater, left))


def video(deployment: Deployment, rater: Rater, pair: str, side: Side) -> Path:
    """A copy of a video on show, without metadata. Blocks.

    Raises WorkbenchError: vote.unknown for a pair that this rater does not have on show; artifact.no_stream, store.*.
    """
    shown = _own(deployment, rater, pair)
    if shown.answered_at is not None:
        raise unknown_pair(pair)
    if {shown.left, shown.right} & gone_items(deployment, rater.study):
        raise unknown_pair(pair)
    item = rater.study.items[shown.left if side is Side.LEFT else shown.right]
    return stream(deployment, VideoRef(sha256=item.sha256))[1]


def _again(deployment: Deployment, rater: Rater, pairs_left: int | None) -> Rater:
    """The rater after a change."""
    found = Votes(deployment.store.database).get(rater.study.id)
    if found is None:
        raise unknown(rater.study.id)
    return Rater(found, rater.name, pairs_left)


def _own(deployment: Deployment, rater: Rater, pair: str) -> ShownPair:
    found = Votes(deployment.store.database).find(pair)
    if found is None or (found.study, found.rater) != (rater.study.id, rater.name):
        raise unknown_pair(pair)
    return found


def _next(
    store: Votes, rater: Rater, pairs: Sequence[ShownPair], mine: Sequence[ShownPair], gone: set[int]
) -> ShownPair | None:
    study, random = rater.study, np.random.default_rng()
    firsts = [(pair.id, pair.left, pair.right) for pair in mine if pair.repeat_of is None]
    repeated = {pair.repeat_of for pair in mine if pair.repeat_of is not None}
    once_more = repeated_pair(firsts, repeated, random, share=study.settings.repeats, without=gone)
    if once_more is not None and random.random() < 0.5:
        name, left, right = once_more
        return store.show(study.id, rater.name, left, right, name)
    axis = "overall" if "overall" in study.settings.axes else study.settings.axes[-1]
    wins = ballots_of(study, pairs, store.choices(study.id), axis).wins
    for pair in pairs:  # others have these on show now
        if pair.answered_at is None:
            wins[pair.left, pair.right] += 0.5
            wins[pair.right, pair.left] += 0.5
    chosen = next_pair(wins, random, seen={(left, right) for _, left, right in firsts}, without=gone)
    return None if chosen is None else store.show(study.id, rater.name, *chosen, None)
