"""The gap follower: arcs measured against brute force, mirror images, laps in both directions, halls with side rooms."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.base import LidarReading, VescReading
from drivers.emulators.world import World
from robot.robots.car.demonstration.gap_follower import (
    BODY_M,
    CURVATURES,
    HORIZON_M,
    REACH_M,
    SKIPPED_M,
    GapFollower,
    choose,
    room_along,
)
from robot.robots.car.estimation.evaluate import standing_start
from robot.robots.car.estimation.sensed_car import SensedCar
from robot.robots.car.estimation.tracker import Estimate
from robot.tasks.race_track.task import SPEED_SLEW_M_S2, STEER_SLEW_RAD_S, TICK_S, slew
from sim.car.model import hidden_car, load_parameters
from sim.distance_field import OccupancyGrid, footprint_clearance, rasterise
from sim.tracks.built_in_tracks import built_in

STANDING = Estimate(0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0, False, 0.0)
POINTS = st.lists(st.tuples(st.floats(-2.9, 2.9), st.floats(-2.9, 2.9)), min_size=1, max_size=30)


def as_scan(points: list[tuple[float, float]]) -> np.ndarray:
    return np.array([(x, y, math.hypot(x, y)) for x, y in points])


def follower() -> GapFollower:
    car = load_parameters()
    return GapFollower(car.wheelbase_m, car.steer_max_rad)


def roam(world: World, seconds: float, seed: int) -> tuple[np.ndarray, float]:
    """Let the gap follower drive: (the way (n, 2) in m, least clearance in m)."""
    sensed, driver = SensedCar(world, seed), follower()
    steer = speed = 0.0
    way, clearance = [], math.inf
    for _ in range(round(seconds / TICK_S)):
        vesc, lidar = sensed.tick(steer, speed)
        x, y, yaw, v_x, v_y, yaw_rate = (float(value) for value in world.moving[:6])
        estimate = Estimate(world.time_s, x, y, yaw, v_x, v_y, yaw_rate, 1.0, False, 0.0)
        goal = driver.command(world.time_s, estimate, vesc, lidar)
        steer = slew(steer, goal[0], STEER_SLEW_RAD_S, TICK_S)
        speed = slew(speed, goal[1], SPEED_SLEW_M_S2, TICK_S)
        way.append((x, y))
        room = footprint_clearance(
            world.distance_m, world.frame, x, y, yaw, world.car.half_length_m, world.car.half_width_m
        )
        clearance = min(clearance, float(room))
    return np.array(way), clearance


def turns_around(way: np.ndarray, x: float, y: float) -> float:
    """How often the way went counter-clockwise around a point."""
    angle = np.unwrap(np.arctan2(way[:, 1] - y, way[:, 0] - x))
    return float(angle[-1] - angle[0]) / (2.0 * math.pi)


@given(points=POINTS, curvature=st.sampled_from([-1.25, -0.6, -0.1, 0.0, 0.1, 0.6, 1.25]))
def test_room_beside_an_arc_is_the_distance_to_its_points(points: list[tuple[float, float]], curvature: float) -> None:
    clearance, free = room_along(as_scan(points), curvature)
    along = np.linspace(0.0, HORIZON_M, 4001)
    if curvature == 0.0:
        arc = np.stack([along, 0.0 * along], axis=1)
    else:
        arc = np.stack([np.sin(curvature * along), 1.0 - np.cos(curvature * along)], axis=1) / curvature
    for x, y in points:
        distance = np.hypot(arc[:, 0] - x, arc[:, 1] - y)
        if distance[along > SKIPPED_M].min() < clearance - 0.01:
            # Only what lies beside the skipped part, or within the body, may be nearer.
            nearest = along[np.argmin(distance)]
            assert nearest < SKIPPED_M + 0.01 or distance.min() < BODY_M + 0.01
    assert clearance <= REACH_M and 0.0 <= free <= HORIZON_M


@given(points=st.lists(st.tuples(st.floats(-2.9, 2.9), st.floats(-2.9, 2.9)), min_size=8, max_size=30))
def test_a_mirrored_world_is_driven_mirrored(points: list[tuple[float, float]]) -> None:
    scan = as_scan(points)
    here, free = choose(scan, CURVATURES, 1, 0.0)
    there, mirrored_free = choose(scan * (1.0, -1.0, 1.0), -CURVATURES, -1, 0.0)
    assert there == pytest.approx(-here, abs=1e-12)
    assert mirrored_free == pytest.approx(free, abs=1e-12)


def test_without_points_it_stands() -> None:
    nothing = np.empty(0, np.float32)
    lidar = LidarReading(nothing, nothing, nothing, math.inf, 0)
    assert follower().command(0.0, STANDING, VescReading(), lidar) == (0.0, 0.0)


def test_before_a_wall_it_slows_down() -> None:
    angle = np.linspace(-math.pi, math.pi, 250, dtype=np.float32)
    box = 0.7 / np.maximum(np.abs(np.cos(angle)), np.abs(np.sin(angle)))
    lidar = LidarReading(angle, box.astype(np.float32), np.zeros(250, np.float32), 0.0, 0)
    assert follower().command(0.0, STANDING, VescReading(), lidar)[1] < 1.0


@pytest.mark.parametrize(("track", "seed", "backwards"), [("ell", 2, False), ("bean", 1, True), ("chicane", 3, False)])
def test_it_laps_a_corridor_in_either_direction(track: str, seed: int, backwards: bool) -> None:
    course = built_in(track)
    x, y, yaw = standing_start(course)
    world = World(hidden_car(seed), course, rasterise(course), (x, y, yaw + math.pi * backwards))
    way, clearance = roam(world, 30.0, seed)
    assert world.collisions == 0 and clearance > 0.2
    middle = way[len(way) // 2]
    back = np.hypot(way[-300:, 0] - middle[0], way[-300:, 1] - middle[1])
    assert back.min() > 0.5  # half a lap on, not turned around
    assert abs(turns_around(way, float(course.x.mean()), float(course.y.mean()))) > 1.0


@pytest.mark.parametrize("clockwise", [False, True])
def test_it_goes_round_the_island_of_a_hall_and_leaves_side_rooms_alone(clockwise: bool) -> None:
    occupied = np.ones((240, 320), bool)
    occupied[10:230, 60:260] = False  # a hall of 10 m x 11 m
    occupied[80:150, 10:60] = False  # a room of 2.5 m x 3.5 m to its left
    occupied[30:90, 260:310] = False  # and one to its right
    occupied[90:150, 130:190] = True  # the island
    hall = OccupancyGrid("hall", occupied, 0.05, 0.0, 0.0)
    world = World(hidden_car(4), built_in("oval"), hall, (8.0, 3.0, math.pi if clockwise else 0.0))
    way, clearance = roam(world, 40.0, 4)
    assert world.collisions == 0 and clearance > 0.5
    turns = turns_around(way, 8.0, 6.0)
    assert (turns < -1.5) if clockwise else (turns > 1.5)
    assert way[:, 0].min() > 3.0 and way[:, 0].max() < 13.0
