"""A fleet of cars with cameras: each sees its own place, as late as its camera is."""

import numpy as np

from robot.robots.car.eyes.fleet import SeeingFleet
from sim.camera.camera import Cameras, looked_back
from sim.camera.looks import draw_looks
from sim.camera.worlds import worlds_of_courses
from sim.car import kernel
from sim.tracks.built_in_tracks import built_in
from sim.tracks.track import place

COURSES = [built_in("oval"), built_in("chicane")]


def quiet_looks():
    looks = draw_looks(3, 5, 32, 16, colour=False)
    looks.values["read_noise"] = looks.values["shot_noise"] = 0.0
    return looks


def fleet(n: int = 12, **more) -> SeeingFleet:
    return SeeingFleet(COURSES, n, 3, quiet_looks(), **more)


def test_cars_are_where_the_course_says() -> None:
    cars = fleet()
    assert set(cars.course) == {0, 1}
    for k, pose in enumerate(cars.poses()):
        course = COURSES[cars.course[k]]
        lateral, error = (float(cars.batch.row(row)[k]) for row in (kernel.LATERAL, kernel.HEADING_ERROR))
        x, y, heading = place(course.packed(), course.spacing_m, cars.s[k], lateral)
        np.testing.assert_allclose(pose[:2], [x, y], atol=2e-3)
        assert abs(np.sin(pose[2] - heading - error)) < 1e-3


def test_a_frame_shows_the_place_of_a_moment_ago() -> None:
    cars = fleet()
    for _ in range(3):
        cars.step(np.tile([0.2, 0.5], (12, 1)).astype(np.float32))
    cars.looks.values["dive_rad_per_m_s2"] = 0.0
    cars.step(np.tile([0.2, 0.5], (12, 1)).astype(np.float32))
    speed, yaw_rate = cars.batch.row(kernel.V_X), cars.batch.row(kernel.YAW_RATE)
    motion = np.stack([speed, yaw_rate, 0.0 * speed], 1)
    late_s = cars.looks.values["latency_s"][cars.look]
    assert late_s.min() > 0.0
    eyes = Cameras(worlds_of_courses(COURSES), cars.looks, 3)
    wanted = eyes.render(
        np.empty_like(cars.frames), looked_back(cars.poses(), motion, late_s), motion, cars.course, cars.look
    )
    np.testing.assert_array_equal(cars.frames, wanted)


def test_a_car_that_ends_gets_another_look_and_no_past() -> None:
    cars = fleet(60, decisions_max=4)
    before = cars.look.copy()
    for _ in range(4):
        cars.step(np.zeros((60, 2), np.float32))
    ended = cars.end > 0
    assert ended.sum() > 30 and (cars.age[ended] == 0).all() and (cars.look[ended] != before[ended]).any()


def test_the_same_seed_sees_the_same() -> None:
    first, again = fleet(), fleet()
    for each in (first, again):
        each.step(np.zeros((12, 2), np.float32))
    assert first.frames.tobytes() == again.frames.tobytes()
