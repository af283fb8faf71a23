"""A cascade of PID loops that hovers a quadrotor and follows a moving set-point, from what the drone measures.

The loops are those of the Crazyflie's firmware (bitcraze/crazyflie-firmware, controller_pid.c and position_controller_
pid.c): position -> velocity -> attitude -> angular rate -> rotors, with the error of the attitude taken between the
rotors' axis and the wanted thrust (Brescianini, D'Andrea, Tilt-Prioritized Quadrocopter Attitude Control, 2020), so that
it holds for any attitude. Gains are bandwidths: the drone's mass, inertia and thrust curve turn them into forces.

The motors' lag is made up for: commands overshoot by as much as brings a rotor, by the lag that the data file states,
to its wanted speed with the time constant `rotor_s`.
"""

import math
from dataclasses import astuple, dataclass

import numpy as np
from numba import njit

from policies.backup.set_point import POSITION, RATE, ROTATION, VELOCITY, rotor_shares, tilt_towards, yaw_of
from sim.quadrotor.model import (
    GRAVITY_M_S2,
    N_ROTORS,
    P_ARM_X,
    P_ARM_Y,
    P_INVERSE_INERTIA_X,
    P_INVERSE_INERTIA_Y,
    P_INVERSE_INERTIA_Z,
    P_INVERSE_MASS,
    P_THRUST_0,
    P_THRUST_1,
    P_THRUST_2,
    P_TORQUE_PER_THRUST,
    STEP_S,
    QuadrotorParameters,
    battery_share,
    rotor_thrust,
)


@dataclass(frozen=True)
class PidGains:
    """Bandwidths and limits of the loops."""

    position_per_s: float = 2.6
    velocity_per_s: float = 3.2
    integral_per_s3: float = 5.0  # acceleration per metre and second of position error
    height_per_s: float = 2.5  # position, velocity and integral of the vertical loop
    climb_per_s: float = 3.3
    lift_integral_per_s3: float = 5.8
    attitude_per_s: float = 9.0
    rate_per_s: float = 26.0
    yaw_per_s: float = 2.3
    yaw_rate_per_s: float = 11.0
    rotor_s: float = 0.03
    speed_limit_m_s: float = 1.6
    tilt_limit_rad: float = 0.55
    integral_limit_m_s2: float = 8.0
    upside_down_thrust: float = 0.85  # least thrust, as a share of the wanted one, while the rotors point elsewhere


@njit(inline="always")
def limited(x, y, length):
    """(x, y) shortened to `length` if it is longer."""
    share = min(1.0, length / max(math.hypot(x, y), 1e-9))
    return x * share, y * share


@njit(inline="always")
def speed_for(thrust, p):
    """The rotor speed that gives a thrust, N: the inverse of `sim.quadrotor.model.rotor_thrust`, within 0 to 1."""
    b, a, c = p[P_THRUST_1], p[P_THRUST_2], p[P_THRUST_0] - thrust
    return min(1.0, max(0.0, (-b + math.sqrt(max(0.0, b * b - 4.0 * a * c))) / (2.0 * a)))


