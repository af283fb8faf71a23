"""What an arm's camera is always wrong by: found from pegs that are in, and taken off."""

import numpy as np
import pytest

from robot.robots.arm.camera_belief import HOLES, PRIOR_HOLES, REMEMBERED, WRONG_BY, CameraBelief
from robot.tasks.peg_insert import IN, SIZE, SLOW_SIZE, observe
from sim.arm.hand import hand_of
from sim.arm.insertion import Spread, draw
from sim.arm.kinematics import Kinematics
from sim.arm.parameters import so101

OFFSET_M, YAW_RAD = (0.004, -0.005, 0.0), 0.08
DEEP_M = 0.01


def told_by_holes(belief, count, offset_m=OFFSET_M, yaw_rad=YAW_RAD, seed=0):
    """Pegs that stand in their holes, each as a camera shows it that is always wrong by something, and anew by a bit more."""
    rng, kinematics = np.random.default_rng(seed), Kinematics(hand_of(so101(), 0.03))
    wrong_m = []
    for _ in range(count):
        hole, seen = draw(Spread(), rng, offset_m, (0.0, yaw_rad))
        q = kinematics.reach(
            np.array([0.0, 0.195, 0.163, 1.213, 0.047]), hole.place_m - DEEP_M * hole.frame[:, 2], hole.frame
        )
        place, frame = seen.place_m.copy(), seen.frame.copy()
        belief.correct(place, frame)
        wrong_m.append(place - hole.place_m)
        observation, nothing = np.zeros(SIZE, np.float32), np.zeros(5)
        observe(
            q,
            nothing,
            nothing,
            q,
            nothing,
            kinematics.look(q),
            place,
            frame,
            1.0,
            IN,
            np.zeros(SLOW_SIZE),
            True,
            observation,
        )
        belief.learn(frame, observation)
    return np.array(wrong_m)


def test_a_camera_that_is_always_wrong_is_found_out():
    belief = CameraBelief({})
    wrong_m = told_by_holes(belief, 60)
    told = belief.told
    assert [told["x_m"], told["y_m"]] == pytest.approx(OFFSET_M[:2], abs=0.0012)
    assert told["yaw_rad"] == pytest.approx(YAW_RAD, abs=0.02)
    assert np.abs(wrong_m[0, :2]).max() > 0.003
    assert wrong_m[20:, :2].mean(0) == pytest.approx(np.zeros(2), abs=0.001)


def test_without_a_hole_nothing_is_taken_off_and_one_is_not_believed_all():
    belief = CameraBelief({})
    place, frame = np.array([0.2, 0.01, -0.05]), np.eye(3)
    belief.correct(place, frame)
    assert place.tolist() == [0.2, 0.01, -0.05] and (frame == np.eye(3)).all()
    told_by_holes(belief, 1)
    assert belief.wrong_by == pytest.approx(belief.mean / (1.0 + PRIOR_HOLES)) and np.abs(belief.mean).max() > 0.0


def test_a_camera_that_was_knocked_is_believed_anew():
    belief = CameraBelief({})
    told_by_holes(belief, 40)
    assert belief.holes == REMEMBERED
    told_by_holes(belief, 60, (-0.004, 0.003, 0.0), -0.05, seed=1)
    assert belief.mean[:2] == pytest.approx([-0.004, 0.003], abs=0.0015)


def test_what_was_told_is_taken_up():
    belief = CameraBelief({})
    told_by_holes(belief, 3)
    again = CameraBelief(belief.told)
    assert again.holes == 3.0 and again.wrong_by == pytest.approx(belief.wrong_by)
    assert set(belief.told) == {*WRONG_BY, HOLES}
