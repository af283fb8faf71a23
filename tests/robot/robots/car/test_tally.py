"""What counts as a learned lap, and what of it goes into the log."""

import pytest

from robot.robots.car.tally import Tally

LENGTH_M, LAP_S = 20.0, 10.0


def drive(tally: Tally, laps: float, from_s: float = 0.0) -> list[dict]:
    """Drive on at a steady pace; the first lap of all begins at the first crossing of the line."""
    told = []
    for tick in range(round(50 * laps * LAP_S)):
        now = from_s + 0.02 * (tick + 1)
        lap = tally.time_lap(now, (now / LAP_S * LENGTH_M + 0.5 * LENGTH_M) % LENGTH_M)
        told += [lap] if lap else []
    return told


@pytest.fixture
def tally() -> Tally:
    tally = Tally(practice_s=0.0, baseline_laps=2)
    tally.take_course(LENGTH_M)
    return tally


def test_laps_of_the_policy_as_it_came_are_not_learned_ones(tally: Tally) -> None:
    told = drive(tally, 4.7)
    assert [lap["baseline"] for lap in told] == [True, True, False, False]
    assert (tally.laps, tally.laps_driven) == (2, 4)
    assert tally.best_lap_s == pytest.approx(LAP_S)


def test_a_spoiled_lap_is_driven_but_neither_counted_nor_the_best(tally: Tally) -> None:
    drive(tally, 2.7)
    tally.timer.spoil()
    told = drive(tally, 1.0, from_s=27.0)
    assert [lap["clean"] for lap in told] == [False]
    assert (tally.laps, tally.laps_driven, tally.best_lap_s) == (0, 3, 0.0)
