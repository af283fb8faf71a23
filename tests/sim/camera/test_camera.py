"""Cameras on cars: what may be asked of them, and what a late frame shows."""

import numpy as np
import pytest

from sim.camera.camera import Camera, Cameras, looked_back
from sim.camera.looks import draw_looks
from sim.camera.worlds import worlds_of_courses
from sim.tracks.built_in_tracks import built_in

COURSES = [built_in("oval"), built_in("bean")]
LOOKS = draw_looks(6, 1, 32, 24, colour=True)


def batch(seed: int = 0) -> np.ndarray:
    cameras = Cameras(worlds_of_courses(COURSES), LOOKS, seed)
    world = np.array([0, 1, 0, 1])
    pose = np.array([[COURSES[k].x[0], COURSES[k].y[0], COURSES[k].heading[0]] for k in world])
    out = np.empty((4, *LOOKS.frame_shape), np.uint8)
    return cameras.render(out, pose, np.zeros((4, 3)), world, np.arange(4))


def test_the_same_seed_gives_the_same_bytes() -> None:
    assert batch().tobytes() == batch().tobytes() != batch(1).tobytes()


def test_a_camera_alone_sees_what_it_sees_among_others() -> None:
    for k, course in enumerate(COURSES):
        alone = Camera(course, LOOKS, 0, look=k).render((course.x[0], course.y[0], course.heading[0])).astype(float)
        noise = LOOKS.values["read_noise"][k] + np.sqrt(LOOKS.values["shot_noise"][k] * 255.0)
        assert np.abs(alone - batch()[k]).mean() < 2.0 * noise


def test_a_late_frame_shows_where_the_car_was() -> None:
    pose, speed, yaw_rate, late_s = np.array([1.0, 2.0, 0.3]), 4.0, 2.0, 0.06
    x, y, yaw = pose
    for _ in range(1000):
        x, y, yaw = (
            x - speed * np.cos(yaw) * late_s / 1000,
            y - speed * np.sin(yaw) * late_s / 1000,
            yaw - yaw_rate * late_s / 1000,
        )
    found = looked_back(pose[None], np.array([[speed, yaw_rate, 0.0]]), np.array([late_s]))[0]
    np.testing.assert_allclose(found, [x, y, yaw], atol=1e-3)


def test_what_does_not_fit_is_refused_by_name() -> None:
    cameras = Cameras(worlds_of_courses(COURSES[:1]), LOOKS, 0)
    out, pose, motion, one = (
        np.empty((1, *LOOKS.frame_shape), np.uint8),
        np.zeros((1, 3)),
        np.zeros((1, 3)),
        np.ones(1, int),
    )
    with pytest.raises(ValueError, match="world: found 1 to 1, allowed: 0 to 0"):
        cameras.render(out, pose, motion, one, 0 * one)
    with pytest.raises(ValueError, match=r"motion: found an array \(1, 2\), allowed: \(1, 3\)"):
        cameras.render(out, pose, motion[:, :2], 0 * one, one)
    with pytest.raises(ValueError, match="pose, motion: found what is no finite number"):
        cameras.render(out, np.nan * pose, motion, 0 * one, one)
    with pytest.raises(ValueError, match="looks: found frames 1040 pixels wide, allowed: up to 1024"):
        Cameras(worlds_of_courses(COURSES[:1]), draw_looks(1, 0, 1040, 16, colour=False), 0)


def test_a_car_outside_its_map_sees_something() -> None:
    for far in (-100.0, 1e6):
        frame = Camera(COURSES[0], LOOKS, 0).render((far, far, 1.0))
        assert frame.shape == LOOKS.frame_shape
