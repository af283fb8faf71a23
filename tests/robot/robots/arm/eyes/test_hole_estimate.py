"""Where the hole is, of many pictures that are each a little wrong."""

import numpy as np
import pytest

from robot.robots.arm.eyes.hole_estimate import KNOWN_M, HoleEstimate
from robot.robots.arm.eyes.moments import told_truly
from sim.arm.insertion import PAN_M, Hole, Spread, draw, frame_of, middle

DEVIATION = np.array([0.02, 0.02, 0.01, 0.1, 0.1, 0.1])
OVER = np.concatenate([middle(Spread()).place_m + [0.0, 0.0, 0.05], [0.0, 0.0, -1.0], [0.0, 1.0, 0.0]])


def told(hole: Hole) -> np.ndarray:
    return told_truly(OVER[None], hole.place_m[None], hole.frame[None])[0]


def somewhere(seed: int) -> Hole:
    return draw(Spread(), np.random.default_rng(seed))[0]


def test_before_anything_is_seen_it_is_in_the_middle_of_where_boards_stand() -> None:
    estimate = HoleEstimate()
    assert estimate.place == pytest.approx(middle(Spread()).place_m)
    assert estimate.frame == pytest.approx(np.eye(3))
    assert estimate.off_m == pytest.approx(np.hypot(*KNOWN_M[:2]))


@pytest.mark.parametrize("seed", range(5))
def test_many_wrong_pictures_tell_it_better_than_one(seed: int) -> None:
    hole, estimate, rng = somewhere(seed), HoleEstimate(), np.random.default_rng(seed)
    for _ in range(100):
        estimate.see(OVER, told(hole) + DEVIATION * rng.standard_normal(6), DEVIATION)
    assert np.abs(estimate.place - hole.place_m).max() < 0.003
    assert np.abs(estimate.frame - hole.frame).max() < 0.08
    assert estimate.frame.T @ estimate.frame == pytest.approx(np.eye(3), abs=1e-12)


def test_a_picture_that_is_wrong_in_depth_alone_does_not_lead_aside() -> None:
    """The height of the board is about known, and a depth that cannot be is not believed; what the picture shows aside is."""
    hole, estimate = Hole(middle(Spread()).place_m + [0.01, -0.015, 0.0], frame_of(0.0, 0.0, 0.0)), HoleEstimate()
    wrong = told(hole) + [0.0, 0.0, 0.015, 0.0, 0.0, 0.0]
    for _ in range(30):
        estimate.see(OVER, wrong, np.array([0.005, 0.005, 0.03, 0.1, 0.1, 0.1]))
    assert np.abs(estimate.place - hole.place_m).max() < 0.003


def test_what_a_picture_is_unsure_of_it_does_not_change() -> None:
    estimate = HoleEstimate()
    estimate.see(OVER, told(somewhere(1)), 100.0 * DEVIATION)
    assert np.abs(estimate.place - estimate.middle).max() < 0.001


def test_when_the_board_is_moved_what_was_seen_is_forgotten_and_pictures_of_a_second_ago_count_little() -> None:
    one, other, estimate = somewhere(1), somewhere(2), HoleEstimate()
    sure = 0.2 * DEVIATION
    for _ in range(100):
        estimate.see(OVER, told(one), sure)
    for _ in range(90):
        estimate.see(OVER, told(other), sure)
    assert np.abs(estimate.place - other.place_m).max() < 0.2 * np.abs(one.place_m - other.place_m).max()
    estimate.begin()
    assert estimate.place == pytest.approx([PAN_M + 0.2, 0.0, -0.055]) and estimate.pictures == 0
