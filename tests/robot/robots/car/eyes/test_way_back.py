"""A car that cannot look behind itself goes back the way that it came, further each time, and gives up in the end."""

import pytest

from robot.robots.car.eyes.way_back import BACK_M, TRIES_MAX, Phase, WayBack

TICK_S = 0.02


def drive(back: WayBack, metres: float, steer_rad: float) -> None:
    for _ in range(round(metres / 0.05)):
        back.watch(0.05, steer_rad)


def reverse(back: WayBack, blocked: bool = False) -> tuple[float, list[float]]:
    """A recovery from the beginning to its end, on wheels that do as they are told: metres rolled, steering angles on the way."""
    back.begin()
    rolled, steered, v_x = 0.0, [], 0.0
    for _ in range(1000):
        command = back.step(TICK_S, v_x, v_x * TICK_S)
        if back.finished:
            return rolled, steered
        v_x = 0.0 if blocked else command.speed_m_s
        rolled += v_x * TICK_S
        if command.speed_m_s < 0.0:
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


def test_it_goes_no_further_back_than_it_knows_and_gives_up() -> None:
    back = WayBack()
    drive(back, 0.3, 0.2)
    assert reverse(back)[0] == pytest.approx(-0.25, abs=0.06)
    assert reverse(back, blocked=True)[0] == 0.0 and back.phase is Phase.DONE
    for _ in range(TRIES_MAX - 2):
        reverse(back, blocked=True)
        assert back.phase is Phase.DONE
    reverse(back, blocked=True)
    assert back.phase is Phase.FAILED
