"""The virtual Crazyflie's body: physics, ground, sensors and state estimate, one millisecond at a time.

The estimate is the truth of a few milliseconds ago with errors such as a Kalman filter leaves with Lighthouse or motion
capture: they wander (first-order noise) rather than jump. Units are the firmware's: stabilizer_types.h has m, m/s,
degrees, deg/s and g; attitude.pitch is positive nose up, the opposite of a rotation about the y axis to the left.
"""

import math
from dataclasses import dataclass

import numpy as np
from numba import njit

from sim.quadrotor import (
    GRAVITY_M_S2,
    N_ROTORS,
    N_STATE,
    P_BATTERY,
    P_FORCE_X,
    P_THRUST_0,
    P_THRUST_1,
    P_THRUST_2,
    QuadrotorParameters,
    battery_share,
    rk4_step,
    rotation_matrix,
    rotor_thrust,
)

STEP_S = 0.001
GROUND_Z_M = -0.03  # of the floor below the rotors of a standing drone, whose estimate then has z = 0
LYING_TILT = 0.7  # cosine of the tilt beyond which a drone that touches the ground stays as it lies

# The estimate, as the firmware's state_t has it: acceleration in g without gravity, attitude in degrees.
(E_X, E_Y, E_Z, E_V_X, E_V_Y, E_V_Z, E_A_X, E_A_Y, E_A_Z, E_Q_W, E_Q_X, E_Q_Y, E_Q_Z, E_ROLL, E_PITCH, E_YAW) = range(
    16
)
N_ESTIMATE = 16
(GYRO_X, GYRO_Y, GYRO_Z, ACC_X, ACC_Y, ACC_Z) = range(6)  # deg/s and g
N_SENSORS = 6
N_NOISE = 15  # standard normals a step: errors of position, velocity, attitude (3 each), gyro, accelerometer
NOISE_BLOCK = 1000

# What a step keeps between calls: wandering errors (9), two stages of the gyro's filter (6), acceleration (3), voltage.
(M_ERRORS, M_GYRO_1, M_GYRO_2, M_ACC, M_SHARE) = (0, 9, 12, 15, 18)
N_MEMORY = 19


@dataclass(frozen=True)
class NoiseLevels:
    """Errors of sensors and estimate: standard deviations, correlation times, delay."""

    position_m: float = 0.012
    position_s: float = 1.0
    velocity_m_s: float = 0.04
    velocity_s: float = 0.1
    tilt_rad: float = 0.005
    yaw_rad: float = 0.009
    attitude_s: float = 0.5
    gyro_rad_s: float = 0.02  # a sample, before the filter: mostly the motors' vibration
    acc_g: float = 0.02
    delay_s: float = 0.005  # age of the truth that the estimate is of

    def scaled(self, factor: float) -> np.ndarray:
        """Standard deviations times a factor, and what a step keeps of the errors: (18,), see `measure`."""
        deviation = [self.position_m] * 3 + [self.velocity_m_s] * 3 + [self.tilt_rad] * 2 + [self.yaw_rad]
        times_s = [self.position_s] * 3 + [self.velocity_s] * 3 + [self.attitude_s] * 3
        return np.array([factor * d for d in deviation] + [math.exp(-STEP_S / t) for t in times_s])


GYRO_KEEP = math.exp(-2.0 * math.pi * 120.0 * STEP_S)  # twice 120 Hz: the firmware's 80 Hz low-pass of second order
SHARE_KEEP = math.exp(-STEP_S / 0.1)  # the voltage measured for battery compensation


