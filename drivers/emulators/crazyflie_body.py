"""The virtual Crazyflie's body: physics, ground, sensors and state estimate, one millisecond at a time.

The rotors differ from each other, the centre of mass is not quite in the middle, the battery sags and drains. What the
drone knows of itself is what the estimator (`crazyflie_estimator`) makes of gyro, accelerometer and a positioning system
(`crazyflie_positioning`). Units are the firmware's: stabilizer_types.h has m, m/s, degrees, deg/s and g; attitude.pitch is
positive nose up, the opposite of a rotation about the y axis to the left.
"""

import math
from dataclasses import replace

import numpy as np
from numba import njit

from drivers.emulators.crazyflie_estimator import (
    PREDICT_MS,
    REVERSION,
    VARIANCE_MIN,
    add_process_noise,
    begin,
    finish,
    predict,
)
from drivers.emulators.crazyflie_positioning import Filter, Past, positioning_for
from drivers.emulators.crazyflie_vices import Errors, load_vices
from sim.quadrotor.model import (
    GRAVITY_M_S2,
    N_ROTORS,
    N_STATE,
    P_BATTERY,
    P_FORCE_X,
    P_THRUST_0,
    P_THRUST_1,
    P_THRUST_2,
    P_TORQUE_X,
    QuadrotorParameters,
    battery_share,
    rk4_step,
    rotation_matrix,
    rotor_thrust,
)

STEP_S = 0.001
GROUND_Z_M = -0.03  # of the floor below the rotors of a standing drone, whose estimate then has z = 0
LYING_TILT = 0.7  # cosine of the tilt beyond which a drone that touches the ground stays as it lies
FLIES_MS = 2000  # a drone flies until its rotors have been still for so long (supervisor.c)
EXACT_DELAY_MS = 5  # of the estimate of a drone without vices

# The estimate, as the firmware's state_t has it: acceleration in g without gravity, attitude in degrees.
(E_X, E_Y, E_Z, E_V_X, E_V_Y, E_V_Z, E_A_X, E_A_Y, E_A_Z, E_Q_W, E_Q_X, E_Q_Y, E_Q_Z, E_ROLL, E_PITCH, E_YAW) = range(
    16
)
N_ESTIMATE = 16
(GYRO_X, GYRO_Y, GYRO_Z, ACC_X, ACC_Y, ACC_Z) = range(6)  # deg/s and g
N_SENSORS = 6
N_NOISE = 9  # standard normals a step: gyro, accelerometer, turbulence
NOISE_BLOCK = 1000

# What a step keeps between calls: acceleration (3), voltage, turbulence (3), two stages of the gyro's filter (6), two of the
# accelerometer's (6), sums of both since the last prediction (6).
(M_ACC, M_SHARE, M_TURBULENCE, M_GYRO_1, M_GYRO_2, M_ACC_1, M_ACC_2, M_SUM_GYRO, M_SUM_ACC) = (
    0, 3, 4, 7, 10, 13, 16, 19, 22,
)  # fmt: skip
N_MEMORY = 25

# Two first-order stages stand for a filter of second order: the firmware's low-passes are at 80 Hz and 30 Hz.
GYRO_KEEP = math.exp(-2.0 * math.pi * 120.0 * STEP_S)
ACC_KEEP = math.exp(-2.0 * math.pi * 45.0 * STEP_S)
SHARE_KEEP = math.exp(-STEP_S / 0.1)  # the voltage measured for battery compensation
CELL_N = 1.0  # full thrust that a Crazyflie's cell is for; a stronger drone's battery sags as little at its own


