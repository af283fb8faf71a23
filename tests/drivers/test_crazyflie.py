"""The driver against the virtual Crazyflie, through cflib and UDP: connecting, parameters, flying, and every way to end."""

import math
import threading
import time

import pytest

from drivers.base import LinkLost
from drivers.crazyflie import Crazyflie, CrazyflieSettings, first_line
from drivers.crazyflie_reading import IS_ARMED

TICK_S = 0.02


def armed(bench) -> None:
    """Connect and arm."""
    bench.driver.open()
    bench.driver.arm(True)
    bench.until(lambda: bench.driver.read().supervisor & IS_ARMED)


def test_it_connects_over_a_link_that_loses_doubles_and_delays(standing):
    standing.drone.fault("link", loss=0.05, duplicate=0.05, late=0.05)
    standing.driver.open()
    standing.until(lambda: math.isfinite(standing.driver.read().rate_age_s))
    assert abs(standing.driver.read().attitude[0]) > 0.99
    standing.drone.fault("link", loss=0.0, duplicate=0.0, late=0.0)
    standing.driver.close()


def test_what_was_overtaken_on_the_way_is_not_taken_for_news(standing):
    standing.driver.open()
    standing.drone.fault("link", late=0.5, late_s=0.05)
    times_s = []
    for _ in range(50):
        standing.wait(TICK_S)
        times_s.append(standing.driver.read().board_time_s)
    standing.drone.fault("link", late=0.0)
    standing.driver.close()
    assert times_s == sorted(times_s)
    assert len(set(times_s)) > 25


def test_a_device_that_does_not_answer_is_given_up_in_time(standing):
    driver = Crazyflie(CrazyflieSettings(standing.wire.uri, connect_s=0.6), standing)
    standing.wire.silent = True
    began = time.monotonic()
    with pytest.raises(LinkLost, match="cannot connect"):
        driver.open()
    assert time.monotonic() - began < 2.0
    standing.wire.silent = False
    assert driver.reconnect()
    driver.close()


def test_a_parameter_is_confirmed_by_the_drone(standing):
    driver = standing.driver
    driver.open()
    driver.set_parameter("posCtlPid.thrustBase", 30_000)
    standing.until(lambda: driver.parameter("posCtlPid.thrustBase") == 30_000)
    with pytest.raises(ValueError, match=r"no parameter policy\.arm"):
        driver.set_parameter("policy.arm", 1)
    driver.close()


def test_a_variable_that_the_firmware_does_not_log_is_named(standing):
    driver = Crazyflie(CrazyflieSettings(standing.wire.uri), standing, extra=("motor.m1", "policy.active"))
    with pytest.raises(LinkLost, match=r"does not log policy\.active"):
        driver.open()


def test_more_variables_than_a_packet_holds_arrive(standing):
    extra = ("motor.m1", "acc.x", "acc.y", "acc.z", "kalman.varPX", "kalman.varPY", "kalman.varPZ", "sys.isFlying")
    driver = Crazyflie(CrazyflieSettings(standing.wire.uri), standing, extra=extra)
    driver.open()
    standing.until(lambda: set(driver.read().extra) == set(extra))
    assert abs(driver.read().extra["acc.z"] - 1.0) < 0.1
    driver.close()


def test_stop_on_the_ground_leaves_the_motors_still(standing):
    armed(standing)
    standing.driver.stop()
    standing.wait(0.2)
    assert standing.drone.truth().force == 0.0
    standing.driver.arm(False)
    standing.driver.close()


def test_a_drone_in_the_air_lands_by_itself_after_stop_and_close(drone_bench):
    bench = drone_bench(loss=0.02)
    armed(bench)
    while bench.drone.truth().z < 0.3:
        bench.fly_to(0.5, 0.1)
    bench.driver.stop()
    bench.driver.close()
    truths = [bench.drone.truth()]

    def still() -> bool:
        truths.append(bench.drone.truth())
        return truths[-1].force == 0.0

    bench.until(still, 8.0)
    assert truths[-1].z < 0.05
    assert min(truth.v_z for truth in truths) > -1.0, "it comes down under power"
    assert {truth.state for truth in truths} <= {"FLYING", "LANDED"}, "it neither fell nor tumbled"


def test_a_dead_device_is_a_lost_link_and_nothing_hangs(drone_bench):
    bench = drone_bench()
    armed(bench)
    bench.fly_to(0.3, 0.5)
    bench.wire.unplug()
    with pytest.raises(LinkLost):
        bench.fly_to(0.3, 1.0)
        bench.driver.read()
    began = time.monotonic()
    bench.driver.stop()
    bench.driver.close()
    assert time.monotonic() - began < 2.0
    assert not [thread for thread in threading.enumerate() if "ping" in thread.name]


def test_a_link_that_has_just_gone_is_trouble_before_cflib_says_why(standing):
    standing.driver.open()
    standing.driver._cf.link, link = None, standing.driver._cf.link  # as cflib's thread does first
    assert "the link is gone" in standing.driver.trouble()
    standing.driver._cf.link = link
    standing.driver.close()


@pytest.mark.parametrize("field", ["connect_s", "reach_m", "height_max_m", "landing_m_s"])
def test_settings_that_make_no_sense_are_refused_by_name(field):
    with pytest.raises(ValueError, match=field):
        CrazyflieSettings("udp://127.0.0.1:1", **{field: 0.0})


def test_of_a_traceback_one_line_is_told():
    text = (
        'Couldn\'t load link driver: \n\nTraceback (most recent call last):\n  File "x.py", line 1\nOSError: no dongle'
    )
    assert first_line(text) == "Couldn't load link driver"
    assert first_line("") == "no reason given"
