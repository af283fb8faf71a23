import pytest

from robot.robots.car.estimation.lidar_period import MEASURED_S, USUAL_S, LidarPeriod

TICK_S = 0.02


@pytest.mark.parametrize("hz", [5.5, 10.0, 13.0, 40.0])
def test_the_period_is_measured_by_the_number_of_the_revolution(hz):
    period = LidarPeriod()
    for tick in range(500):
        now_s = TICK_S * tick
        seconds = period.update(now_s, int(now_s * hz))
        assert now_s > MEASURED_S - TICK_S or seconds == USUAL_S
    assert seconds == pytest.approx(1.0 / hz, rel=0.01)


def test_after_silence_or_a_new_beginning_it_is_measured_anew_and_kept_until_then():
    period = LidarPeriod()
    for tick in range(200):
        period.update(TICK_S * tick, int(TICK_S * tick * 5.0))
    known = period.seconds
    assert known == pytest.approx(0.2, rel=0.02)
    assert period.update(20.0, 0) == known  # its power was gone
    for tick in range(100):
        assert period.update(20.0 + TICK_S * tick, int(TICK_S * tick * 10.0)) in (known, pytest.approx(0.1, rel=0.1))
    for tick in range(100, 400):
        period.update(20.0 + TICK_S * tick, int(TICK_S * tick * 10.0))
    assert period.seconds == pytest.approx(0.1, rel=0.01)


def test_a_number_that_never_changes_says_nothing():
    period = LidarPeriod()
    assert {period.update(0.02 * tick, 0) for tick in range(500)} == {USUAL_S}
