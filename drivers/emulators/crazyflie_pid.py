"""The virtual Crazyflie's own controller: position, velocity, attitude and rate loops in cascade, as the firmware's.

Structure, rates, limits and default gains are those of crazyflie-firmware (controllers.md; platform_defaults_cf2.h).
Units are the firmware's too: m, m/s, degrees, deg/s; thrust and torques as 16-bit motor counts, of which 65535 are the
greatest thrust. Pitch is positive nose up.
"""

import math

import numpy as np
from numba import njit

from drivers.emulators.crazyflie_body import (
    E_PITCH,
    E_ROLL,
    E_V_X,
    E_V_Y,
    E_V_Z,
    E_X,
    E_Y,
    E_YAW,
    E_Z,
    GYRO_X,
    GYRO_Y,
    GYRO_Z,
)
from drivers.emulators.crazyflie_setpoint import (
    ABS,
    OFF,
    S_ATTITUDE,
    S_BODY_VELOCITY,
    S_MODE_PITCH,
    S_MODE_QUATERNION,
    S_MODE_ROLL,
    S_MODE_X,
    S_MODE_Y,
    S_MODE_YAW,
    S_MODE_Z,
    S_POSITION,
    S_QUATERNION,
    S_RATE,
    S_THRUST,
    S_VELOCITY,
    VEL,
)
from sim.quadrotor.model import GRAVITY_M_S2, QuadrotorParameters, load_parameters

TUNED_FOR = "crazyflie_2_1"  # the drone of sim/quadrotor/data on which the default gains hold
FULL = 65535.0
ATTITUDE_MS, POSITION_MS = 2, 10  # periods: 500 Hz, 100 Hz
THRUST_MIN = 20000.0
OWN_FRAMES_N = 0.5  # a rotor's full thrust; stronger ones carry a Bolt, whose owner has set the vertical loop for them
TILT_MAX_DEG, SPEED_MAX_M_S, CLIMB_MAX_M_S, OVERHEAD = 20.0, 1.0, 1.0, 1.1
YAW_DELTA_MAX_DEG = 30.0  # how far a turning set-point runs ahead of the drone

# name of the firmware's parameter (group.prefix): kp, ki, kd, limit of the integral
LOOPS: dict[str, tuple[float, float, float, float]] = {
    "posCtlPid.x": (2.0, 0.0, 0.0, 5000.0),
    "posCtlPid.y": (2.0, 0.0, 0.0, 5000.0),
    "posCtlPid.z": (2.0, 0.5, 0.0, 5000.0),
    "velCtlPid.vx": (25.0, 1.0, 0.0, 5000.0),
    "velCtlPid.vy": (25.0, 1.0, 0.0, 5000.0),
    "velCtlPid.vz": (25.0, 15.0, 0.0, 5000.0),
    "pid_attitude.roll_": (6.0, 3.0, 0.0, 20.0),
    "pid_attitude.pitch_": (6.0, 3.0, 0.0, 20.0),
    "pid_attitude.yaw_": (6.0, 1.0, 0.35, 360.0),
    "pid_rate.roll_": (250.0, 500.0, 2.5, 33.3),
    "pid_rate.pitch_": (250.0, 500.0, 2.5, 33.3),
    "pid_rate.yaw_": (120.0, 16.7, 0.0, 166.7),
}
# Of NumPy's type: for plain numbers Numba would compile `pid` twelve times.
(X, Y, Z, V_X, V_Y, V_Z, ROLL, PITCH, YAW, ROLL_RATE, PITCH_RATE, YAW_RATE) = map(np.int64, range(12))
# The memory: of each loop the integral and the last measurement; then the attitude wanted, the thrust, the motor counts.
(K_INTEGRAL, K_LAST, K_WANTED, K_THRUST, K_TORQUE) = (0, 12, 24, 27, 28)
N_MEMORY = 31


@njit(cache=True)
def pid(loop, error, measured, dt, limit, gains, memory):
    """One update of a loop: derivative of the measurement, limited integral, limited output (0: no limit)."""
    kp, ki, kd, integral_limit = gains[loop]
    rate = (measured - memory[K_LAST + loop]) / dt
    memory[K_LAST + loop] = measured
    integral = memory[K_INTEGRAL + loop] + error * dt
    memory[K_INTEGRAL + loop] = min(integral_limit, max(-integral_limit, integral))
    out = kp * error + ki * memory[K_INTEGRAL + loop] - kd * rate
    return min(limit, max(-limit, out)) if limit > 0.0 else out


@njit(cache=True)
def wrapped(angle):
    """An angle in degrees, within -180 and 180."""
    return angle - 360.0 * math.floor((angle + 180.0) / 360.0)


