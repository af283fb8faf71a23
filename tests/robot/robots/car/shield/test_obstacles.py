"""What the lidar sees and the map does not have is believed when confirmed, grows, is forgotten, and blocks the way."""

import math

import numpy as np
import pytest

from drivers.emulators.people import RADIUS_M, nearer
from robot.robots.car.shield.obstacles import (
    AGAIN_S,
    CARE_M,
    FORGOTTEN_S,
    HELD_S,
    RADIUS_MIN_M,
    WALK_M_S,
    WALK_S,
    Obstacles,
)
from sim.car.lidar import cast
from sim.car.model import load_parameters
from sim.distance_field import rasterise
from sim.tracks.built_in_tracks import built_in
from sim.tracks.track import place

COURSE = built_in("oval")
PACKED, GRID = COURSE.packed(), rasterise(COURSE)
CAR = load_parameters().packed()
ROW = 40
SURE = np.diag([0.01**2, 0.01**2, 0.002**2])  # what the tracker says of its pose
NOBODY = np.zeros((0, 2))


def here(row: int) -> tuple[float, float, float]:
    """The pose of a car in the middle of the course."""
    x, y, yaw = place(PACKED, COURSE.spacing_m, row * COURSE.spacing_m, 0.0)
    return x, y, yaw


def scan(
    people: np.ndarray,
    rng: np.random.Generator | None = None,
    row: int = ROW,
    beams: int = 400,
    noise_share: float = 0.003,
) -> np.ndarray:
    """Points (n, 3) of a revolution, as the estimator has them."""
    x, y, yaw = here(row)
    points = []
    for angle in np.linspace(math.pi, -math.pi, beams, endpoint=False):
        met = nearer(people, x, y, yaw + angle, cast(GRID.distance_m, GRID.frame, x, y, yaw + angle, 12.0))
        met += 0.0 if rng is None else (0.01 + noise_share * met) * rng.standard_normal()
        points.append((met * math.cos(angle), met * math.sin(angle), met))
    return np.array(points)


def glance(obstacles: Obstacles, now_s: float, points: np.ndarray, row: int = ROW, covariance=SURE) -> np.ndarray:
    obstacles.see(now_s, points, len(points), here(row), covariance, row, COURSE, PACKED, GRID.distance_m, GRID.frame)
    obstacles.update(now_s)
    return obstacles.believed


def see(obstacles: Obstacles, now_s: float, points: np.ndarray, row: int = ROW, covariance=SURE) -> np.ndarray:
    """In two revolutions, the second at `now_s`."""
    glance(obstacles, now_s - AGAIN_S, points, row, covariance)
    return glance(obstacles, now_s, points, row, covariance)


def somebody(ahead_m: float, lateral_m: float, row: int = ROW) -> np.ndarray:
    x, y, _ = place(PACKED, COURSE.spacing_m, row * COURSE.spacing_m + ahead_m, lateral_m)
    return np.array([[x, y]])


def test_walls_and_their_noise_are_no_obstacles():
    rng, obstacles = np.random.default_rng(0), Obstacles()
    for k, row in enumerate(range(0, len(PACKED), 8)):
        assert len(see(obstacles, 0.1 * k, scan(NOBODY, rng, row), row)) == 0


def test_before_a_noisier_lidars_walls_nobody_is_seen_and_somebody_is():
    """The noise of an RPLidar A1 is 0.8 % of the distance, and it sees each place more often than this one."""
    rng, obstacles = np.random.default_rng(0), Obstacles()
    for k in range(10):  # while it stands
        see(obstacles, 0.1 * k, scan(NOBODY, rng, noise_share=0.012))
    obstacles.forget()
    for k, row in enumerate(range(0, len(PACKED), 4)):
        assert len(see(obstacles, 2.0 + 0.1 * k, scan(NOBODY, rng, row, noise_share=0.012), row)) == 0
    for k in range(2):
        see(obstacles, 99.0 + 0.1 * k, scan(somebody(3.0, 0.4), rng, noise_share=0.012))
    assert len(obstacles.believed) == 1


def test_a_pose_that_is_wrong_does_not_pass_for_a_noisy_lidar_while_it_is_doubted():
    rng = np.random.default_rng(0)
    x, y, yaw = here(ROW)
    points = scan(somebody(3.0, float(COURSE.width_left[ROW]) - RADIUS_M - 0.02))
    looks = [scan(NOBODY, rng) for _ in range(10)]
    for learns in (False, True):
        obstacles = Obstacles()
        for k in range(120):
            told = looks[k % 10]
            obstacles.see(0.1 * k, told, len(told), (x + 0.1, y, yaw), SURE, ROW, COURSE, PACKED, GRID.distance_m, GRID.frame,
                          learns=learns)  # fmt: skip
        obstacles.forget()
        for k in range(2):
            see(obstacles, 99.0 + 0.1 * k, points)
        assert len(obstacles.believed) == (not learns)


def test_somebody_who_stays_does_not_pass_for_a_noisy_lidar():
    rng, obstacles = np.random.default_rng(0), Obstacles()
    for k in range(50):
        see(obstacles, 0.1 * k, scan(somebody(2.5, 0.0), rng))
    fresh, points = Obstacles(), scan(somebody(2.5, float(COURSE.width_left[ROW]) - 2.0 * RADIUS_M))
    assert len(see(fresh, 0.0, points)) == 1
    obstacles.forget()
    assert len(see(obstacles, 9.0, points)) == 1


def test_who_is_seen_in_one_revolution_alone_is_nobody():
    """A hiccup of the line puts a wall elsewhere, once."""
    obstacles = Obstacles()
    for now_s in (0.0, 0.5 * AGAIN_S, 10.0):  # halves of one revolution, and another hiccup, later
        assert len(glance(obstacles, now_s, scan(somebody(3.0, 0.4)))) == 0
    assert len(glance(obstacles, 10.0 + AGAIN_S, scan(somebody(3.0, 0.4)))) == 1