@njit(cache=True)
def move(s, forces, p, memory):
    """Advance the truth `s` (N_STATE) by a step under rotor forces (4), shares of the greatest thrust at full speed.

    The firmware's battery compensation turns a force into a command so that the thrust does not depend on the voltage.
    """
    thrust_max = rotor_thrust(1.0, p)
    share = battery_share(
        rotor_thrust(s[13], p) + rotor_thrust(s[14], p) + rotor_thrust(s[15], p) + rotor_thrust(s[16], p), p
    )
    memory[M_SHARE] += (1.0 - SHARE_KEEP) * (share - memory[M_SHARE])
    u = np.empty(N_ROTORS)
    for k in range(N_ROTORS):
        c = p[P_THRUST_0] - min(1.0, forces[k]) * thrust_max
        root = math.sqrt(max(0.0, p[P_THRUST_1] ** 2 - 4.0 * p[P_THRUST_2] * c))
        u[k] = min(1.0, max(0.0, (root - p[P_THRUST_1]) / (2.0 * p[P_THRUST_2]) / memory[M_SHARE]))
    before = (s[0], s[1], s[2], s[3], s[4], s[5], s[6], s[7], s[8], s[9],
              s[10], s[11], s[12], s[13], s[14], s[15], s[16])  # fmt: skip
    after = rk4_step(before, (u[0], u[1], u[2], u[3]), p, STEP_S, GROUND_Z_M)
    for k in range(N_STATE):
        s[k] = after[k]
    if s[2] <= 0.0 and s[9] <= 0.0:
        touch_ground(s)
    for k in range(3):
        memory[M_ACC + k] = (s[7 + k] - before[7 + k]) / STEP_S


@njit(cache=True)
def touch_ground(s):
    """Bring to rest what has come down: upright it settles on its legs and keeps its yaw, tilted it stays as it lies."""
    s[2] = 0.0
    s[7:13] = 0.0
    r = rotation_matrix(s[3], s[4], s[5], s[6])
    if r[8] > LYING_TILT:
        half_yaw = 0.5 * math.atan2(r[3], r[0])
        s[3], s[4], s[5], s[6] = math.cos(half_yaw), 0.0, 0.0, math.sin(half_yaw)


@njit(cache=True)
def measure(s, seen, memory, levels, gyro_rad_s, acc_g, noise, estimate, sensors):
    """Fill in what sensors and estimator say.

    s: truth now; seen: truth when it was measured (10: position, attitude, velocity); levels: `NoiseLevels.scaled`.
    """
    degrees = 180.0 / math.pi
    for k in range(9):
        keep = levels[9 + k]
        memory[k] = keep * memory[k] + math.sqrt(1.0 - keep * keep) * levels[k] * noise[k]
    for k in range(3):
        estimate[E_X + k] = seen[k] + memory[k]
        estimate[E_V_X + k] = seen[7 + k] + memory[3 + k]
        estimate[E_A_X + k] = memory[M_ACC + k] / GRAVITY_M_S2
    # The error is a small rotation in the body's frame.
    w, x, y, z = seen[3], seen[4], seen[5], seen[6]
    a, b, c = 0.5 * memory[6], 0.5 * memory[7], 0.5 * memory[8]
    q_w, q_x, q_y, q_z = (
        w - x * a - y * b - z * c,
        x + w * a + y * c - z * b,
        y + w * b + z * a - x * c,
        z + w * c + x * b - y * a,
    )
    scale = 1.0 / math.sqrt(q_w * q_w + q_x * q_x + q_y * q_y + q_z * q_z)
    q_w, q_x, q_y, q_z = q_w * scale, q_x * scale, q_y * scale, q_z * scale
    estimate[E_Q_W], estimate[E_Q_X], estimate[E_Q_Y], estimate[E_Q_Z] = q_w, q_x, q_y, q_z
    r = rotation_matrix(q_w, q_x, q_y, q_z)
    estimate[E_ROLL] = degrees * math.atan2(r[7], r[8])
    estimate[E_PITCH] = degrees * math.asin(min(1.0, max(-1.0, r[6])))
    estimate[E_YAW] = degrees * math.atan2(r[3], r[0])

    r = rotation_matrix(s[3], s[4], s[5], s[6])
    f_x, f_y, f_z = memory[M_ACC], memory[M_ACC + 1], memory[M_ACC + 2] + GRAVITY_M_S2
    for k in range(3):
        raw = s[10 + k] + gyro_rad_s * noise[9 + k]
        memory[M_GYRO_1 + k] = GYRO_KEEP * memory[M_GYRO_1 + k] + (1.0 - GYRO_KEEP) * raw
        memory[M_GYRO_2 + k] = GYRO_KEEP * memory[M_GYRO_2 + k] + (1.0 - GYRO_KEEP) * memory[M_GYRO_1 + k]
        sensors[GYRO_X + k] = degrees * memory[M_GYRO_2 + k]
        force = r[k] * f_x + r[3 + k] * f_y + r[6 + k] * f_z
        sensors[ACC_X + k] = force / GRAVITY_M_S2 + acc_g * noise[12 + k]


