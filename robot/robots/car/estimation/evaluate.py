"""How well the estimator knows where the car is: a simulated car driven fast, its noisy sensors, and the truth beside.

Truth is used to drive (the pursuit needs a steady hand, not an estimate under test) and to judge.
"""

import math
from dataclasses import dataclass
from time import perf_counter

import numpy as np

from drivers.emulators import world as columns
from drivers.emulators.world import World
from policies.backup.pure_pursuit import lookahead, pursue
from robot.robots.car.estimation.estimator import Estimator
from robot.robots.car.estimation.sensed_car import SensedCar
from robot.robots.car.estimation.tracker import Estimate
from robot.tasks.race_track.task import STEER_MAX_RAD, STEER_SLEW_RAD_S, TICK_S, slew
from sim.car.model import GRAVITY_M_S2, CarParameters, hidden_car, load_parameters
from sim.distance_field import OccupancyGrid
from sim.tracks.track import Course

G_SHARE = 0.55  # of the tyres' grip that the speed profile uses
DECELERATION_M_S2 = 4.0
SETTLE_S = 1.5  # at the start, standing: the lidar's first revolutions
KIDNAPPED_S = 1.5  # a car set down elsewhere has so long to notice


def speed_profile(course: Course, car: CarParameters, top_m_s: float) -> np.ndarray:
    """Speed along the centreline, (n,) m/s: a share of the grip in corners, braking in time, never above `top_m_s`."""
    n = len(course.x)
    limit = np.sqrt(G_SHARE * car.least_grip * GRAVITY_M_S2 / np.maximum(np.abs(course.curvature), 1e-3))
    speed = np.minimum(limit, top_m_s)
    for k in range(2 * n - 1, -1, -1):
        ahead = speed[(k + 1) % n]
        speed[k % n] = min(speed[k % n], math.sqrt(ahead**2 + 2.0 * DECELERATION_M_S2 * course.spacing_m))
    return speed


class Pursuit:
    """Drives the world's car along the course by truth."""

    def __init__(self, world: World, top_m_s: float) -> None:
        self.world = world
        self.profile = speed_profile(world.course, world.car, top_m_s)
        self.steer_rad = 0.0

    def command(self) -> tuple[float, float]:
        """(steer in rad, speed in m/s) for the next tick."""
        world, spacing = self.world, self.world.course.spacing_m
        s, lateral, heading_error = world.place
        v_x = float(world.moving[columns.V_X])
        goal = pursue(
            world.packed_course,
            spacing,
            s,
            lateral,
            heading_error,
            lookahead(v_x),
            0.0,
            world.car.wheelbase_m,
            STEER_MAX_RAD,
        )
        self.steer_rad = slew(self.steer_rad, goal, STEER_SLEW_RAD_S, TICK_S)
        ahead = round((s + 0.15 * v_x) / spacing) % len(self.profile)
        return self.steer_rad - world.car.steer_trim_rad, float(self.profile[ahead])


@dataclass
class Errors:
    """Estimate less truth, tick by tick."""

    position_m: list[float]
    heading_rad: list[float]
    v_y_m_s: list[float]
    quality: list[float]
    tick_s: list[float]

    def add(self, estimate: Estimate, moving: np.ndarray, tick_s: float) -> None:
        self.position_m.append(math.hypot(estimate.x - moving[columns.X], estimate.y - moving[columns.Y]))
        self.heading_rad.append(math.remainder(estimate.yaw - moving[columns.YAW], 2.0 * math.pi))
        self.v_y_m_s.append(estimate.v_y - moving[columns.V_Y])
        self.quality.append(estimate.quality)
        self.tick_s.append(tick_s)

    def figures(self) -> dict[str, float]:
        position, heading = np.array(self.position_m), np.abs(np.rad2deg(self.heading_rad))
        return {
            "position_rms_m": float(np.sqrt(np.mean(position**2))),
            "position_p99_m": float(np.percentile(position, 99)),
            "position_max_m": float(position.max()),
            "heading_rms_deg": float(np.sqrt(np.mean(heading**2))),
            "heading_p99_deg": float(np.percentile(heading, 99)),
            "v_y_rms_m_s": float(np.sqrt(np.mean(np.square(self.v_y_m_s)))),
            "quality_p1": float(np.percentile(self.quality, 1)),
            "tick_p50_us": float(np.percentile(self.tick_s, 50) * 1e6),
            "tick_p99_us": float(np.percentile(self.tick_s, 99) * 1e6),
        }


