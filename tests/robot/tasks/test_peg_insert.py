"""Insertion: what is seen, when it has succeeded, and the mirror."""

import numpy as np
import pytest

from policies.replay import transition_dtype
from robot.tasks.arm_hand import STRAIGHT_RAD
from robot.tasks.peg_insert import (
    ASIDE,
    CAMERA_M,
    CAMERA_MOST,
    CAMERA_OFFSET_M,
    ELAPSED,
    HEIGHT,
    IN,
    INSERTED_M,
    LOADS,
    NEAR,
    OFFSETS,
    OTHERWISE,
    OUT,
    ROOM_HIGH_M,
    ROOM_LOW_M,
    SCALES,
    SIZE,
    SLOW,
    SLOW_SIZE,
    SPEC,
    STEP_COST,
    TILT,
    WANTED,
    inserted,
    keep,
    observe,
    reward,
    shown_wrongly,
    tells_where,
)
from sim.arm.hand import hand_of
from sim.arm.insertion import frame_of
from sim.arm.kinematics import Kinematics
from sim.arm.parameters import so101

DOWN = np.array([0.1, 0.2, 0.15, 1.2, 0.05])
MIRRORED = np.array([-1.0, 1.0, 1.0, 1.0, -1.0])


def seen(
    q=DOWN,
    place=(0.24, 0.01, -0.05),
    angles=(0.1, 0.05, -0.1),
    speeds=None,
    loads=None,
    action=None,
    slow=None,
    pose=None,
):
    kinematics, out = Kinematics(hand_of(so101(), 0.03)), np.zeros(SIZE, np.float32)
    found = np.zeros(SLOW_SIZE) if slow is None else slow
    told = [np.zeros(5) if each is None else np.array(each) for each in (speeds, loads, action)]
    pose = kinematics.look(q) if pose is None else pose
    observe(q, told[0], told[1], q + 0.01 * MIRRORED, told[2], pose, np.array(place), frame_of(*angles), 1.5, IN, found, slow is None,
            out)  # fmt: skip
    return out


def raw(observation):
    return observation / SCALES + OFFSETS


def test_what_is_seen_is_what_the_fields_say():
    told = raw(seen(speeds=[0.1] * 5, loads=[0.2] * 5, action=[0.3] * 5))
    pose = Kinematics(hand_of(so101(), 0.03)).look(DOWN)
    away = frame_of(0.1, 0.05, -0.1).T @ (pose[:3] - [0.24, 0.01, -0.05])
    assert told[SPEC.seen["aside"]] == pytest.approx(away[:2], abs=1e-6)
    assert told[HEIGHT] == pytest.approx(away[2], abs=1e-6) and told[NEAR] == pytest.approx(away[2], abs=1e-6)
    assert told[SPEC.seen["joint_speeds"]] == pytest.approx(np.full(5, 0.1), abs=1e-6)
    assert told[SPEC.seen["loads"]] == pytest.approx(np.full(5, 0.2), abs=1e-6)
    assert told[SPEC.seen["last_action"]] == pytest.approx(np.full(5, 0.3), abs=1e-6)
    assert told[[SPEC.seen[name].start for name in ("pan", "lift", "elbow", "wrist", "roll")]] == pytest.approx(
        DOWN, abs=1e-6
    )
    assert told[TILT : TILT + 2] == pytest.approx(frame_of(0.1, 0.05, -0.1)[:, :2].T @ pose[3:6], abs=1e-6)
    assert told[ELAPSED] == pytest.approx(1.5)
    assert told[SLOW : SLOW + 3] == pytest.approx(away, abs=1e-6), "what is seen first is its own average"


