"""What servos are like, from how hard they work: on ticks that are made here, with motors and gears that are known."""

import numpy as np
import pytest

from drivers.servo_bus import ServoReading
from robot.commissioning.steps import SetupError
from robot.robots.arm.setup_arm.rig import Row
from robot.robots.arm.setup_arm.weighing import BEARING, gears, motors, weight_n_m
from sim.arm.batch import RAD_A_STEP
from sim.arm.servo import STICK_RAD_S

STALL_N_M, FRICTION_N_M, NO_LOAD_RAD_S, VOLTS = 2.6, 0.07, 4.7, 11.4
GAIN_N_M_RAD, PLAY_RAD = 35.0, 0.003


def row(joint_rad: np.ndarray, speed: np.ndarray, load: np.ndarray, goal_rad: np.ndarray | None = None) -> Row:
    told = ServoReading(
        joint_rad, speed, load, np.full(6, VOLTS), np.full(6, 30.0), np.zeros(6), np.zeros(6), np.zeros(6), 0.0
    )
    return Row(joint_rad if goal_rad is None else goal_rad, told)


def moving(sign_of: dict[int, float]) -> list[tuple[int, Row]]:
    """Joints that bear weight, up and down at two speeds; sign_of: -1 of one whose direction is believed wrongly."""
    rng, rows = np.random.default_rng(0), []
    for joint in BEARING:
        for pace in (0.12, -0.12, 0.5, -0.5):
            for _ in range(40):
                q = np.array([0.0, rng.uniform(-1.0, 0.3), rng.uniform(-0.5, 0.8), rng.uniform(0.0, 0.8), 0.0, 0.0])
                friction = FRICTION_N_M * pace / (abs(pace) + STICK_RAD_S)
                torque = weight_n_m(q)[joint] * sign_of.get(joint, 1.0) + friction + STALL_N_M / NO_LOAD_RAD_S * pace
                load, speed = np.zeros(6), np.zeros(6)
                load[joint] = torque / STALL_N_M / (VOLTS / 12.0) + 0.001 * rng.standard_normal()
                speed[joint] = pace
                rows.append((joint, row(q, speed, load)))
    return rows


def test_strength_and_friction_are_weighed_out():
    stall, friction = motors(moving({}), 12.0)
    assert stall.low < STALL_N_M < stall.high
    assert friction.low < FRICTION_N_M < friction.high
    assert (stall.refused, friction.refused) == ("", "")
    assert float(stall.high) - float(stall.low) < 0.4


@pytest.mark.parametrize(("joint", "name"), [(1, "shoulder_lift"), (2, "elbow_flex"), (3, "wrist_flex")])
def test_a_joint_whose_ends_were_confused_is_named(joint, name):
    with pytest.raises(SetupError, match=f"{name}: its weight pulls the other way"):
        motors(moving({joint: -1.0}), 12.0)


def test_gain_and_play_show_where_joints_stand():
    rng, holds = np.random.default_rng(1), []
    for _ in range(40):
        load = rng.uniform(-0.25, 0.25, 6)
        error = np.sign(load) * PLAY_RAD + load * STALL_N_M / GAIN_N_M_RAD
        goal = RAD_A_STEP * rng.integers(-300, 300, 6)
        stands = np.round((goal - error) / RAD_A_STEP) * RAD_A_STEP
        holds.append([row(stands, np.zeros(6), load, goal)] * 5)
    gain, play = gears(holds, STALL_N_M, 0.02)
    assert gain.low < GAIN_N_M_RAD < gain.high
    assert play.low < PLAY_RAD < play.high
    assert (gain.refused, play.refused) == ("", "")


def test_an_arm_that_bears_nothing_is_none():
    still = row(np.zeros(6), np.zeros(6), np.full(6, 0.001), np.zeros(6))
    with pytest.raises(SetupError, match="bear next to no weight"):
        gears([[still] * 5] * 20, STALL_N_M, 0.02)