@njit(cache=True)
def forget(e, sensors, memory):
    """Start all loops anew from where the drone is."""
    memory[K_INTEGRAL : K_INTEGRAL + 12] = 0.0
    yaw = math.radians(e[E_YAW])
    memory[K_LAST + X] = e[E_X] * math.cos(yaw) + e[E_Y] * math.sin(yaw)
    memory[K_LAST + Y] = e[E_Y] * math.cos(yaw) - e[E_X] * math.sin(yaw)
    memory[K_LAST + Z] = e[E_Z]
    memory[K_LAST + V_X : K_LAST + V_Z + 1] = 0.0
    memory[K_LAST + ROLL], memory[K_LAST + PITCH], memory[K_LAST + YAW] = e[E_ROLL], e[E_PITCH], e[E_YAW]
    memory[K_LAST + ROLL_RATE], memory[K_LAST + PITCH_RATE] = sensors[GYRO_X], -sensors[GYRO_Y]
    memory[K_LAST + YAW_RATE] = sensors[GYRO_Z]
    memory[K_WANTED], memory[K_WANTED + 1], memory[K_WANTED + 2] = e[E_ROLL], e[E_PITCH], e[E_YAW]


@njit(cache=True)
def follow_position(s, e, gains, thrust_base, thrust_min, memory):
    """Position and velocity loops, in a frame turned by the yaw: the roll and pitch wanted, and the thrust."""
    dt = POSITION_MS * 1e-3
    cos_yaw, sin_yaw = math.cos(math.radians(e[E_YAW])), math.sin(math.radians(e[E_YAW]))
    v_x, v_y, v_z = s[S_VELOCITY], s[S_VELOCITY + 1], s[S_VELOCITY + 2]
    if s[S_BODY_VELOCITY] == 0.0:
        v_x, v_y = v_x * cos_yaw + v_y * sin_yaw, v_y * cos_yaw - v_x * sin_yaw
    x, y = e[E_X] * cos_yaw + e[E_Y] * sin_yaw, e[E_Y] * cos_yaw - e[E_X] * sin_yaw
    if s[S_MODE_X] == ABS:
        wanted = s[S_POSITION] * cos_yaw + s[S_POSITION + 1] * sin_yaw
        v_x = pid(X, wanted - x, x, dt, SPEED_MAX_M_S * OVERHEAD, gains, memory)
    if s[S_MODE_Y] == ABS:
        wanted = s[S_POSITION + 1] * cos_yaw - s[S_POSITION] * sin_yaw
        v_y = pid(Y, wanted - y, y, dt, SPEED_MAX_M_S * OVERHEAD, gains, memory)
    if s[S_MODE_Z] == ABS:
        v_z = pid(Z, s[S_POSITION + 2] - e[E_Z], e[E_Z], dt, CLIMB_MAX_M_S * OVERHEAD, gains, memory)
    seen_x, seen_y = e[E_V_X] * cos_yaw + e[E_V_Y] * sin_yaw, e[E_V_Y] * cos_yaw - e[E_V_X] * sin_yaw
    limit = TILT_MAX_DEG * OVERHEAD
    pitch = -pid(V_X, v_x - seen_x, seen_x, dt, limit, gains, memory)
    roll = -pid(V_Y, v_y - seen_y, seen_y, dt, limit, gains, memory)
    memory[K_WANTED] = min(TILT_MAX_DEG, max(-TILT_MAX_DEG, roll))
    memory[K_WANTED + 1] = min(TILT_MAX_DEG, max(-TILT_MAX_DEG, pitch))
    lift = pid(V_Z, v_z - e[E_V_Z], e[E_V_Z], dt, 0.5e-3 * FULL, gains, memory)
    memory[K_THRUST] = min(FULL, max(thrust_min, 1000.0 * lift + thrust_base))


@njit(cache=True)
def follow_attitude(s, e, sensors, gains, memory):
    """Attitude and rate loops: the torques, in motor counts."""
    dt = ATTITUDE_MS * 1e-3
    if s[S_MODE_Z] == OFF:
        memory[K_THRUST] = s[S_THRUST]
    if s[S_MODE_X] == OFF or s[S_MODE_Y] == OFF:
        memory[K_WANTED], memory[K_WANTED + 1] = s[S_ATTITUDE], s[S_ATTITUDE + 1]
    roll = pid(ROLL, memory[K_WANTED] - e[E_ROLL], e[E_ROLL], dt, 0.0, gains, memory)
    pitch = pid(PITCH, memory[K_WANTED + 1] - e[E_PITCH], e[E_PITCH], dt, 0.0, gains, memory)
    # The yaw's measurement is unwrapped, lest its derivative jumps.
    yaw_seen = memory[K_LAST + YAW] + wrapped(e[E_YAW] - memory[K_LAST + YAW])
    yaw = pid(YAW, wrapped(memory[K_WANTED + 2] - e[E_YAW]), yaw_seen, dt, 0.0, gains, memory)
    if s[S_MODE_ROLL] == VEL:
        roll = s[S_RATE]
    if s[S_MODE_PITCH] == VEL:
        pitch = s[S_RATE + 1]
    p, q, r = sensors[GYRO_X], -sensors[GYRO_Y], sensors[GYRO_Z]
    memory[K_TORQUE] = pid(ROLL_RATE, roll - p, p, dt, 32767.0, gains, memory)
    memory[K_TORQUE + 1] = pid(PITCH_RATE, pitch - q, q, dt, 32767.0, gains, memory)
    memory[K_TORQUE + 2] = pid(YAW_RATE, yaw - r, r, dt, 32767.0, gains, memory)


