"""Rankings, intervals, agreement and correlations, against cases worked out by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from workbench.client.votes.agreement import alpha, consistency, units_of
from workbench.client.votes.ballots import Ballots
from workbench.client.votes.correlation import correlated, ranked, spearman
from workbench.client.votes.pair_choice import gains, next_pair, repeated_pair
from workbench.client.votes.strengths import fit, ranks, strengths


def ballots(items: int, *votes: tuple[int, int, float, int, int]) -> Ballots:
    """From (left, right, score, rater, times)."""
    return Ballots.of(items, [vote[:4] for vote in votes for _ in range(vote[4])])


def test_two_items_have_the_odds_of_their_wins() -> None:
    cast = ballots(2, (0, 1, 1.0, 0, 15), (1, 0, 1.0, 0, 5))
    first, second = fit(cast.wins, prior=0.0)
    assert first - second == pytest.approx(math.log(3), abs=1e-3)
    assert first + second == pytest.approx(0, abs=1e-9)


def test_a_tie_counts_half_for_both() -> None:
    with_ties = ballots(2, (0, 1, 1.0, 0, 5), (0, 1, 0.5, 0, 10))
    counted = ballots(2, (0, 1, 1.0, 0, 10), (0, 1, 0.0, 0, 5))
    assert np.array_equal(with_ties.wins, counted.wins)
    assert fit(with_ties.wins) == pytest.approx(fit(counted.wins))


def test_the_side_does_not_matter() -> None:
    one = ballots(3, (0, 1, 1.0, 0, 3), (1, 2, 1.0, 0, 3), (0, 2, 0.0, 0, 1))
    other = ballots(3, (1, 0, 0.0, 0, 3), (2, 1, 0.0, 0, 3), (2, 0, 1.0, 0, 1))
    assert fit(one.wins) == pytest.approx(fit(other.wins))


def test_the_fit_solves_the_likelihood_equations() -> None:
    """At the maximum, the expected wins of each item are its counted wins (Ford 1957)."""
    wins = np.array([[0, 7, 4, 9], [3, 0, 6, 5], [6, 4, 0, 8], [1, 5, 2, 0]], float)
    found = fit(wins, prior=0.0)
    chance = 1 / (1 + np.exp(found[None, :] - found[:, None]))
    assert ((wins + wins.T) * chance).sum(axis=1) == pytest.approx(wins.sum(axis=1), abs=0.01)


def test_an_item_that_won_everything_has_a_finite_strength() -> None:
    found = strengths(ballots(3, (0, 1, 1.0, 0, 4), (0, 2, 1.0, 0, 4), (1, 2, 0.5, 0, 4)), replicates=50)
    assert np.isfinite([found.strength, found.low, found.high]).all()
    assert found.strength[0] == max(found.strength)


def test_more_votes_make_narrower_intervals_and_the_same_call_the_same_ones() -> None:
    some = ballots(2, (0, 1, 1.0, 0, 6), (0, 1, 0.0, 0, 4))
    many = ballots(2, (0, 1, 1.0, 0, 60), (0, 1, 0.0, 0, 40))
    wide, narrow = strengths(some, replicates=200), strengths(many, replicates=200)
    assert (narrow.high - narrow.low < (wide.high - wide.low) / 2).all()
    assert np.array_equal(strengths(some, replicates=200).low, wide.low)


def test_raters_who_differ_make_wider_intervals_than_their_votes_alone() -> None:
    cast = ballots(2, *((0, 1, float(rater % 2), rater, 20) for rater in range(12)))
    over_votes = strengths(cast, replicates=300, over="votes")
    over_raters = strengths(cast, replicates=300)
    assert (over_votes.over, over_raters.over) == ("votes", "raters")
    assert over_raters.high[0] - over_raters.low[0] > 2 * (over_votes.high[0] - over_votes.low[0])


def test_places_go_by_the_lower_bound() -> None:
    assert ranks(np.array([0.1, 0.5, -0.2, 0.1])) == [2, 1, 4, 2]


def test_no_votes_give_no_intervals() -> None:
    found = strengths(Ballots.of(3, []))
    assert np.isnan(found.low).all()
    assert found.strength.tolist() == [0, 0, 0]


# -- pairs --------------------------------------------------------------------------------------


def test_the_pair_with_the_fewest_votes_is_worth_most() -> None:
    wins = np.array([[0, 10, 10], [10, 0, 1], [10, 1, 0]], float)
    gain = gains(wins)
    assert gain[1, 2] > gain[0, 1]
    assert np.allclose(gain, gain.T)


def test_a_decided_pair_is_worth_less_than_a_close_one() -> None:
    wins = np.array([[0, 5, 10], [5, 0, 10], [0, 0, 0]], float)
    gain = gains(wins)
    assert gain[0, 1] < gain[0, 0] + 1
    chosen = {tuple(sorted(next_pair(wins, np.random.default_rng(seed)) or ())) for seed in range(5)}
    assert chosen <= {(0, 2), (1, 2), (0, 1)} and chosen


def test_sides_are_random_and_numbers_of_votes_balanced() -> None:
    random, wins, left = np.random.default_rng(3), np.zeros((5, 5)), 0
    for _ in range(200):
        pair = next_pair(wins, random)
        assert pair is not None
        left += pair[0] < pair[1]
        wins[pair] += 0.5
        wins[pair[::-1]] += 0.5
    votes = wins.sum(axis=0) + wins.sum(axis=1)
    assert 70 < left < 130
    assert votes.max() - votes.min() <= 4


def test_a_rater_sees_a_pair_again_only_after_all_others_and_never_an_item_that_is_gone() -> None:
    random, seen = np.random.default_rng(0), set()
    for _ in range(6):
        pair = next_pair(np.zeros((4, 4)), random, seen=seen)
        assert pair is not None and tuple(sorted(pair)) not in {tuple(sorted(one)) for one in seen}
        seen.add(pair)
    assert next_pair(np.zeros((4, 4)), random, seen=seen) is not None
    assert set(next_pair(np.zeros((4, 4)), random, without={1, 3}) or ()) == {0, 2}
    assert next_pair(np.zeros((4, 4)), random, without={1, 2, 3}) is None


def test_a_pair_is_repeated_with_its_sides_swapped_and_not_at_once() -> None:
    shown = [(str(at), at, at + 1) for at in range(10)]
    random = np.random.default_rng(0)
    assert repeated_pair(shown[:4], set(), random, share=0.5) is None
    found = repeated_pair(shown, set(), random, share=0.2)
    assert found is not None
    name, left, right = found
    assert (left, right) == (int(name) + 1, int(name)) and int(name) < 6
    assert repeated_pair(shown, {"0", "1", "2"}, random, share=0.2) is None
    assert repeated_pair(shown, set(), random, share=0.0) is None


# -- agreement --------------------------------------------------------------------------------------


def test_alpha_is_one_for_raters_who_agree_and_below_zero_for_those_who_do_not() -> None:
    assert alpha({(0, 1): [1, 1, 1], (0, 2): [-1, -1]}) == 1
    against = alpha({(0, 1): [1, -1], (0, 2): [1, -1]})
    assert against is not None and against < 0
    assert alpha({(0, 1): [1]}) is None


def test_alpha_by_hand() -> None:
    # Two pairs, two raters: (1, 1) and (1, 0). In both orders: 8 values, all squared differences by hand.
    # Observed: 2 * (0 + 2 * 1) / 1 / 8 = 0.5. Expected: 2 * 8 * 6 / (8 * 7) = 12 / 7.
    assert alpha({(0, 1): [1, 1], (1, 2): [1, 0]}) == pytest.approx(1 - 0.5 / (12 / 7))


def test_alpha_agrees_with_an_independent_implementation() -> None:
    from evalica import alpha as reference

    random = np.random.default_rng(5)
    values = random.choice([-1.0, 0.0, 1.0], size=(12, 4), p=[0.2, 0.2, 0.6])
    both = np.concatenate([values, -values])
    import pandas as pd

    expected = reference(pd.DataFrame(both.T), distance="interval").alpha
    assert alpha({(0, at + 1): row.tolist() for at, row in enumerate(values)}) == pytest.approx(expected)


def test_alpha_does_not_depend_on_which_item_counts_as_the_first() -> None:
    cast = ballots(3, (0, 1, 1.0, 0, 1), (1, 0, 0.0, 1, 1), (0, 2, 0.5, 0, 1), (2, 0, 1.0, 1, 1))
    renamed = ballots(3, (1, 0, 1.0, 0, 1), (0, 1, 0.0, 1, 1), (1, 2, 0.5, 0, 1), (2, 1, 1.0, 1, 1))
    assert alpha(units_of(cast)) == pytest.approx(alpha(units_of(renamed)))
    assert units_of(cast)[0, 1] == [1, 1]


def test_consistency_is_the_share_of_equal_votes() -> None:
    assert consistency([(1, 1), (0, 0.5), (0.5, 0.5), (1, 0)]) == 0.5
    assert consistency([]) is None


# -- metrics --------------------------------------------------------------------------------------


def test_equal_values_share_the_mean_of_their_ranks() -> None:
    assert ranked(np.array([3.0, 1.0, 3.0, 0.0])).tolist() == [3.5, 2, 3.5, 1]


def test_spearman_agrees_with_scipy() -> None:
    from scipy.stats import spearmanr

    random = np.random.default_rng(2)
    one, two = random.integers(0, 5, 20).astype(float), random.normal(size=20)
    assert spearman(one, two) == pytest.approx(spearmanr(one, two).statistic)
    assert spearman(np.ones(5), two[:5]) is None


def test_a_metric_that_orders_like_the_votes_has_a_correlation_of_one() -> None:
    strength = np.array([-1.0, -0.2, 0.3, 0.9, 1.1])
    drawn = strength + np.random.default_rng(0).normal(0, 0.05, (300, 5))
    found = correlated(np.array([1.0, 2.0, 3.0, 4.0, np.nan]), strength, drawn)
    assert found is not None
    assert (found.rho, found.items) == (1, 4)
    assert found.low is not None and found.low > 0.5
    assert correlated(np.array([1.0, 2.0, np.nan, np.nan, np.nan]), strength, drawn) is None
    few = correlated(np.array([1.0, 2.0, 3.0, np.nan, np.nan]), strength, drawn)
    assert few is not None and few.low is None