def standing_start(course: Course) -> tuple[float, float, float]:
    """The pose at the start line."""
    return float(course.x[0]), float(course.y[0]), float(course.heading[0])


def localisation_error(
    course: Course,
    grid: OccupancyGrid,
    seed: int,
    laps: int = 3,
    top_m_s: float = 6.0,
    car: CarParameters | None = None,
) -> dict[str, float]:
    """Drive a hidden car fast around a course, by truth, and compare the estimator's pose with the truth.

    car: the true one, else a hidden one of this seed. Returns errors over all ticks in motion: position in m, heading in
    degrees, v_y in m/s, grip of front and rear tyres as shares of the nominal one (at the end), quality, and the wall time of an update in
    microseconds; `laps` driven, `lost_ticks`.
    """
    start = standing_start(course)
    world = World(car or hidden_car(seed), course, grid, start)
    sensed = SensedCar(world, seed)
    pursuit = Pursuit(world, top_m_s)
    estimator = Estimator(grid, start, seed)
    errors = Errors([], [], [], [], [])
    lost_ticks, grip_shares = 0, (1.0, 1.0)
    limit_s = SETTLE_S + (laps + 1) * course.length_m / 1.0
    while world.laps < laps and world.time_s < limit_s:
        settled = world.time_s >= SETTLE_S
        command = pursuit.command() if settled else (0.0, 0.0)
        estimator.sent(world.time_s, *command, 0.0, world.car.actuation_s)
        readings = sensed.tick(*command)
        began = perf_counter()
        estimate = estimator.update(world.time_s, *readings)
        if settled:
            errors.add(estimate, world.moving, perf_counter() - began)
            lost_ticks += estimate.lost
        grip_shares = estimate.grip_shares
    return errors.figures() | {
        "front_grip_share_error": grip_shares[0] - world.car.front_grip / load_parameters().front_grip,
        "rear_grip_share_error": grip_shares[1] - world.car.rear_grip / load_parameters().rear_grip,
        "laps": world.laps, "collisions": world.collisions, "lost_ticks": lost_ticks,
    }  # fmt: skip


def kidnapping(course: Course, grid: OccupancyGrid, seed: int, trials: int = 10) -> dict[str, float]:
    """Set a standing car down elsewhere, `trials` times, and see whether it notices and finds itself.

    Returns the longest time until it was noticed (s; KIDNAPPED_S if it was not), how often it was, how often a search
    of the map then gave the right place, a wrong one, or (rightly, if unsure) none, and the longest search in s.
    """
    rng = np.random.default_rng([seed, 0x4A9])
    world = World(hidden_car(seed), course, grid, standing_start(course))
    sensed = SensedCar(world, seed)
    estimator = Estimator(grid, None, seed)
    longest_s, search_s, noticed, right, wrong = 0.0, 0.0, 0, 0, 0

    def stand(seconds: float) -> list[Estimate]:
        readings = (sensed.tick(0.0, 0.0) for _ in range(round(seconds / TICK_S)))
        return [estimator.update(world.time_s, *reading) for reading in readings]

    for _ in range(trials):
        s, lateral, turn = rng.uniform(0.0, course.length_m), rng.uniform(-0.3, 0.3), rng.uniform(-math.pi, math.pi)
        stand(0.3)
        began = perf_counter()
        found = estimator.relocalise()
        search_s = max(search_s, perf_counter() - began)
        if found:
            estimate = stand(0.2)[-1]
            away = math.hypot(estimate.x - world.moving[columns.X], estimate.y - world.moving[columns.Y])
            right += away < 0.1
            wrong += away >= 0.1
        world.put_on_course(s, lateral, turn)
        lost = [k for k, estimate in enumerate(stand(KIDNAPPED_S)) if estimate.lost]
        noticed += bool(lost)
        longest_s = max(longest_s, (lost[0] + 1) * TICK_S if lost else KIDNAPPED_S)
    return {
        "noticed": noticed, "noticed_s_max": longest_s, "found": right, "found_wrong": wrong,
        "found_none": trials - right - wrong, "search_s_max": search_s,
    }  # fmt: skip
