"""A set-up that is killed while the arm is raised leaves an arm that lies down and is let go."""

import subprocess
import sys
import time

import numpy as np

from drivers.emulators.virtual_arm import start_virtual_arm
from robot.robots.arm.arm_file import load_arm

RISES = """
import sys
from dataclasses import replace
from drivers.declared import make_driver
from robot.robots.arm.arm_file import load_arm
from robot.robots.arm.setup_arm.lie_down_if_killed import lying_down_if_killed
from robot.robots.arm.setup_arm.rig import Rig
from robot.runtime.clock import RealClock
arm, clock = load_arm("virtual-arm"), RealClock()
arm = replace(arm, follower=replace(arm.follower, port=sys.argv[1]), board=replace(arm.board, port=sys.argv[2]))
with lying_down_if_killed(arm.follower) as says, Rig(arm, make_driver(arm.follower, clock), make_driver(arm.board, clock), clock, says) as rig:
    print("raised", flush=True)
    while True:
        rig.settle(1.0)
"""
TIP_LYING_M, WITHIN_S = 0.06, 90.0


def test_a_set_up_that_is_killed_leaves_an_arm_that_lies():
    arm = load_arm("virtual-arm")
    emulator = start_virtual_arm("realtime", [*arm.rest_rad, arm.hold_rad])
    try:
        process = subprocess.Popen(
            [sys.executable, "-c", RISES, emulator.ports["follower"], emulator.ports["board"]], stdout=subprocess.PIPE
        )
        lying = np.array(emulator.truth()[1:4])
        assert process.stdout is not None and process.stdout.readline() == b"raised\n"
        raised = np.array(emulator.truth()[1:4])
        assert np.abs(raised - lying).max() > 2.0 * TIP_LYING_M
        process.kill()
        process.wait()
        begin_s = time.monotonic()
        while np.abs(np.array(emulator.truth()[1:4]) - lying).max() > TIP_LYING_M or emulator.truth().load_worst > 0.0:
            assert time.monotonic() - begin_s < WITHIN_S, "it does not lie down"
            time.sleep(0.1)
    finally:
        emulator.close()