@njit(cache=True)
def control(gains, p, lag, seen, acceleration, integral, rotors, actions):
    """One decision of n cascades; see `CascadedPid`.

    gains: the fields of PidGains. p: packed parameters. lag: shares of the motors' lag made up in a decision, up and
    down. integral (3, n), m/s^2, and rotors (N_ROTORS, n), their speeds by the lag, are the cascades' memory.
    """
    (position_gain, velocity_gain, integral_gain, height_gain, climb_gain, lift_integral_gain, attitude_gain,
     rate_gain, yaw_gain, yaw_rate_gain, _, speed_limit, tilt_limit, integral_limit, least_share) = gains  # fmt: skip
    overshoot_up, overshoot_down, rise, fall = lag
    thrust_max = rotor_thrust(1.0, p)
    thrust, wanted = np.empty(N_ROTORS), np.empty(3)
    for i in range(seen.shape[1]):
        # Position and velocity: the wanted thrust per mass, world.
        wanted[0], wanted[1] = limited(
            -position_gain * seen[POSITION, i], -position_gain * seen[POSITION + 1, i], speed_limit
        )
        wanted[2] = min(speed_limit, max(-speed_limit, -height_gain * seen[POSITION + 2, i]))
        for k in range(3):
            slope = -STEP_S * seen[POSITION + k, i] * (lift_integral_gain if k == 2 else integral_gain)
            integral[k, i] = min(integral_limit, max(-integral_limit, integral[k, i] + slope))
            pull = (climb_gain if k == 2 else velocity_gain) * (wanted[k] - seen[VELOCITY + k, i])
            wanted[k] = pull + integral[k, i] + acceleration[k, i]
        f_z = max(0.3 * GRAVITY_M_S2, wanted[2] + GRAVITY_M_S2)
        f_x, f_y = limited(wanted[0], wanted[1], f_z * math.tan(tilt_limit))

        # Attitude: the wanted angular rate, body; and the thrust along the rotors' axis.
        turn_x, turn_y = tilt_towards(seen, i, f_x, f_y, f_z)
        cos_yaw, sin_yaw = yaw_of(seen, i)
        along = seen[ROTATION + 2, i] * f_x + seen[ROTATION + 5, i] * f_y + seen[ROTATION + 8, i] * f_z
        along = max(along, least_share * math.sqrt(f_x * f_x + f_y * f_y + f_z * f_z))

        # Rate: torques, as the thrusts that each rotor adds.
        roll = rate_gain * (attitude_gain * turn_x - seen[RATE, i])
        pitch = rate_gain * (attitude_gain * turn_y - seen[RATE + 1, i])
        yaw = yaw_rate_gain * (-yaw_gain * math.atan2(sin_yaw, cos_yaw) - seen[RATE + 2, i])
        lift = 0.25 * along / p[P_INVERSE_MASS]
        roll = 0.25 * roll / (p[P_INVERSE_INERTIA_X] * p[P_ARM_Y])
        pitch = 0.25 * pitch / (p[P_INVERSE_INERTIA_Y] * p[P_ARM_X])
        yaw = 0.25 * yaw / (p[P_INVERSE_INERTIA_Z] * p[P_TORQUE_PER_THRUST])

        # Mixing: where the rotors cannot do it all, roll and pitch come before lift, and lift before yaw.
        thrust[0], thrust[1], thrust[2], thrust[3] = -roll - pitch, -roll + pitch, roll + pitch, roll - pitch
        most = abs(roll) + abs(pitch)
        lift = max(most, min(thrust_max - most, lift))
        yaw_room = max(0.0, min(lift - most, thrust_max - most - lift))
        yaw = min(yaw_room, max(-yaw_room, yaw))
        total = 0.0
        for k in range(N_ROTORS):
            thrust[k] += lift + (yaw if k % 2 else -yaw)
            total += rotor_thrust(rotors[k, i], p)
        share = battery_share(total, p)
        for k in range(N_ROTORS):
            behind = speed_for(thrust[k], p) - rotors[k, i]
            u = (rotors[k, i] + behind * (overshoot_up if behind > 0.0 else overshoot_down)) / share
            u = min(1.0, max(0.0, u))
            behind = u * share - rotors[k, i]
            rotors[k, i] += behind * (rise if behind > 0.0 else fall)
            actions[k, i] = 2.0 * u - 1.0


class CascadedPid:
    """Cascades of n quadrotors."""

    def __init__(self, quadrotor: QuadrotorParameters, n: int, gains: PidGains = PidGains()) -> None:
        rise_s, fall_s = quadrotor.motor_rise_s, quadrotor.motor_fall_s
        self.gains, self.parameters, self.hover_speed = astuple(gains), quadrotor.packed(), quadrotor.hover_speed()
        self.lag = (max(1.0, rise_s / gains.rotor_s), max(1.0, fall_s / gains.rotor_s), *rotor_shares(quadrotor))
        self.integral, self.rotors = np.zeros((3, n)), np.zeros((N_ROTORS, n))
        self.reset()

    def reset(self) -> None:
        """Forget what was flown."""
        self.integral[:] = 0.0
        self.rotors[:] = self.hover_speed

    def act(self, seen: np.ndarray, acceleration: np.ndarray, actions: np.ndarray) -> None:
        """Write actions (N_ROTORS, n) in [-1, 1], for `seen` (N_SEEN, n) of `policies/backup/set_point.py`.

        acceleration (3, n): the set-point's, world, m/s^2.
        """
        control(self.gains, self.parameters, self.lag, seen, acceleration, self.integral, self.rotors, actions)
