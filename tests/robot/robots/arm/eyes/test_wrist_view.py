"""What an encoder tells of a picture, and what it means in the base's frame."""

import numpy as np
import pytest

from robot.robots.arm.eyes.moments import draw_moments
from robot.robots.arm.eyes.wrist_view import (
    AHEAD_M,
    CAMERA_M,
    FEATURES,
    HOLE,
    SIZE,
    TOLD,
    VIEW,
    frame_of_hole,
    place_of,
    slopes_of,
    told_of,
)
from sim.camera.wrist_looks import load_wrist_ranges, looking

MOMENTS = draw_moments(400, np.random.default_rng(0))


def test_what_is_truly_told_gives_back_place_and_attitude_of_the_hole() -> None:
    for k in range(50):
        place, _ = place_of(MOMENTS.pose[k], MOMENTS.told[k])
        assert place == pytest.approx(MOMENTS.place[k], abs=1e-12)
        assert frame_of_hole(MOMENTS.pose[k], MOMENTS.told[k]) == pytest.approx(MOMENTS.frame[k], abs=1e-9)


def test_where_a_place_is_seen_is_where_it_is_told_to_be() -> None:
    for k in range(20):
        assert slopes_of(MOMENTS.pose[k], MOMENTS.place[k]) == pytest.approx(MOMENTS.told[k, :2], abs=1e-9)
    above = np.concatenate([MOMENTS.pose[0, :3], [0.0, 0.0, -1.0], [0.0, 1.0, 0.0]])
    assert np.isinf(slopes_of(above, above[:3] + [0.0, -0.5, 0.5])).all()  # behind it


def test_how_the_place_changes_with_what_is_told_is_its_derivative() -> None:
    pose, told = MOMENTS.pose[0], MOMENTS.told[0]
    place, along = place_of(pose, told)
    for k in range(3):
        other = told.copy()
        other[k] += 1e-7
        assert (place_of(pose, other)[0] - place) / 1e-7 == pytest.approx(along[:, k], abs=1e-6)


def test_the_view_is_that_of_a_camera_mounted_in_the_middle_of_its_ranges() -> None:
    _, mounted = load_wrist_ranges()
    middle = [float(np.mean(each)) for each in (mounted.forward_m, mounted.left_m, mounted.up_m)]
    assert pytest.approx(middle) == CAMERA_M and mounted.ahead_m == AHEAD_M
    assert looking(CAMERA_M, AHEAD_M) == pytest.approx(VIEW)


def test_all_that_can_be_met_can_be_told() -> None:
    assert (np.abs(MOMENTS.told - HOLE.middle) < HOLE.most).all()


def test_numbers_and_deviations_are_taken_out_of_an_embedding_and_none_is_surer_than_can_be() -> None:
    embedding = np.zeros(SIZE, np.float32)
    embedding[2], embedding[TOLD + FEATURES :] = 0.5, [0.5, 0.0, 1.0, 0.0, 0.5, 1.0]
    told, deviation = told_of(embedding)
    assert told.tolist() == (HOLE.middle + [0.0, 0.0, 0.05, 0.0, 0.0, 0.0]).tolist()
    assert deviation.tolist() == [
        0.5 * HOLE.unsure[0],
        HOLE.least_sure[1],
        HOLE.unsure[2],
        HOLE.least_sure[3],
        0.5 * HOLE.unsure[4],
        HOLE.unsure[5],
    ]