@njit(cache=True)
def move(s, forces, p, memory, thrust_gains, air, keep):
    """Advance the truth `s` (N_STATE) by a step under rotor forces (4), shares of the greatest thrust at full speed.

    The firmware's battery compensation turns a force into a command so that the thrust does not depend on the voltage; what
    a rotor really makes of it differs by `thrust_gains` (4). air (3): new turbulence, N, of which `keep` of the old remains.
    """
    thrust_max = rotor_thrust(1.0, p)
    share = battery_share(
        rotor_thrust(s[13], p) + rotor_thrust(s[14], p) + rotor_thrust(s[15], p) + rotor_thrust(s[16], p), p
    )
    memory[M_SHARE] += (1.0 - SHARE_KEEP) * (share - memory[M_SHARE])
    u = np.empty(N_ROTORS)
    for k in range(N_ROTORS):
        c = p[P_THRUST_0] - thrust_gains[k] * min(1.0, forces[k]) * thrust_max
        root = math.sqrt(max(0.0, p[P_THRUST_1] ** 2 - 4.0 * p[P_THRUST_2] * c))
        u[k] = min(1.0, max(0.0, (root - p[P_THRUST_1]) / (2.0 * p[P_THRUST_2]) / memory[M_SHARE]))
    blown = p.copy()
    for k in range(3):
        memory[M_TURBULENCE + k] = keep * memory[M_TURBULENCE + k] + air[k]
        blown[P_FORCE_X + k] += memory[M_TURBULENCE + k]
    before = (s[0], s[1], s[2], s[3], s[4], s[5], s[6], s[7], s[8], s[9],
              s[10], s[11], s[12], s[13], s[14], s[15], s[16])  # fmt: skip
    after = rk4_step(before, (u[0], u[1], u[2], u[3]), blown, STEP_S, GROUND_Z_M)
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
def feel(s, memory, bias, gyro_noise, acc_noise, sensors):
    """Fill in what gyro and accelerometer say. bias (6): rad/s, g; noises (3) each, of this sample."""
    r = rotation_matrix(s[3], s[4], s[5], s[6])
    f_x, f_y, f_z = memory[M_ACC], memory[M_ACC + 1], memory[M_ACC + 2] + GRAVITY_M_S2
    for k in range(3):
        raw = s[10 + k] + bias[k] + gyro_noise[k]
        memory[M_GYRO_1 + k] = GYRO_KEEP * memory[M_GYRO_1 + k] + (1.0 - GYRO_KEEP) * raw
        memory[M_GYRO_2 + k] = GYRO_KEEP * memory[M_GYRO_2 + k] + (1.0 - GYRO_KEEP) * memory[M_GYRO_1 + k]
        raw = (r[k] * f_x + r[3 + k] * f_y + r[6 + k] * f_z) / GRAVITY_M_S2 + bias[3 + k] + acc_noise[k]
        memory[M_ACC_1 + k] = ACC_KEEP * memory[M_ACC_1 + k] + (1.0 - ACC_KEEP) * raw
        memory[M_ACC_2 + k] = ACC_KEEP * memory[M_ACC_2 + k] + (1.0 - ACC_KEEP) * memory[M_ACC_1 + k]
        sensors[GYRO_X + k] = 180.0 / math.pi * memory[M_GYRO_2 + k]
        sensors[ACC_X + k] = memory[M_ACC_2 + k]
        memory[M_SUM_GYRO + k] += memory[M_GYRO_2 + k]
        memory[M_SUM_ACC + k] += GRAVITY_M_S2 * memory[M_ACC_2 + k]


@njit(cache=True)
def report(place, velocity, q, sensors, estimate):
    """Fill in the firmware's state from position and velocity (3), world, and attitude (4)."""
    degrees = 180.0 / math.pi
    r = rotation_matrix(q[0], q[1], q[2], q[3])
    for k in range(3):
        estimate[E_X + k], estimate[E_V_X + k] = place[k], velocity[k]
        estimate[E_A_X + k] = r[3 * k] * sensors[ACC_X] + r[3 * k + 1] * sensors[ACC_Y] + r[3 * k + 2] * sensors[ACC_Z]
    estimate[E_A_Z] -= 1.0
    estimate[E_Q_W], estimate[E_Q_X], estimate[E_Q_Y], estimate[E_Q_Z] = q[0], q[1], q[2], q[3]
    estimate[E_ROLL] = degrees * math.atan2(r[7], r[8])
    estimate[E_PITCH] = degrees * math.asin(min(1.0, max(-1.0, r[6])))
    estimate[E_YAW] = degrees * math.atan2(r[3], r[0])


@njit(cache=True)
def report_filter(x, q, sensors, estimate):
    """`report` of the estimator's state, whose velocity is in the body's frame."""
    r = rotation_matrix(q[0], q[1], q[2], q[3])
    velocity = (r[0] * x[3] + r[1] * x[4] + r[2] * x[5], r[3] * x[3] + r[4] * x[4] + r[5] * x[5],
                r[6] * x[3] + r[7] * x[4] + r[8] * x[5])  # fmt: skip
    report((x[0], x[1], x[2]), velocity, q, sensors, estimate)


