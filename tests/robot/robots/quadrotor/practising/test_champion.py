"""Which policy flies: the best by its flights, and a new one for as long as it flies no worse."""

import numpy as np

from robot.robots.quadrotor.practising.champion import Candidate, Contest

FULL_V, EMPTIER_V = 3.9, 3.7


def contest() -> Contest:
    """A policy of 5 cm, and a new one."""
    return Contest(Candidate(0, np.zeros(1), errors_m=[0.05], batteries_v=[FULL_V]), Candidate(1, np.ones(1)))


def test_who_flies_better_is_the_best_from_now_on():
    one = contest()
    assert "best so far" in one.take(0.03, FULL_V)
    assert one.best.version == 1 and one.flying is one.best


def test_who_strays_further_gives_its_place_back():
    one = contest()
    assert "back to 0" in one.take(0.06, FULL_V)
    assert one.flying.version == 0


def test_who_loses_the_drone_gives_its_place_back_however_bad_the_other_is():
    one = contest()
    one.best.failures = 1
    assert "back to 0" in one.take(None, FULL_V)
    assert one.flying.version == 0


def test_who_is_about_as_good_flies_on_and_is_judged_by_the_median():
    one = contest()
    assert one.take(0.052, FULL_V) == ""
    assert one.flying.version == 1
    one.take(0.045, FULL_V)
    assert one.best.version == 1 and one.best.errors_m == [0.052, 0.045]


def test_whoever_flies_a_whole_flight_is_better_than_one_that_failed():
    one = contest()
    one.best.failures = 1
    one.take(0.2, FULL_V)
    assert one.best.version == 1


def test_a_policy_that_failed_once_has_no_error_any_more():
    assert Candidate(0, np.zeros(1), errors_m=[0.01], batteries_v=[FULL_V], failures=1).error_m is None


def test_two_flights_that_stay_at_one_place_are_a_lean_and_scatter_is_none():
    one, two = contest(), contest()
    for lean_m in ([0.02, 0.0, 0.0], [0.02, 0.01, 0.0]):
        assert not one.flying.leans  # one flight does not tell
        one.take(0.03, FULL_V, np.array(lean_m))
    assert one.best.leans and one.best.stays_m.tolist() == [0.02, 0.005, 0.0]
    for lean_m in ([0.02, 0.0, 0.0], [-0.02, 0.0, 0.0]):
        two.take(0.03, FULL_V, np.array(lean_m))
    assert not two.best.leans
    one.best.straightened = True
    assert not one.best.leans


def test_it_counts_who_has_lost_against_the_best():
    one = contest()
    one.take(0.06, FULL_V)
    one.challenger = Candidate(2, np.ones(1))
    one.take(None, FULL_V)
    assert one.best.version == 0 and one.best.beaten == 2
    one.challenger = Candidate(3, np.ones(1))
    one.take(0.01, FULL_V)
    assert one.best.version == 3 and one.best.beaten == 0


def test_who_flew_on_an_emptier_battery_is_compared_with_a_flight_of_the_best_on_one_alike():
    one = contest()
    assert "policy 0 flies again" in one.take(0.07, EMPTIER_V)
    assert one.flying.version == 0 and one.best.version == 0
    assert "policy 1 is the best" in one.take(0.08, EMPTIER_V - 0.02)  # the battery had made it worse, not the policy
    assert one.flying.version == 1
    two = contest()
    two.take(0.045, FULL_V + 0.3)  # charged meanwhile: better than 5 cm for that alone
    assert "back to 0" in two.take(0.03, FULL_V + 0.3)
    assert two.best.errors_m == [0.05, 0.03]


def test_the_best_flies_again_only_once_however_much_the_battery_has_lost_meanwhile():
    one = contest()
    one.take(0.07, EMPTIER_V)
    assert "back to 0" in one.take(0.06, EMPTIER_V - 0.2)
    assert one.flying.version == 0 and not one.again


def test_the_best_that_fails_when_it_flies_again_has_lost():
    one = contest()
    one.take(0.07, EMPTIER_V)
    one.take(None, EMPTIER_V)
    assert one.best.version == 1 and one.flying is one.best


def test_only_flights_on_batteries_alike_count_and_those_of_which_nobody_noted_it():
    flown = Candidate(0, np.zeros(1), errors_m=[0.01, 0.03, 0.08], batteries_v=[FULL_V, EMPTIER_V, EMPTIER_V - 0.2])
    assert flown.error_on_m(EMPTIER_V + 0.02) == 0.03 and flown.error_on_m(3.2) is None
    assert Candidate(0, np.zeros(1), errors_m=[0.04], batteries_v=[np.nan]).error_on_m(3.2) == 0.04
