"""How well the estimator knows where the car is: a simulated car driven fast, its noisy sensors, and the truth beside.

The sensors here have the emulators' noise, ages and drop-outs, without the bytes, so that an evaluation takes seconds.
Truth is used to drive (the pursuit needs a steady hand, not an estimate under test) and to judge.
"""

import math
from dataclasses import dataclass
from time import perf_counter

import numpy as np
from numba import njit

from drivers.base import LidarReading, VescReading
from drivers.emulators import world as columns
from drivers.emulators.rplidar import RPLidarWiring
from drivers.emulators.vesc import VescWiring
from drivers.emulators.world import World
from policies.backup.pure_pursuit import lookahead, pursue
from robot.estimation.estimator import Estimator
from robot.estimation.tracker import Estimate
from robot.tasks.race_track import STEER_MAX_RAD, STEER_SLEW_RAD_S, TICK_S, slew
from sim.car import GRAVITY_M_S2, PHYSICS_STEP_S, CarParameters, hidden_car
from sim.distance_field import OccupancyGrid
from sim.lidar import cast
from sim.track import Course

SAMPLE_S = 250e-6
TURN_HZ = 10.0
RANGE_M = 16.38
VESC_AGE_S = (0.012, 0.018)  # a request goes out at the tick's start, its answer is read at the next
LIDAR_AGE_S = 0.0007
STEPS_PER_TICK = round(TICK_S / PHYSICS_STEP_S)
G_SHARE = 0.55  # of the tyres' grip that the speed profile uses
DECELERATION_M_S2 = 4.0
SETTLE_S = 1.5  # at the start, standing: the lidar's first revolutions


@njit(cache=True)
def beams(first, count, before, after, after_s, distance_m, frame, noise, lost, wiring, angle_rad, metres):
    """Measure samples first .. first+count-1; poses in `before`, `after` (rows x, y, yaw) one physics step apart.

    wiring: (noise in m, noise as a share of the distance). angle_rad, metres: (count,) float32, written; 0: no return.
    """
    for k in range(count):
        time_s = (first + k) * SAMPLE_S
        share = 1.0 - (after_s - time_s) / PHYSICS_STEP_S
        x = before[0] + share * (after[0] - before[0])
        y = before[1] + share * (after[1] - before[1])
        yaw = before[2] + share * (after[2] - before[2])
        turns = time_s * TURN_HZ
        angle = math.pi - 2.0 * math.pi * (turns - math.floor(turns))
        seen = cast(distance_m, frame, x, y, yaw + angle, RANGE_M)
        angle_rad[k] = angle
        metres[k] = 0.0
        if not lost[k] and seen < RANGE_M:
            metres[k] = max(0.0, seen + noise[k] * (wiring[0] + wiring[1] * seen))