class Body:
    """One drone, standing on the ground at first.

    state: the truth (N_STATE,), `sim.quadrotor.model`; estimate (N_ESTIMATE,); sensors (N_SENSORS,). World frame: z = 0 on
    the ground.
    """

    def __init__(
        self,
        quadrotor: QuadrotorParameters,
        rng: np.random.Generator,
        noise: float = 1.0,
        start: tuple[float, float, float] = (0.0, 0.0, 0.0),
        positioning: str = "lighthouse",
        imu_bias: tuple[float, ...] | None = None,
        rotors: tuple[float, ...] | None = None,
    ) -> None:
        """rotors (4): factors on their thrusts, instead of drawn ones. imu_bias (5): rad/s and g, x, y, z and x, y, instead of one that is drawn. noise: factor on all vices; 0: none, and the estimate is the truth of EXACT_DELAY_MS ago. start: x, y (m), yaw
        (rad). positioning: one of `crazyflie_positioning.SYSTEMS`. Raises ValueError for another."""
        vices = load_vices()
        full_n = N_ROTORS * (quadrotor.thrust_0_n + quadrotor.thrust_1_n + quadrotor.thrust_2_n)
        if quadrotor.battery_sag_v_n == 0.0:
            battery = vices.battery
            quadrotor = replace(quadrotor, battery_v=battery.open_v * quadrotor.battery_v / quadrotor.battery_nominal_v, battery_nominal_v=battery.full_thrust_v,
                                battery_sag_v_n=battery.sag_v_n * min(1.0, CELL_N / full_n))  # fmt: skip
        self.quadrotor = quadrotor
        self.positioning = positioning
        self._is_exact, self._is_lost = noise == 0.0 and positioning != "none", positioning == "none"
        self.errors = errors = Errors(rng, noise)
        self.state, self.estimate, self.sensors = np.zeros(N_STATE), np.zeros(N_ESTIMATE), np.zeros(N_SENSORS)
        self.thrust_max_n = quadrotor.thrust_0_n + quadrotor.thrust_1_n + quadrotor.thrust_2_n
        self._parameters = quadrotor.packed()
        self._weight_n = quadrotor.mass_kg * GRAVITY_M_S2
        self._thrust_gains = 1.0 + errors.many(vices.body.thrust_share, N_ROTORS)
        self._thrust_gains /= self._thrust_gains.mean()  # the mean is what mass and thrust of the data file say
        if rotors is not None:
            self._thrust_gains[:] = rotors
        offset = errors.many(vices.body.offset_m, 2)
        self._parameters[P_TORQUE_X : P_TORQUE_X + 2] += self._weight_n * offset
        self._bias = np.zeros(6)
        self._bias[:3] = errors.many(vices.imu.gyro_bias_rad_s, 3)
        self._bias[3:5] = errors.many(vices.imu.acceleration_bias_g, 2)
        if imu_bias is not None:
            self._bias[:5] = imu_bias
        self._flying_bias_g = errors.one(vices.imu.acceleration_flying_g)
        self._keep = math.exp(-STEP_S / vices.body.turbulence_s)
        self._drain = noise * vices.battery.drain_v_s / quadrotor.battery_nominal_v * STEP_S / self._weight_n
        self._positioning = positioning_for(positioning, vices, errors)
        self._memory = np.zeros(N_MEMORY)
        self._memory[M_SHARE] = quadrotor.battery_v / quadrotor.battery_nominal_v
        imu = vices.imu
        self._scale = noise * np.repeat(
            [imu.gyro_rad_s, imu.acceleration_g,
             self._weight_n * vices.body.turbulence_share * math.sqrt(1.0 - self._keep**2)], 3)  # fmt: skip
        self._noise = np.empty((NOISE_BLOCK, N_NOISE))
        self._past = Past(self.state)
        self._steps, self._driven_step = 0, -FLIES_MS
        self._filter = Filter(np.zeros(3), 0.0)
        self.drag_told = np.zeros(3)  # 1/s, the estimator's parameters kalman.dragB_x and the others
        self.put(start[0], start[1], 0.0, start[2])

    @property
    def battery_v(self) -> float:
        """Terminal voltage as the firmware measures it."""
        return float(self._memory[M_SHARE] * self.quadrotor.battery_nominal_v)

    def variance(self, k: int) -> float:
        """What the estimator believes of its k-th number: m^2 of position, (m/s)^2 of velocity in the body's frame."""
        return VARIANCE_MIN if self._is_exact else float(self._filter.p[k, k])

    @property
    def external(self) -> Filter:
        """Where measurements go that the host sends."""
        return self._filter

    def sag_v(self, force: float) -> float:
        """How far the voltage falls when all rotors make a share of their greatest thrust."""
        return self.quadrotor.battery_sag_v_n * N_ROTORS * self.thrust_max_n * force

    def hover_force(self) -> float:
        """Share of the greatest thrust that carries the drone."""
        return self._weight_n / (N_ROTORS * self.thrust_max_n)

    def put(self, x_m: float, y_m: float, z_m: float, yaw_rad: float, roll_rad: float = 0.0) -> None:
        """Set the drone down, or let go of it in the air, at rest. roll_rad: e.g. pi for upside down.

        The estimator learns of it as on the firmware: it starts anew, and is told where, and which way the nose points.
        """
        self.state[:] = 0.0
        self.state[:3] = x_m, y_m, max(0.0, z_m)
        cos_yaw, sin_yaw = math.cos(0.5 * yaw_rad), math.sin(0.5 * yaw_rad)
        cos_roll, sin_roll = math.cos(0.5 * roll_rad), math.sin(0.5 * roll_rad)
        self.state[3:7] = cos_yaw * cos_roll, cos_yaw * sin_roll, sin_yaw * sin_roll, sin_yaw * cos_roll
        self._past.fill(self.state)
        self._home = np.array([cos_yaw, 0.0, 0.0, sin_yaw])
        self.reset_estimator()

    def reset_estimator(self) -> None:
        """kalman.resetEstimation: start anew, from where the drone is, or from the origin if nothing can tell it."""
        s = np.eye(1, N_STATE, 3)[0] if self._is_lost else self.state
        yaw = math.atan2(2.0 * (s[3] * s[6] + s[4] * s[5]), 1.0 - 2.0 * (s[5] ** 2 + s[6] ** 2))
        begin(self._filter.x, self._filter.q, self._filter.p, s[:3], yaw)

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
            self.errors.rng.standard_normal(out=self._noise)
            self._noise *= self._scale
        noise, total = self._noise[k], float(forces.sum())
        self._parameters[P_BATTERY] -= self._drain * total * self.thrust_max_n
        move(self.state, forces, self._parameters, self._memory, self._thrust_gains, noise[6:], self._keep)
        if total > 0.0:
            self._driven_step = self._steps
        flies = self._steps - self._driven_step < FLIES_MS
        self._bias[5] = self._flying_bias_g if total > 0.0 else 0.0
        feel(self.state, self._memory, self._bias, noise[:3], noise[3:6], self.sensors)
        if self._is_exact:
            seen = self._past[EXACT_DELAY_MS - 1]
            report(seen[:3], seen[7:10], seen[3:7], self.sensors, self.estimate)
        else:
            self._estimate(flies)
        self._past.put(self.state)
        self._steps += 1

    def _estimate(self, flies: bool) -> None:
        """One millisecond of the estimator's task."""
        f, memory = self._filter, self._memory
        if self._steps % PREDICT_MS == 0:
            gyro, acc = memory[M_SUM_GYRO : M_SUM_GYRO + 3], memory[M_SUM_ACC : M_SUM_ACC + 3]
            reversion = REVERSION if self._positioning.reversion else 0.0
            predict(
                f.x,
                f.q,
                f.p,
                acc / PREDICT_MS,
                gyro / PREDICT_MS,
                STEP_S * PREDICT_MS,
                flies,
                reversion,
                self._home,
                self.drag_told,
            )
            memory[M_SUM_GYRO : M_SUM_ACC + 3] = 0.0
        add_process_noise(f.p, STEP_S)
        self._positioning.measure(self._steps, self._past, memory[M_GYRO_2 : M_GYRO_2 + 3], f)
        if not finish(f.x, f.q, f.p):
            self.reset_estimator()
        report_filter(f.x, f.q, self.sensors, self.estimate)