class Body:
    """One drone, standing on the ground at first.

    state: the truth (N_STATE,), `sim.quadrotor`; estimate (N_ESTIMATE,); sensors (N_SENSORS,). World frame: z = 0 on
    the ground.
    """

    def __init__(
        self,
        quadrotor: QuadrotorParameters,
        rng: np.random.Generator,
        noise: float = 1.0,
        start: tuple[float, float, float] = (0.0, 0.0, 0.0),
    ) -> None:
        """noise: factor on all errors; start: x, y (m), yaw (rad)."""
        levels = NoiseLevels()
        self.quadrotor = quadrotor
        self.state, self.estimate, self.sensors = np.zeros(N_STATE), np.zeros(N_ESTIMATE), np.zeros(N_SENSORS)
        self.thrust_max_n = quadrotor.thrust_0_n + quadrotor.thrust_1_n + quadrotor.thrust_2_n
        self._parameters = quadrotor.packed()
        self._memory = np.zeros(N_MEMORY)
        self._memory[M_SHARE] = quadrotor.battery_v / quadrotor.battery_nominal_v
        self._levels = levels.scaled(noise)
        self._gyro_rad_s, self._acc_g = noise * levels.gyro_rad_s, noise * levels.acc_g
        self._rng = rng
        self._noise = np.empty((NOISE_BLOCK, N_NOISE))
        self._past = np.zeros((max(1, round(levels.delay_s / STEP_S)), 10))
        self._steps = 0
        self.put(start[0], start[1], 0.0, start[2])

    @property
    def battery_v(self) -> float:
        """Terminal voltage as the firmware measures it."""
        return float(self._memory[M_SHARE] * self.quadrotor.battery_nominal_v)

    def hover_force(self) -> float:
        """Share of the greatest thrust that carries the drone."""
        return self.quadrotor.mass_kg * GRAVITY_M_S2 / (N_ROTORS * self.thrust_max_n)

    def put(self, x_m: float, y_m: float, z_m: float, yaw_rad: float, roll_rad: float = 0.0) -> None:
        """Set the drone down, or let go of it in the air, at rest. roll_rad: e.g. pi for upside down."""
        self.state[:] = 0.0
        self.state[:3] = x_m, y_m, max(0.0, z_m)
        cos_yaw, sin_yaw = math.cos(0.5 * yaw_rad), math.sin(0.5 * yaw_rad)
        cos_roll, sin_roll = math.cos(0.5 * roll_rad), math.sin(0.5 * roll_rad)
        self.state[3:7] = cos_yaw * cos_roll, cos_yaw * sin_roll, sin_yaw * sin_roll, sin_yaw * cos_roll
        self._past[:] = self.state[:10]

    def set_battery(self, open_v: float) -> None:
        """Another open-circuit voltage from now on."""
        self._parameters[P_BATTERY] = open_v / self.quadrotor.battery_nominal_v

    def push(self, x_n: float, y_n: float, z_n: float) -> None:
        """Push with a force, world, from now on; none: 0, 0, 0."""
        self._parameters[P_FORCE_X : P_FORCE_X + 3] = x_n, y_n, z_n

    def step(self, forces: np.ndarray) -> None:
        """Advance by STEP_S under rotor forces (4,), shares of the greatest thrust, and measure."""
        k = self._steps % NOISE_BLOCK
        if k == 0:
            self._rng.standard_normal(out=self._noise)
        move(self.state, forces, self._parameters, self._memory)
        seen = self._past[self._steps % len(self._past)]
        measure(
            self.state, seen, self._memory, self._levels, self._gyro_rad_s, self._acc_g, self._noise[k],
            self.estimate, self.sensors,
        )  # fmt: skip
        seen[:] = self.state[:10]
        self._steps += 1
