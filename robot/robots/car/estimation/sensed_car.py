"""A simulated car with sensors that read like the drivers': the emulators' noise, ages and drop-outs, without the bytes.

It makes evaluations and tests take seconds. What goes over the wires is the emulators' own part (`drivers/emulators`).
"""

import math

import numpy as np
from numba import njit

from drivers.base import LidarReading, VescReading
from drivers.emulators import world as columns
from drivers.emulators.rplidar import RPLidarWiring
from drivers.emulators.vesc import VescWiring
from drivers.emulators.world import World
from robot.tasks.race_track.task import TICK_S
from sim.car.lidar import cast
from sim.car.model import GRAVITY_M_S2, PHYSICS_STEP_S

SAMPLE_S = 250e-6
TURN_HZ = 10.0
RANGE_M = 16.38
VESC_AGE_S = (0.012, 0.018)  # a request goes out at the tick's start, its answer is read at the next
LIDAR_AGE_S = 0.0007
STEPS_PER_TICK = round(TICK_S / PHYSICS_STEP_S)


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
