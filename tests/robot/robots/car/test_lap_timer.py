"""Laps are counted and timed at the line, by the way really driven."""

from hypothesis import given
from hypothesis import strategies as st

from robot.robots.car.lap_timer import LapTimer

LENGTH_M = 20.0


def drive(
    timer: LapTimer, speed_m_s: float, seconds: float, start_s: float = 0.0, from_m: float = 15.0
) -> list[tuple[float, bool]]:
    laps = []
    for tick in range(int(seconds / 0.02)):
        time_s = start_s + tick * 0.02
        lap = timer.update(time_s, (from_m + speed_m_s * tick * 0.02) % LENGTH_M)
        if lap:
            laps.append(lap)
    return laps


@given(st.floats(0.5, 6.0), st.floats(0.0, 19.9))
def test_lap_time_is_length_over_speed_whatever_the_ticks_phase(speed_m_s: float, from_m: float) -> None:
    laps = drive(LapTimer(LENGTH_M), speed_m_s, 4 * LENGTH_M / speed_m_s, from_m=from_m)
    assert len(laps) >= 2
    for lap_s, clean in laps:
        assert abs(lap_s - LENGTH_M / speed_m_s) < 1e-6
        assert clean


def test_the_way_to_the_line_is_no_lap() -> None:
    assert drive(LapTimer(LENGTH_M), 2.0, 6.0) == []


def test_to_and_fro_over_the_line_makes_no_lap() -> None:
    timer = LapTimer(LENGTH_M)
    for tick, s in enumerate([19.5, 19.9, 0.2, 0.5, 0.1, 19.8, 19.9, 0.3, 0.6]):
        assert timer.update(tick * 0.1, s) is None


def test_a_spoilt_lap_is_timed_but_not_clean_and_the_next_is_clean_again() -> None:
    timer = LapTimer(LENGTH_M)
    drive(timer, 2.0, 5.0)
    timer.spoil()
    laps = drive(timer, 2.0, 25.0, start_s=5.0, from_m=5.0)
    assert [clean for _, clean in laps] == [False, True]
