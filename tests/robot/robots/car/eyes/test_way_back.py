"""A car that cannot look behind itself goes back the way that it came, further each time, and gives up in the end."""

from collections.abc import Callable

import pytest

from robot.robots.car.eyes.way_back import BACK_M, ELSEWHERE_M, TRIES_MAX, Phase, WayBack
from robot.robots.car.shield.supervision import Command

TICK_S = 0.02


def drive(back: WayBack, metres: float, steer_rad: float) -> None:
    for _ in range(round(metres / 0.05)):
        back.watch(0.05, steer_rad)


def reverse(back: WayBack, open_to: Callable[[Command], bool] = lambda command: True) -> tuple[float, list[float]]:
    """A recovery to its end, on wheels that do as they are told where nothing is in the way: metres rolled, steering angles in motion."""
    back.begin()
    rolled, steered, v_x = 0.0, [], 0.0
    for _ in range(2000):
        command = back.step(TICK_S, v_x, v_x * TICK_S)
        if back.finished:
            return rolled, steered
        v_x = command.speed_m_s if open_to(command) else 0.0
        rolled += v_x * TICK_S
        if v_x != 0.0:
            steered.append(command.steer_rad)
    raise AssertionError("it does not end")


def test_it_steers_as_it_steered_there() -> None:
    back = WayBack()
    drive(back, 1.0, 0.1)
    drive(back, 0.4, -0.3)
    rolled, steered = reverse(back)
    assert back.phase is Phase.DONE and rolled == pytest.approx(-BACK_M[0], abs=0.05)
    changes = [k for k in range(1, len(steered)) if steered[k] != steered[k - 1]]
    assert steered[0] == -0.3 and steered[-1] == 0.1 and len(changes) == 1
    assert changes[0] / len(steered) == pytest.approx(0.4 / BACK_M[0], abs=0.1)


def test_it_goes_further_back_each_time_until_it_has_driven_free() -> None:
    back = WayBack()
    drive(back, 4.0, 0.0)
    first, second = reverse(back)[0], reverse(back)[0]
    assert second < first - 0.3
    drive(back, 3.5, 0.0)
    assert reverse(back)[0] == pytest.approx(first, abs=0.05)


def test_it_goes_no_further_back_than_it_knows() -> None:
    back = WayBack()
    drive(back, 0.3, 0.2)
    assert reverse(back)[0] == pytest.approx(-0.25, abs=0.06)


def test_leaning_against_a_wall_it_gets_away_straight_ahead() -> None:
    """It slid there: back is closed, and turning swings its tail out."""
    back = WayBack()
    drive(back, 2.0, 0.35)
    rolled, steered = reverse(back, lambda command: command.speed_m_s > 0.0 and command.steer_rad == 0.0)
    assert back.phase is Phase.DONE and rolled == pytest.approx(ELSEWHERE_M, abs=0.05) and set(steered) == {0.0}


def test_it_gives_up_where_nothing_moves_it_and_where_nothing_helps() -> None:
    back = WayBack()
    drive(back, 2.0, 0.0)
    assert reverse(back, lambda command: False)[0] == 0.0 and back.phase is Phase.FAILED
    back = WayBack()
    for _ in range(TRIES_MAX):
        drive(back, 2.5, 0.0)
        reverse(back)
        assert back.phase is Phase.DONE
    reverse(back)
    assert back.phase is Phase.FAILED
