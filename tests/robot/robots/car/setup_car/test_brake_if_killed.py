"""A set-up that is killed while the wheels turn leaves a car that brakes."""

import subprocess
import sys
import time

import pytest

from drivers.emulators.virtual_car import VirtualCarConfig, start_virtual_car

DRIVES = """
import sys, time
from drivers.vesc import Vesc, VescSettings
from robot.robots.car.setup_car.brake_if_killed import braking_if_killed
from robot.runtime.clock import RealClock
settings = VescSettings(sys.argv[1])
with braking_if_killed(settings):
    vesc = Vesc(settings, RealClock())
    vesc.open()
    for k in range(1000):
        vesc.read()
        vesc.write(0.0, 0.5)
        time.sleep(0.02)
        if k == 60 and sys.argv[2] == "leaves":
            break
        if k == 60:
            print("drives", flush=True)
    vesc.write(0.0, 0.5)
"""
RELEASED, CURRENT, BRAKE = 0, 2, 3


@pytest.mark.parametrize("end", ["is killed", "leaves"])
def test_the_wheels_are_braked_only_where_nobody_else_can(end: str) -> None:
    with start_virtual_car(VirtualCarConfig(clock="realtime")) as car:
        process = subprocess.Popen([sys.executable, "-c", DRIVES, car.vesc_path, end], stdout=subprocess.PIPE)
        assert process.stdout is not None
        if end == "is killed":
            assert process.stdout.readline() == b"drives\n"
            process.kill()
        modes = []
        process.wait()
        ended_s = time.monotonic()
        while time.monotonic() - ended_s < 2.5:
            modes.append(car.truth().motor_mode)
            time.sleep(0.01)
        process.stdout.close()
        assert (BRAKE in modes) == (end == "is killed")
        assert modes[-1] in (RELEASED, CURRENT)
        if end == "is killed":
            assert abs(car.truth().v_x) < 0.05
