"""Moments of lifting are what a lifting arm meets, and are labelled truly."""

import numpy as np
import pytest

from robot.robots.arm.eyes.block_moments import SLOPES, block_told, draw_block_moments
from robot.robots.arm.eyes.block_view import BLOCK
from robot.robots.arm.eyes.wrist_view import place_of
from sim.arm.around_block import HALF_M, PEG_END_M, peg_end
from sim.arm.kinematics import attitude_of

MOMENTS = draw_block_moments(2000, np.random.default_rng(1))
HANDS = np.stack([pose[:3] - attitude_of(pose) @ PEG_END_M for pose in MOMENTS.pose])


def test_the_end_of_a_peg_is_from_the_middle_of_a_block_where_the_hand_would_hold_it() -> None:
    pose = np.concatenate([[0.2, 0.1, 0.05], [0.0, 0.0, -1.0], [0.0, 1.0, 0.0]])
    assert peg_end(pose) == pytest.approx([0.2 - 0.0175, 0.1, 0.05 - 0.03, 0.0, 0.0, -1.0, 0.0, 1.0, 0.0])


def test_what_is_told_is_where_the_block_is() -> None:
    seen = (np.abs(MOMENTS.told[:, :2]) < SLOPES - 1e-9).all(1)
    assert seen.mean() > 0.7
    for k in np.flatnonzero(seen)[:100]:
        assert place_of(MOMENTS.pose[k], MOMENTS.told[k])[0] == pytest.approx(MOMENTS.place[k], abs=1e-9)


def test_a_quarter_of_a_turn_looks_the_same_and_an_eighth_does_not() -> None:
    pose, place = np.repeat(MOMENTS.pose[:1], 3, 0), np.repeat(MOMENTS.place[:1], 3, 0)
    turns = [np.array([[np.cos(a), -np.sin(a), 0.0], [np.sin(a), np.cos(a), 0.0], [0.0, 0.0, 1.0]]) for a in (0.1, 0.1 + np.pi / 2, 0.1 + np.pi / 4)]  # fmt: skip
    told = block_told(pose, place, np.stack(turns))[:, 3:]
    assert told[1] == pytest.approx(told[0]) and told[2] == pytest.approx(-told[0])
    assert np.hypot(*told[0]) == pytest.approx(1.0)


def test_blocks_lie_on_their_table_or_are_in_the_hand() -> None:
    raised = MOMENTS.below_m > HALF_M + 1e-9
    assert (MOMENTS.within | ~raised).all() and 0.1 < MOMENTS.within.mean() < 0.3
    assert np.abs(MOMENTS.frame[~MOMENTS.within][:, 2, 2] - 1.0).max() < 1e-9
    assert np.linalg.norm(MOMENTS.place - HANDS, axis=1)[MOMENTS.within].max() < 0.02
    assert (np.linalg.norm(MOMENTS.place - HANDS, axis=1) > 0.05).mean() > 0.3


def test_all_that_can_be_met_can_be_told() -> None:
    assert (np.abs(MOMENTS.told - BLOCK.middle) < BLOCK.most + 1e-9).all()
