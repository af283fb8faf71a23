"""A set-up that is killed, or hangs, while the drone hops leaves a drone that lands."""

import os
import subprocess
import sys
import time

import pytest

from drivers.emulators.virtual_crazyflie import VirtualCrazyflieConfig, start_virtual_crazyflie
from robot.robots.quadrotor.setup_drone.land_if_killed import ALIVE, DOWN, wait_for_silence

HOPS = """
import sys
from drivers.crazyflie import Crazyflie, CrazyflieSettings
from robot.robots.quadrotor.setup_drone.hop import Hop
from robot.runtime.clock import RealClock
clock = RealClock()
drone = Crazyflie(CrazyflieSettings(sys.argv[1]), clock)
drone.open()
print(Hop(drone, clock, lambda share, what: None).hover_thrust(), flush=True)
drone.close()
"""
HOVERS_M = 0.35


def test_a_set_up_that_is_killed_in_mid_air_leaves_a_drone_that_lands() -> None:
    with start_virtual_crazyflie(VirtualCrazyflieConfig()) as drone:
        process = subprocess.Popen([sys.executable, "-c", HOPS, drone.uri])
        while (truth := drone.truth()).z < HOVERS_M:
            assert process.poll() is None
            time.sleep(0.02)
        process.kill()
        process.wait()
        begin_s = truth.time_s
        while (truth := drone.truth()).z > 0.0 or truth.force > 0.0:
            assert truth.time_s - begin_s < 12.0, "it does not come down"
            time.sleep(0.05)
        assert 0.0 < drone.truth().impact_m_s < 1.0


@pytest.mark.parametrize(
    ("words", "closes", "dead"),
    [
        (ALIVE * 3, True, True),  # killed
        (ALIVE * 3, False, True),  # hangs
        (ALIVE * 3 + DOWN, True, False),
        (b"", True, False),  # killed before anything flew
    ],
)
def test_death_and_silence_in_mid_air_are_told_from_an_end_in_order(words: bytes, closes: bool, dead: bool) -> None:
    reads, writes = os.pipe()
    os.write(writes, words)
    if closes:
        os.close(writes)
    assert wait_for_silence(reads) is dead
    os.close(reads)
    if not closes:
        os.close(writes)