@pytest.mark.parametrize("sign", [-1.0, 1.0])
def test_no_motion_leads_out_of_the_room_around_the_hole_and_what_is_outside_comes_back(sign):
    place, frame = np.array([0.24, 0.0, -0.05]), np.eye(3)
    pose = np.array([*place, 0.0, 0.0, -1.0, 0.0, 1.0, 0.0])
    bound = np.array(ROOM_HIGH_M if sign > 0.0 else ROOM_LOW_M)

    def kept(at, motion):
        told = np.array(motion)
        keep(np.concatenate([place + at, pose[3:]]), place, frame, told)
        return told

    assert kept(np.zeros(3), [0.001] * 5) == pytest.approx(np.full(5, 0.001))
    assert kept(0.9 * bound, sign * np.array([0.05, 0.05, 0.05, 0.0, 0.0]))[:3] == pytest.approx(0.1 * bound)
    assert kept(1.5 * bound, sign * np.full(5, 0.01))[:3] == pytest.approx(np.zeros(3))
    assert kept(1.5 * bound, -sign * np.full(5, 0.001))[:3] == pytest.approx(np.full(3, -sign * 0.001))
    leaning = pose.copy()
    leaning[3:6] = sign * np.sin(0.4), 0.0, -np.cos(0.4)
    leaning[6:9] = -sign * np.sin(0.4), np.cos(0.4), 0.0
    back, further = (
        np.array([0.0, 0.0, 0.0, sign * 0.01, sign * 0.01]),
        np.array([0.0, 0.0, 0.0, -sign * 0.01, -sign * 0.01]),
    )
    for motion, expected in ((back, back.copy()), (further, np.zeros(5))):
        keep(leaning, place, frame, motion)
        assert motion == pytest.approx(expected)


def test_averages_follow_slowly():
    slow = np.zeros(SLOW_SIZE)
    told = raw(seen(loads=[1.0] * 5, slow=slow))
    assert told[SPEC.seen["slow_loads"]] == pytest.approx(np.full(5, 0.15), abs=1e-6)
    assert slow[3:] == pytest.approx(np.full(5, 0.15))
    assert told[LOADS] == pytest.approx(1.0)


def test_the_mirror_is_of_the_plane_through_the_base():
    mirror = SPEC.mirror
    assert mirror is not None
    flip, across = np.diag([1.0, -1.0, 1.0]), Kinematics(hand_of(so101(), 0.03)).look(DOWN).copy()
    other = np.concatenate([flip @ across[:3], flip @ across[3:6], -(flip @ across[6:9])])
    turned = DOWN * MIRRORED + np.array([0.0, 0.0, 0.0, 0.0, 2.0 * STRAIGHT_RAD])
    assert Kinematics(hand_of(so101(), 0.03)).look(turned) == pytest.approx(other, abs=1e-3), (
        "nearly: its links lie aside"
    )
    rates, loads, action = [0.1, 0.2, -0.3, 0.4, 0.5], [0.3, -0.2, 0.1, 0.05, -0.4], [0.5, -0.6, 0.7, 0.8, -0.9]
    one = seen(speeds=rates, loads=loads, action=action, pose=across)
    there = seen(q=turned, place=(0.24, -0.01, -0.05), angles=(-0.1, 0.05, 0.1), speeds=MIRRORED * rates,
                 loads=MIRRORED * loads, action=mirror.action_sign * action, pose=other)  # fmt: skip
    swapped = one[mirror.columns] * mirror.sign
    ahead = SPEC.seen["ahead"]  # its goals are not mirrored here
    swapped[ahead] = there[ahead]
    assert there == pytest.approx(swapped, abs=1e-4)


