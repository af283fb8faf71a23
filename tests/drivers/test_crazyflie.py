"""The driver against the virtual Crazyflie, through cflib and UDP: connecting, parameters, flying, and every way to end."""

import math
import threading
import time

import pytest

from drivers.base import LinkLost
from drivers.crazyflie import IS_ARMED, IS_FLYING, CrazyflieSettings, first_line

TICK_S = 0.02


def armed(bench) -> None:
    """Connect and arm."""
    bench.driver.open()
    bench.driver.arm(True)
    bench.until(lambda: bench.driver.read().supervisor & IS_ARMED)


def test_it_connects_and_flies_over_a_link_that_loses_doubles_and_delays(drone_bench):
    bench = drone_bench(loss=0.05, duplicate=0.05, late=0.05)
    bench.driver.open()
    bench.until(lambda: math.isfinite(bench.driver.read().rate_age_s))
    for ticks in range(150):
        if ticks % 10 == 0:
            bench.driver.arm(True)
        bench.fly_to(0.5, TICK_S)
    assert abs(bench.drone.truth().z - 0.5) < 0.15
    assert abs(bench.driver.read().position_m[2] - 0.5) < 0.15


def test_a_device_that_answers_only_at_first_does_not_hang_it(drone_bench):
    bench = drone_bench()
    bench.wire.silent = True
    driver = bench.driver
    threading.Timer(0.3, lambda: setattr(bench.wire, "silent", False)).start()
    driver.open()
    driver.close()
    bench.drone.fault("cut_link", on=True)
    driver.settings = CrazyflieSettings(bench.wire.uri, connect_s=1.0)
    began = time.monotonic()
    assert not driver.reconnect()
    assert time.monotonic() - began < 2.0
    assert "cannot connect" in driver.trouble()


def test_a_parameter_is_confirmed_by_the_drone(drone_bench):
    bench = drone_bench()
    bench.driver.open()
    bench.driver.set_parameter("posCtlPid.thrustBase", 30_000)
    bench.until(lambda: bench.driver.parameter("posCtlPid.thrustBase") == 30_000)
    with pytest.raises(ValueError, match=r"no parameter policy\.arm"):
        bench.driver.set_parameter("policy.arm", 1)


def test_a_variable_that_the_firmware_does_not_log_is_named(drone_bench):
    bench = drone_bench()
    bench.driver.settings = CrazyflieSettings(bench.wire.uri, extra=("motor.m1", "policy.active"))
    with pytest.raises(LinkLost, match=r"does not log policy\.active"):
        bench.driver.open()


def test_more_variables_than_a_packet_holds_arrive(drone_bench):
    bench = drone_bench()
    extra = ("motor.m1", "acc.x", "acc.y", "acc.z", "kalman.varPX", "kalman.varPY", "kalman.varPZ", "sys.isFlying")
    bench.driver.settings = CrazyflieSettings(bench.wire.uri, extra=extra)
    bench.driver.open()
    bench.until(lambda: set(bench.driver.read().extra) == set(extra))
    assert abs(bench.driver.read().extra["acc.z"] - 1.0) < 0.1


def test_a_drone_in_the_air_lands_by_itself_after_stop_and_close(drone_bench):
    bench = drone_bench(loss=0.02)
    armed(bench)
    bench.fly_to(0.5, 2.0)
    assert bench.driver.read().supervisor & IS_FLYING
    bench.driver.stop()
    bench.driver.close()
    time.sleep(1.0)
    assert 0.05 < bench.drone.truth().z < 0.5, "it comes down under power"
    time.sleep(2.0)
    truth = bench.drone.truth()
    assert truth.z < 0.02
    assert truth.force == 0.0
    assert truth.state in ("FLYING", "LANDED"), "it neither fell nor tumbled"


def test_stop_on_the_ground_leaves_the_motors_still(drone_bench):
    bench = drone_bench()
    armed(bench)
    bench.driver.stop()
    bench.wait(0.2)
    assert bench.drone.truth().force == 0.0


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
