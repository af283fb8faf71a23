"""Who drives: a champion, until a challenger is faster in five laps in a row."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.actor import actor_layers, weight_count
from robot.practice.champion import EPISODES, Champion
from robot.runtime.episodes import Outcome, make_episode

LAYERS = actor_layers(50, 2)


def policy(value: float) -> np.ndarray:
    return np.full(weight_count(LAYERS), value, np.float32)


OLD, NEW = policy(1.0), policy(2.0)


def drive(champion: Champion, weights: np.ndarray, *laps_s: float, clean: bool = True) -> list[bool]:
    """Laps that end with these weights; what the champion says to each."""
    said, outcome = [], Outcome.SUCCESS if clean else Outcome.TAKEN_OVER
    for lap_s in laps_s:
        lap = {"practice_s": 0.0, "merit": lap_s, "outcome": outcome, "baseline": False}
        said.append(champion.add(make_episode(LAYERS, 0, lap, weights)))
    return said


@pytest.fixture
def champion() -> Champion:
    """One of five laps of 8 s, which had another before it."""
    champion = Champion(OLD)
    drive(champion, OLD, 9.0, 8.2, 7.9, 8.0, 8.1, 7.8)
    assert champion.median_cost == 8.0
    return champion


def test_it_is_challenged_after_five_laps_of_its_own() -> None:
    champion = Champion(OLD)
    drive(champion, NEW, 8.0)
    drive(champion, OLD, *[8.0] * EPISODES)  # before the first of them, another drove
    assert not champion.may_be_challenged
    drive(champion, OLD, 8.0)
    assert champion.may_be_challenged
    champion.challenge(NEW)
    assert champion.driving is NEW
    assert not champion.may_be_challenged


def test_a_challenger_wins_with_five_faster_laps(champion: Champion) -> None:
    champion.challenge(NEW)
    assert drive(champion, NEW, 8.1) == [False]  # the wheel changed hands in it
    assert drive(champion, NEW, 7.9, 7.95, 7.99, 7.0, 7.9) == [False] * 4 + [True]
    assert champion.weights is champion.driving is NEW
    assert not champion.costs
    drive(champion, NEW, *[7.9] * 4)
    assert not champion.may_be_challenged


@pytest.mark.parametrize(
    "laps_s",
    [
        (8.1, 8.0),  # as fast is not faster
        (7.0, 7.0, 8.01),
        (7.0, 7.0, 7.0, 7.0, 7.0, 8.01),
        (8.2,),  # clearly slower, although the champion drove a part of it
    ],
)
def test_its_first_slow_lap_ends_the_challenge(champion: Champion, laps_s: tuple[float, ...]) -> None:
    champion.challenge(NEW)
    assert drive(champion, NEW, *laps_s) == [False] * (len(laps_s) - 1) + [True]
    assert champion.weights is champion.driving is OLD
    assert champion.median_cost == 8.0
    assert drive(champion, NEW, 7.0) == [False]  # it drove for some more metres
    drive(champion, OLD, 8.0, *[8.0] * 4)
    assert not champion.may_be_challenged
    drive(champion, OLD, 8.0)
    assert champion.may_be_challenged


@pytest.mark.parametrize("laps_before", [0, 1, 5])
def test_a_lap_that_is_not_clean_ends_the_challenge(champion: Champion, laps_before: int) -> None:
    champion.challenge(NEW)
    drive(champion, NEW, *[7.0] * laps_before)
    assert drive(champion, NEW, 7.0, clean=False) == [True]
    assert champion.driving is OLD


def test_so_does_a_collision_at_once(champion: Champion) -> None:
    champion.challenge(NEW)
    assert champion.reject()
    assert champion.driving is OLD
    assert not champion.reject()


def test_a_champion_that_is_hardly_known_gives_way_at_once() -> None:
    champion = Champion(OLD)
    drive(champion, OLD, 9.0, 8.0, 8.0)
    champion.challenge(NEW)
    assert champion.weights is champion.driving is NEW
    assert champion.challenger is None


@pytest.mark.parametrize(("laps_s", "worse"), [((8.5, 8.4, 7.0), True), ((8.3, 8.2, 9.9), False)])
@pytest.mark.parametrize("known", [0, 2])  # of the laps of who gives way, when it does
def test_who_gave_way_hardly_known_comes_back_if_the_successor_is_worse(
    laps_s: tuple[float, ...], worse: bool, known: int
) -> None:
    champion = Champion(OLD)
    old_s = (9.0, 8.3, 8.3)  # another drove in the first
    drive(champion, OLD, *old_s[: known + 1])
    champion.challenge(NEW)
    drive(champion, OLD, *old_s[known + 1 :])
    assert drive(champion, NEW, 9.9, *laps_s) == [False] * 3 + [worse]  # the first is the change's
    assert champion.driving is (OLD if worse else NEW)
    assert champion.median_cost == (8.3 if worse else np.median(laps_s))


def test_the_laps_as_it_came_are_the_first_champions() -> None:
    champion, as_it_came = Champion(OLD), policy(1.5)  # the learner explores otherwise
    champion.challenge(NEW)
    for lap_s in (8.3, 8.2):
        lap = {"practice_s": 0.0, "merit": lap_s, "outcome": Outcome.SUCCESS, "baseline": True}
        champion.add(make_episode(LAYERS, 0, lap, as_it_came))
    assert drive(champion, NEW, 9.0, 8.5, 8.5, 8.5) == [False] * 3 + [True]
    assert champion.driving is OLD


def test_a_successor_of_a_successor_is_compared_with_the_first() -> None:
    champion = Champion(OLD)
    drive(champion, OLD, 9.0, 8.3, 8.3)
    champion.challenge(NEW)
    drive(champion, NEW, 9.0, 8.8)
    newest = policy(3.0)
    champion.challenge(newest)
    drive(champion, newest, *[8.4] * 4)
    assert champion.driving is OLD


def test_a_champion_that_touches_gives_way_to_who_does_not() -> None:
    champion = Champion(OLD)
    drive(champion, OLD, 8.0)
    drive(champion, OLD, *[8.0] * EPISODES, clean=False)
    champion.challenge(NEW)
    assert drive(champion, NEW, *[9.0] * 6) == [False] * 5 + [True]
    assert champion.driving is NEW


def test_it_is_measured_by_its_last_five_laps(champion: Champion) -> None:
    drive(champion, OLD, *[8.5] * 3)  # tyres wear
    champion.challenge(NEW)
    assert drive(champion, NEW, *[8.4] * 6) == [False] * 5 + [True]


@given(st.lists(st.floats(7.0, 9.0), min_size=12, max_size=60))
def test_of_five_laps_in_a_row_a_slower_challenger_has_two_at_most(scatter: list[float]) -> None:
    champion, drivers = Champion(OLD), list[bool]()
    for lap_s in scatter:
        challenged = champion.challenger is not None
        drive(champion, champion.driving, lap_s + 2.1 * (challenged and drivers[-1]))  # not where it changes hands
        drivers.append(challenged)
        if champion.may_be_challenged:
            champion.challenge(NEW)
    assert max(sum(drivers[k : k + 5]) for k in range(len(drivers) - 4)) <= 2
    assert champion.weights is OLD


def test_where_more_is_better_a_challenger_wins_with_more() -> None:
    champion = Champion(OLD, lower_is_better=False)
    drive(champion, OLD, *[10.0] * 6)
    champion.challenge(NEW)
    assert drive(champion, NEW, 9.9) == [False]  # the change came in it: not clearly worse
    assert drive(champion, NEW, *[10.1] * 5) == [False] * 4 + [True]
    champion.challenge(OLD)
    assert champion.weights is OLD  # nothing is known of who won
    drive(champion, OLD, *[10.0] * 6)
    champion.challenge(NEW)
    assert drive(champion, NEW, 9.7) == [True]
    assert champion.driving is OLD
