"""Where a block is, of many pictures that are each a little wrong, lying and in the hand."""

import numpy as np
import pytest

from robot.robots.arm.eyes.block_estimate import ELSEWHERE_M, IN_A_ROW, KNOWN_M, MISSED, BlockEstimate
from robot.robots.arm.eyes.block_moments import block_told
from sim.arm.around_block import peg_end
from sim.arm.insertion import PAN_M, frame_of

MIDDLE = np.array([PAN_M + 0.2, 0.0, -0.0275])
BLOCK = MIDDLE + [0.02, -0.03, 0.0]
DEVIATION = np.array([0.015, 0.015, 0.006, 0.2, 0.2])


def over(height_m: float, yaw_rad: float = 0.0) -> np.ndarray:
    """Where the end of a peg would be, of a hand over the block."""
    frame = frame_of(0.0, 0.0, yaw_rad)
    return peg_end(np.concatenate([BLOCK + [0.0, 0.0, height_m], -frame[:, 2], frame[:, 1]]))


def shown(
    estimate: BlockEstimate,
    pose: np.ndarray,
    place: np.ndarray,
    pictures: int,
    turn_rad: float = 0.0,
    seed: int = 0,
    wrong: float = 1.0,
) -> None:
    rng, frame = np.random.default_rng(seed), frame_of(0.0, 0.0, turn_rad)
    for _ in range(pictures):
        told = block_told(pose[None], place[None], frame[None])[0]
        estimate.see(pose, told + wrong * DEVIATION * rng.standard_normal(5), DEVIATION)


def begun() -> BlockEstimate:
    estimate = BlockEstimate()
    estimate.begin(MIDDLE)
    return estimate


def turned_rad(estimate: BlockEstimate, turn_rad: float) -> float:
    """By how much it is wrong: after a quarter of a turn a block looks the same."""
    found = float(np.arctan2(estimate.frame[1, 0], estimate.frame[0, 0]))
    return float(np.angle(np.exp(4j * (found - turn_rad)))) / 4.0


def test_before_anything_is_seen_it_is_in_the_middle_of_where_blocks_are_brought_to() -> None:
    estimate = begun()
    assert estimate.place == pytest.approx(MIDDLE) and estimate.pictures == 0
    assert estimate.off_m == pytest.approx(np.hypot(*KNOWN_M[:2]))


@pytest.mark.parametrize("turn_rad", [0.0, 0.3, -0.7])
@pytest.mark.parametrize("yaw_rad", [0.0, 0.4])
def test_many_wrong_pictures_tell_it_better_than_one(turn_rad: float, yaw_rad: float) -> None:
    estimate = begun()
    shown(estimate, over(0.08, yaw_rad), BLOCK, 60, turn_rad)
    assert np.abs(estimate.place - BLOCK).max() < 0.002
    assert abs(turned_rad(estimate, turn_rad)) < 0.04
    assert estimate.frame.T @ estimate.frame == pytest.approx(np.eye(3), abs=1e-12)


def test_a_picture_without_a_block_tells_nothing() -> None:
    estimate = begun()
    estimate.see(over(0.05), np.array([0.4, 0.3, 0.12, 1.0, 0.0]), np.array([0.3, 0.3, 0.03, 1.0, 1.0]))
    assert estimate.pictures == 0 and estimate.place == pytest.approx(MIDDLE)


def test_what_the_hand_grips_moves_and_turns_with_it() -> None:
    estimate = begun()
    shown(estimate, over(0.0), BLOCK, 40, 0.2)
    estimate.gripped = True
    for _ in range(50):
        estimate.carry(np.array([0.0005, 0.0, 0.001]), 0.004)
    assert estimate.place == pytest.approx(BLOCK + [0.025, 0.0, 0.05], abs=0.003)
    assert abs(turned_rad(estimate, 0.4)) < 0.04


def test_a_block_that_has_slipped_from_the_hand_is_seen_where_it_lies_within_few_pictures() -> None:
    estimate = begun()
    shown(estimate, over(0.0), BLOCK, 40)
    estimate.gripped = True
    estimate.carry(np.array([0.0, 0.0, 0.05]), 0.0)
    assert estimate.place[2] > BLOCK[2] + 0.045
    shown(estimate, over(0.05), BLOCK, IN_A_ROW + 4, wrong=0.0)
    assert np.abs(estimate.place - BLOCK).max() < 0.003


def test_one_picture_that_places_it_elsewhere_is_not_believed_at_once() -> None:
    estimate = begun()
    shown(estimate, over(0.08), BLOCK, 60)
    shown(estimate, over(0.08), BLOCK + [0.0, 0.1, 0.0], 1, wrong=0.0)
    assert np.abs(estimate.place - BLOCK).max() < ELSEWHERE_M
    shown(estimate, over(0.08), BLOCK + [0.0, 0.05, 0.0], IN_A_ROW + 3, wrong=0.0)
    assert np.abs(estimate.place - (BLOCK + [0.0, 0.05, 0.0])).max() < 0.004


def test_a_block_that_is_no_longer_seen_where_it_should_be_is_forgotten_and_one_out_of_sight_is_not() -> None:
    nothing = np.array([0.0, 0.0, 0.12, 1.0, 0.0]), np.array([0.3, 0.3, 0.03, 1.0, 1.0])
    estimate = begun()
    shown(estimate, over(0.08), BLOCK, 40)
    beside = over(0.08) + np.array([0.0, 0.15, *[0.0] * 7])
    for _ in range(3 * MISSED):
        estimate.see(beside, *nothing)
    assert estimate.pictures == 40
    for _ in range(MISSED):
        estimate.see(over(0.08), *nothing)
    assert estimate.pictures == 0 and estimate.place == pytest.approx(MIDDLE)


def test_when_a_block_is_brought_what_was_seen_is_forgotten() -> None:
    estimate = begun()
    shown(estimate, over(0.08), BLOCK, 60)
    estimate.gripped = True
    estimate.begin(MIDDLE)
    assert estimate.place == pytest.approx(MIDDLE) and estimate.pictures == 0 and not estimate.gripped