class SensedCar:
    """`World` with sensors that read like the drivers': noisy, biased, and of their ages."""

    def __init__(self, world: World, seed: int) -> None:
        self.world = world
        self.rng = np.random.default_rng([seed, 0x5E25])
        self.vesc_wiring, self.lidar_wiring = VescWiring(), RPLidarWiring()
        w = self.vesc_wiring
        self.accel_bias = w.accel_bias_m_s2 * self.rng.standard_normal(2)
        self.gyro_bias = w.gyro_bias_rad_s * self.rng.standard_normal()
        self.samples = 0
        self.steer_rad = self.speed_m_s = 0.0

    def tick(self, steer_rad: float, speed_m_s: float) -> tuple[VescReading, LidarReading]:
        """Order a command, let a tick pass, and read."""
        world = self.world
        world.order(world.time_s, columns.SPEED, speed_m_s)
        world.order(world.time_s, columns.SERVO, steer_rad)
        age_s = self.rng.uniform(*VESC_AGE_S)
        end_s = (world.steps + STEPS_PER_TICK) * PHYSICS_STEP_S
        angles, distances, sampled = [], [], world.moving
        for _ in range(STEPS_PER_TICK):
            world.step()
            if world.time_s - PHYSICS_STEP_S <= end_s - age_s <= world.time_s:
                sampled = world.at(end_s - age_s)
            angle_rad, metres = self._sweep(world.time_s - (LIDAR_AGE_S if world.time_s >= end_s else 0.0))
            angles.append(angle_rad)
            distances.append(metres)
        angle_rad, metres = np.concatenate(angles), np.concatenate(distances)
        newest_s = world.time_s - (self.samples - 1) * SAMPLE_S
        ages = newest_s + SAMPLE_S * np.arange(len(angle_rad) - 1, -1, -1)
        revolution = math.floor(self.samples * SAMPLE_S * TURN_HZ)
        return self._vesc(sampled, age_s), LidarReading(
            angle_rad, metres, ages.astype(np.float32), newest_s, revolution
        )

    def _sweep(self, until_s: float) -> tuple[np.ndarray, np.ndarray]:
        world, wiring = self.world, self.lidar_wiring
        count = math.floor(until_s / SAMPLE_S + 1e-6) + 1 - self.samples
        angle_rad, metres = np.empty(count, np.float32), np.empty(count, np.float32)
        beams(
            self.samples, count, world.before, world.moving, world.time_s, world.distance_m, world.frame,
            self.rng.standard_normal(count), self.rng.random(count) < wiring.drop_out,
            (wiring.noise_m, wiring.noise_share), angle_rad, metres,
        )  # fmt: skip
        self.samples += count
        return angle_rad, metres

    def _vesc(self, moving: np.ndarray, age_s: float) -> VescReading:
        w, noise = self.vesc_wiring, self.rng.standard_normal(5)
        v_x = float(moving[columns.V_X])
        shake = w.accel_noise_m_s2 * (1.0 + 0.5 * abs(v_x))
        return VescReading(
            erpm_speed_m_s=v_x + noise[0] * (w.speed_noise_m_s + w.speed_noise_share * abs(v_x)),
            motor_current_a=float(moving[columns.MOTOR_CURRENT]),
            input_voltage_v=float(moving[columns.VOLTAGE]),
            tachometer_m=float(moving[columns.ODOMETER]),
            accel_x_m_s2=float(moving[columns.ACCEL_X]) + self.accel_bias[0] + shake * noise[1],
            accel_y_m_s2=float(moving[columns.ACCEL_Y]) + self.accel_bias[1] + shake * noise[2],
            accel_z_m_s2=GRAVITY_M_S2 + shake * noise[3],
            yaw_rate_rad_s=float(moving[columns.YAW_RATE]) + self.gyro_bias + w.gyro_noise_rad_s * noise[4],
            values_age_s=age_s,
            imu_age_s=age_s,
        )


def speed_profile(course: Course, car: CarParameters, top_m_s: float) -> np.ndarray:
    """Speed along the centreline, (n,) m/s: a share of the grip in corners, braking in time, never above `top_m_s`."""
    n = len(course.x)
    limit = np.sqrt(G_SHARE * car.grip * GRAVITY_M_S2 / np.maximum(np.abs(course.curvature), 1e-3))
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
    course: Course, grid: OccupancyGrid, seed: int, laps: int = 3, top_m_s: float = 6.0
) -> dict[str, float]:
    """Drive a hidden car fast around a course, by truth, and compare the estimator's pose with the truth.

    Returns errors over all ticks in motion: position in m, heading in degrees, v_y in m/s, quality, and the wall time
    of an update in microseconds; `laps` driven, `lost_ticks`.
    """
    start = standing_start(course)
    world = World(hidden_car(seed), course, grid, start)
    sensed = SensedCar(world, seed)
    pursuit = Pursuit(world, top_m_s)
    estimator = Estimator(grid, start, seed)
    errors = Errors([], [], [], [], [])
    lost_ticks = 0
    limit_s = SETTLE_S + (laps + 1) * course.length_m / 1.0
    while world.laps < laps and world.time_s < limit_s:
        settled = world.time_s >= SETTLE_S
        readings = sensed.tick(*(pursuit.command() if settled else (0.0, 0.0)))
        began = perf_counter()
        estimate = estimator.update(world.time_s, *readings)
        if settled:
            errors.add(estimate, world.moving, perf_counter() - began)
            lost_ticks += estimate.lost
    return errors.figures() | {"laps": world.laps, "collisions": world.collisions, "lost_ticks": lost_ticks}