@pytest.mark.parametrize(("ahead_m", "lateral_m"), [(1.5, 0.0), (3.0, 0.4), (3.0, -0.4), (5.0, 0.0)])
def test_somebody_on_the_course_is_found_where_they_stand(ahead_m, lateral_m):
    obstacles = Obstacles()
    for k in range(2):
        believed = see(obstacles, 0.1 * k, scan(somebody(ahead_m, lateral_m)))
    assert len(believed) == 1
    s, lateral, radius, speed = believed[0]
    assert s - ROW * COURSE.spacing_m == pytest.approx(ahead_m, abs=0.2)
    assert lateral == pytest.approx(lateral_m, abs=0.2)
    assert radius == pytest.approx(RADIUS_MIN_M + CARE_M) and speed == WALK_M_S


def test_a_single_point_is_nobody():
    obstacles, points = Obstacles(), scan(np.zeros((0, 2)))
    points[200] = 2.0, 0.0, 2.0  # straight ahead
    assert len(glance(obstacles, 0.0, points)) == 0
    points[201] = 2.0, 0.05, 2.0
    assert len(glance(obstacles, 0.1, points)) == 0  # once is not enough for two points
    assert len(glance(obstacles, 0.2, points)) == 1


def test_somebody_who_stands_flush_at_the_inner_wall_of_a_bend_is_found_in_time():
    row = int(np.argmax(np.abs(PACKED[:, 4]))) + 20  # in the bend
    at_wall_m = float(np.sign(PACKED[row, 4])) * (float(COURSE.width_left[row]) - RADIUS_M)
    for seed in range(10):
        rng, obstacles, ahead_m = np.random.default_rng(seed), Obstacles(), 5.0
        while len(obstacles.believed) == 0:  # at 5.9 m/s
            behind = round(ahead_m / COURSE.spacing_m)
            points = scan(somebody(0.0, at_wall_m, row), rng, row - behind)
            see(obstacles, 5.0 - ahead_m, points, row - behind)
            ahead_m -= 0.59
        assert ahead_m > 2.0
        assert abs(obstacles.believed[0, 0] - row * COURSE.spacing_m) < 0.4


def test_of_a_pose_that_is_in_doubt_less_is_concluded():
    points = scan(somebody(2.0, float(COURSE.width_left[ROW]) - RADIUS_M))
    assert len(see(Obstacles(), 0.0, points)) == 1
    assert len(see(Obstacles(), 0.0, points, covariance=np.diag([0.05**2, 0.05**2, 0.02**2]))) == 0


def test_unseen_an_obstacle_grows_as_somebody_walks_and_is_held_for_a_while():
    obstacles = Obstacles()
    see(obstacles, 0.0, scan(somebody(2.0, 0.0)))
    obstacles.update(0.3)
    assert obstacles.believed[0, 2] == pytest.approx(RADIUS_MIN_M + CARE_M + 0.3 * WALK_M_S)
    obstacles.update(HELD_S - 0.01)
    assert obstacles.believed[0, 2] == pytest.approx(RADIUS_MIN_M + CARE_M + WALK_S * WALK_M_S)
    obstacles.update(HELD_S + 0.01)
    assert len(obstacles.believed) == 0


def test_an_obstacle_is_forgotten_when_its_place_is_seen_empty_and_not_when_it_is_hidden():
    obstacles, hidden = Obstacles(), scan(somebody(1.2, 0.0))
    see(obstacles, 0.0, scan(somebody(2.0, 0.0)))
    assert len(obstacles.believed) == 1
    assert 2.0 in np.round(see(obstacles, 1.0, hidden)[:, 0] - ROW * COURSE.spacing_m, 0)  # behind somebody else
    obstacles = Obstacles()
    see(obstacles, 0.0, scan(somebody(2.0, 0.0)))
    assert len(see(obstacles, FORGOTTEN_S - 0.01, scan(NOBODY))) == 1  # one scan may miss somebody
    assert len(see(obstacles, FORGOTTEN_S + 0.01, scan(NOBODY))) == 0


def test_what_was_seen_from_a_doubtful_pose_is_not_held():
    obstacles = Obstacles()
    see(obstacles, 0.0, scan(somebody(2.0, 0.0)))
    obstacles.doubt()
    obstacles.update(FORGOTTEN_S - 0.01)
    assert len(obstacles.believed) == 1
    see(obstacles, FORGOTTEN_S - 0.01, scan(somebody(2.0, 0.0)))  # once more, and now for sure
    obstacles.update(2.0 * FORGOTTEN_S)
    assert len(obstacles.believed) == 1
    obstacles.doubt()
    obstacles.update(2.0 * FORGOTTEN_S)
    assert len(obstacles.believed) == 0


def test_where_the_pose_is_lost_everything_is_forgotten():
    obstacles = Obstacles()
    see(obstacles, 0.0, scan(somebody(2.0, 0.0)))
    obstacles.forget()
    obstacles.update(0.1)
    assert len(obstacles.believed) == 0


def test_the_way_is_blocked_where_somebody_stands_close_ahead_and_not_beside():
    at = np.array([ROW * COURSE.spacing_m, 0.0, 0.0, 0.5, 0.0, 0.0])
    for lateral_m, ahead_m, blocked in ((0.0, 0.8, True), (0.0, 2.0, False), (0.6, 0.8, False), (0.0, -1.0, False)):
        obstacles = Obstacles()
        see(obstacles, 0.0, scan(somebody(ahead_m, lateral_m)))
        assert len(obstacles.believed) == 1
        assert obstacles.block(at, COURSE.length_m, CAR) == blocked