@njit(cache=True)
def control(tick_ms, s, e, sensors, gains, thrust_base, thrust_min, memory, forces):
    """One tick: fill in the rotors' forces (4), m1 to m4, as shares of the greatest thrust.

    s: a packed set-point; e, sensors: of `crazyflie_body`; gains (12, 4).
    """
    if tick_ms % ATTITUDE_MS == 0:
        wanted = memory[K_WANTED + 2]
        if s[S_MODE_YAW] == VEL:
            ahead = wrapped(wanted + s[S_RATE + 2] * ATTITUDE_MS * 1e-3 - e[E_YAW])
            wanted = e[E_YAW] + min(YAW_DELTA_MAX_DEG, max(-YAW_DELTA_MAX_DEG, ahead))
        elif s[S_MODE_YAW] == ABS:
            wanted = s[S_ATTITUDE + 2]
        elif s[S_MODE_QUATERNION] == ABS:
            x, y, z, w = s[S_QUATERNION], s[S_QUATERNION + 1], s[S_QUATERNION + 2], s[S_QUATERNION + 3]
            wanted = math.degrees(math.atan2(2.0 * (x * y + w * z), 1.0 - 2.0 * (y * y + z * z)))
        memory[K_WANTED + 2] = wrapped(wanted)
    if tick_ms % POSITION_MS == 0:
        follow_position(s, e, gains, thrust_base, thrust_min, memory)
    if tick_ms % ATTITUDE_MS == 0:
        follow_attitude(s, e, sensors, gains, memory)
    if memory[K_THRUST] == 0.0:
        forget(e, sensors, memory)
        memory[K_TORQUE : K_TORQUE + 3] = 0.0
    distribute(memory[K_THRUST], memory[K_TORQUE], memory[K_TORQUE + 1], memory[K_TORQUE + 2], forces)


@njit(cache=True)
def distribute(thrust, roll, pitch, yaw, forces):
    """Rotor forces from thrust and torques in motor counts (roll to the right, nose up, counter-clockwise positive).

    Where a rotor would have to give more than it can, all give that much less: torque comes before thrust.
    """
    r, p = 0.5 * roll, 0.5 * pitch
    forces[0], forces[1], forces[2], forces[3] = -r + p - yaw, -r - p + yaw, r - p - yaw, r + p + yaw
    excess = 0.0
    for k in range(4):
        excess = max(excess, forces[k] + thrust - FULL)
    for k in range(4):
        force = (forces[k] + thrust - excess) / FULL
        forces[k] = force if force > 0.0 else 0.0  # also where it is no number


def rotor_n(q: QuadrotorParameters) -> float:
    """A rotor's full thrust."""
    return q.thrust_0_n + q.thrust_1_n + q.thrust_2_n


def turning(q: QuadrotorParameters) -> np.ndarray:
    """How much of roll, pitch and yaw a motor count gives, as angular accelerations up to a common factor: (3,)."""
    lever = np.array(
        [q.arm_y_m / q.inertia_x_kg_m2, q.arm_x_m / q.inertia_y_kg_m2, q.torque_per_thrust_m / q.inertia_z_kg_m2]
    )
    return rotor_n(q) * lever


class CascadedPid:
    """The controller's gains, which are parameters, and what it remembers."""

    def __init__(self, quadrotor: QuadrotorParameters, hover_force: float) -> None:
        """hover_force: share of the greatest thrust that carries the drone; the firmware's `thrustBase` is set by it.

        On other drones than TUNED_FOR the rate loops get gains that make them as fast as on that; on frames that are no
        Crazyflies so do velCtlPid.vz, and posCtlPid.thrustMin, which would not let the strong ones down.
        """
        self.gains, tuned = np.array(list(LOOPS.values())), load_parameters(TUNED_FOR)
        self.gains[ROLL_RATE : YAW_RATE + 1, :3] *= (turning(tuned) / turning(quadrotor))[:, np.newaxis]
        self.thrust_base, self.thrust_min = round(hover_force * FULL), THRUST_MIN
        if rotor_n(quadrotor) > OWN_FRAMES_N:
            share = hover_force * rotor_n(tuned) / (0.25 * tuned.mass_kg * GRAVITY_M_S2)
            self.gains[V_Z, :3] *= share
            self.thrust_min *= share
        self.memory = np.zeros(N_MEMORY)
        self._modes: bytes = b""

    def control(
        self, tick_ms: int, setpoint: np.ndarray, estimate: np.ndarray, sensors: np.ndarray, forces: np.ndarray
    ) -> list[float]:
        """See `control`; returns thrust, roll, pitch and yaw in motor counts.

        The loops start anew when the modes of the set-point change.
        """
        modes = setpoint[S_MODE_X : S_MODE_QUATERNION + 1].tobytes()
        if modes != self._modes:
            self._modes = modes
            forget(estimate, sensors, self.memory)
        control(
            tick_ms, setpoint, estimate, sensors, self.gains, self.thrust_base, self.thrust_min, self.memory, forces
        )
        return self.memory[K_THRUST:].tolist()
