"""Speed and yaw rate by what a camera sees of the floor: right where there is something to be seen, and unknown where there is not."""

import math
from collections.abc import Iterator

import cv2
import numpy as np
import pytest

from drivers.emulators.car_camera import FPS, place_with_walls
from robot.perception.floor_motion import UNKNOWN, FloorMotion
from robot.perception.mount import Mount
from robot.robots.car.eyes.seeing_driver import CAMERA, HEIGHT, WIDTH
from sim.camera.camera import Camera
from sim.camera.looks import nominal_lens
from sim.tracks.built_in_tracks import built_in

MOUNT = Mount(0.2, 0.08, 0.1)  # of a car that turns about where its poses are
PATTERNED = 102  # a seed whose floor shows much


def floor() -> FloorMotion:
    return FloorMotion(nominal_lens(WIDTH, HEIGHT, CAMERA), MOUNT)


def pictures(speed_m_s: float, rate_rad_s: float, seconds: float) -> Iterator[tuple[float, np.ndarray]]:
    """Of a car that turns evenly, in the middle of the oval's first straight; each with its time."""
    course, place = built_in("oval"), place_with_walls(PATTERNED)
    camera = Camera(course, place.looks, 1, place.look)
    x, y, yaw = float(course.x[0]), float(course.y[0]), float(course.heading[0]) - 0.5 * rate_rad_s * seconds
    for k in range(round(seconds * FPS)):
        yield k / FPS, camera.render((x, y, yaw), speed_m_s, rate_rad_s)[..., None]
        x, y = x + speed_m_s / FPS * math.cos(yaw), y + speed_m_s / FPS * math.sin(yaw)
        yaw += rate_rad_s / FPS


@pytest.mark.parametrize(("speed_m_s", "rate_rad_s"), [(1.0, 0.0), (2.0, 0.4), (2.8, -0.4)])
def test_speed_and_yaw_rate_are_told_with_how_sure_they_are(speed_m_s: float, rate_rad_s: float) -> None:
    motion = floor()
    told = np.array([motion.of(picture, at_s) for at_s, picture in pictures(speed_m_s, rate_rad_s, 1.2)])[20:]
    known = told[:, 2] < 1.0
    assert known.mean() > 0.9
    assert np.median(told[known, :2], axis=0) == pytest.approx((speed_m_s, rate_rad_s), abs=0.2)
    assert np.mean(np.abs(told[known, 0] - speed_m_s) < 3.0 * told[known, 2]) > 0.9


def test_of_a_dark_a_blurred_and_an_even_floor_nothing_is_known() -> None:
    seen = list(pictures(2.0, 0.0, 0.6))
    noise = np.random.default_rng(0).normal(0.0, 3.0, (len(seen), HEIGHT, WIDTH, 1))
    for change in (
        lambda picture: picture // 16.0,
        lambda picture: cv2.blur(picture, (41, 41))[..., None].astype(float),
        lambda picture: np.full(picture.shape, 128.0),
    ):
        motion = floor()
        told = np.array([motion.of((change(picture) + noise[k]).clip(0, 255).astype(np.uint8), at_s)
                         for k, (at_s, picture) in enumerate(seen)])  # fmt: skip
        assert (told[:, 2:] == UNKNOWN).mean() > 0.95


def test_noise_alone_is_no_motion() -> None:
    motion, rng = floor(), np.random.default_rng(0)
    noise = rng.normal(120.0, 6.0, (60, HEIGHT, WIDTH, 1)).astype(np.uint8)
    assert all(motion.of(picture, k / FPS)[2] == UNKNOWN for k, picture in enumerate(noise))


def test_pictures_too_far_apart_are_not_compared() -> None:
    motion = floor()
    told = [motion.of(picture, 10.0 * at_s) for at_s, picture in pictures(2.0, 0.0, 0.6)]
    assert np.array(told)[:, 2].min() == UNKNOWN


def test_the_same_pictures_give_the_same_bytes() -> None:
    one, other = floor(), floor()
    for at_s, picture in pictures(1.5, 0.2, 0.5):
        assert one.of(picture, at_s).tobytes() == other.of(picture, at_s).tobytes()


def test_a_mount_that_cannot_be_is_refused() -> None:
    with pytest.raises(ValueError, match=r"height_m: found 0.0, allowed: 0.02 to 2.0"):
        Mount(0.0, 0.1, 0.1)
    with pytest.raises(ValueError, match="one that sees the floor"):
        FloorMotion(nominal_lens(WIDTH, HEIGHT, CAMERA), Mount(2.0, -0.5, 0.1))