def test_it_is_in_where_it_is_deep_and_in_the_middle():
    def at(x, y, z, wanted=IN):
        observation = np.zeros(SIZE, np.float32)
        observation[ASIDE], observation[ASIDE + 1], observation[HEIGHT] = (
            x * SCALES[ASIDE],
            y * SCALES[ASIDE],
            z * SCALES[HEIGHT],
        )
        observation[WANTED] = wanted
        return observation

    assert inserted(at(0.002, -0.001, -INSERTED_M - 0.001))
    assert not inserted(at(0.0, 0.0, -INSERTED_M + 0.001))
    assert not inserted(at(0.02, 0.0, -0.02)), "below another edge"
    assert tells_where(at(0.002, -0.001, -INSERTED_M + 0.003)), "a classifier may notice it earlier"
    assert not tells_where(at(0.002, -0.001, -0.001)), "on the board"
    assert not tells_where(at(0.02, 0.0, -0.02))
    assert reward(at(0.0, 0.0, 0.04, OUT)) == 1.0 - STEP_COST and reward(at(0.0, 0.0, 0.04)) == -STEP_COST
    assert reward(at(0.0, 0.0, -0.02)) == 1.0 - STEP_COST and reward(at(0.0, 0.0, 0.0)) == -STEP_COST


def an_insertion(success=True):
    """Decisions of an episode that ends with the peg 11 mm deep, 3 mm from where the camera had the hole, or above it."""
    told = np.zeros(5, transition_dtype(SIZE, 5))
    told["episode"], told["step"] = 7, np.arange(5)
    for name in ("observation", "next_observation"):
        told[name][:, ASIDE] = told[name][:, SLOW] = 0.003 * SCALES[ASIDE]
        told[name][:, HEIGHT] = (-0.011 if success else 0.01) * SCALES[HEIGHT]
        told[name][:, WANTED] = IN
    told["terminated"][-1], told["truncated"][-1] = success, not success
    told["reward"][-1] = 1.0 - STEP_COST
    return told


def test_an_insertion_tells_what_it_had_looked_like_with_other_errors_of_the_camera():
    lived = an_insertion()
    others = SPEC.seen_otherwise(lived, np.random.default_rng(0)).reshape(OTHERWISE, 5)
    ends = set()
    for other in others:
        for field in ("step", "episode", "action", "reward", "terminated"):
            assert (other[field] == lived[field]).all()
        moved = other["observation"] - lived["observation"]
        assert np.flatnonzero(np.abs(moved).max(0)).tolist() == [ASIDE, ASIDE + 1, SLOW, SLOW + 1]
        assert moved[:, ASIDE] == pytest.approx(moved[0, SLOW], abs=1e-6)
        assert inserted(other[-1]["next_observation"]) and reward(other[-1]["next_observation"]) == 1.0 - STEP_COST
        end_m = other[-1]["next_observation"][ASIDE : ASIDE + 2] / SCALES[ASIDE]
        assert np.abs(end_m).max() <= CAMERA_M * CAMERA_MOST + CAMERA_OFFSET_M + 1e-6
        ends.add(tuple(end_m))
    assert len(ends) == OTHERWISE


def test_what_was_no_insertion_tells_nothing_of_the_hole():
    rng = np.random.default_rng(0)
    assert not len(SPEC.seen_otherwise(an_insertion(success=False), rng))
    pulled = an_insertion()
    pulled["next_observation"][:, WANTED] = OUT
    assert not len(SPEC.seen_otherwise(pulled, rng))


def test_a_peg_in_its_hole_tells_where_it_is_by_the_middle_of_what_is_in():
    hole, frame = np.array([0.24, 0.01, -0.05]), frame_of(0.05, 0.1, 0.0)
    shown_m, yaw = hole + 0.003 * frame[:, 0] - 0.002 * frame[:, 1], 0.06
    shown = frame_of(0.05, 0.1, yaw)
    lean, deep_m = 0.05, 0.01
    points = -frame[:, 2] + lean * frame[:, 0]
    pose = np.concatenate([hole - 0.5 * deep_m * frame[:, 2] + 0.5 * deep_m * points, points, frame[:, 1]])
    x_m, y_m, turned = shown_wrongly(seen(place=shown_m, angles=(0.05, 0.1, yaw), pose=pose))
    assert shown[:, :2] @ [x_m, y_m] == pytest.approx(shown_m - hole, abs=3e-4)
    assert turned == pytest.approx(yaw, abs=2e-3)
