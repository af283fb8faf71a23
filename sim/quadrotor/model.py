"""A quadrotor: the equations, once, for the batched simulator, the GPU, the gradients and the controllers.

World: z up. Body: x forward, y left, z up. State, a tuple of N_STATE scalars in SI units:

    p_x p_y p_z         position, world, m
    q_w q_x q_y q_z     attitude, unit quaternion, body to world
    v_x v_y v_z         velocity, world, m/s
    w_x w_y w_z         angular rate, body, rad/s
    m_0 m_1 m_2 m_3     rotor speeds, 1 = full speed at the nominal battery voltage

Rotors stand at (x, -y), (-x, -y), (-x, y), (x, y), seen from above clockwise from the front right; the torque of their
air drag about z has the signs -, +, -, +. A rotor's thrust is a polynomial of its speed; the speed follows the command
with a first-order lag that differs up and down (Foerster, System Identification of the Crazyflie 2.0, 2015, and the
thrust stands behind the data files). Drag is linear in the velocity, across the rotors' axis and along it (Faessler,
Franchi, Scaramuzza, Differential Flatness of Quadrotor Dynamics Subject to Rotor Drag, 2018, with d_x = d_y).

All functions take scalars and return tuples of scalars: under Numba, under numba-cuda as device functions, in either
precision (`sim.single_precision`), and in plain Python. `p` is `QuadrotorParameters.packed()` or a tuple in its order.
"""

import math
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
from numba import njit

from sim.input_files import from_table, read_toml, shown, wrong

GRAVITY_M_S2 = 9.81
STEP_S = 0.01  # one decision of a policy; physics takes one or several steps in it
DATA = Path(__file__).parent / "data"

(X, Y, Z, Q_W, Q_X, Q_Y, Q_Z, V_X, V_Y, V_Z, W_X, W_Y, W_Z, M_0, M_1, M_2, M_3) = range(17)
N_STATE = 17
N_ROTORS = 4

(P_INVERSE_MASS, P_THRUST_0, P_THRUST_1, P_THRUST_2, P_ARM_X, P_ARM_Y, P_TORQUE_PER_THRUST,
 P_INVERSE_INERTIA_X, P_INVERSE_INERTIA_Y, P_INVERSE_INERTIA_Z, P_GYRO_X, P_GYRO_Y, P_GYRO_Z,
 P_INVERSE_RISE, P_INVERSE_FALL, P_DRAG_ACROSS, P_DRAG_ALONG, P_BATTERY, P_SAG,
 P_FORCE_X, P_FORCE_Y, P_FORCE_Z, P_TORQUE_X, P_TORQUE_Y, P_TORQUE_Z, P_LATENCY, P_ROTOR_RADIUS) = range(27)  # fmt: skip
N_PARAMETERS = 27


@dataclass(frozen=True)
class QuadrotorParameters:
    """Physical parameters of one quadrotor; the fields of the files in `data/`, which state their sources."""

    mass_kg: float
    inertia_x_kg_m2: float
    inertia_y_kg_m2: float
    inertia_z_kg_m2: float
    arm_x_m: float  # from the centre of mass to a rotor's axis, forward
    arm_y_m: float
    rotor_radius_m: float
    thrust_0_n: float  # thrust of one rotor at speed m: thrust_0 + thrust_1 m + thrust_2 m^2
    thrust_1_n: float
    thrust_2_n: float
    torque_per_thrust_m: float  # air drag of a rotor about its axis over its thrust
    motor_rise_s: float  # time constant of a rotor that speeds up
    motor_fall_s: float  # ... and of one that slows down
    drag_across_n_s_m: float  # force per speed across the rotors' axis
    drag_along_n_s_m: float  # ... and along it
    battery_v: float  # open-circuit voltage
    battery_nominal_v: float  # terminal voltage at which a rotor under full command reaches speed 1
    battery_sag_v_n: float  # terminal voltage lost per newton of total thrust
    latency_s: float = 0.0  # of sensing, computing and the link, together: until a decision reaches the motors
    force_n: tuple[float, float, float] = (0.0, 0.0, 0.0)  # constant disturbance, world
    torque_n_m: tuple[float, float, float] = (0.0, 0.0, 0.0)  # constant disturbance, body

    def packed(self) -> np.ndarray:
        """What the equations use, float64 (N_PARAMETERS,), in the order of the P_ constants."""
        x, y, z = self.inertia_x_kg_m2, self.inertia_y_kg_m2, self.inertia_z_kg_m2
        return np.array(
            [
                1 / self.mass_kg, self.thrust_0_n, self.thrust_1_n, self.thrust_2_n,
                self.arm_x_m, self.arm_y_m, self.torque_per_thrust_m,
                1 / x, 1 / y, 1 / z, (y - z) / x, (z - x) / y, (x - y) / z,
                1 / self.motor_rise_s, 1 / self.motor_fall_s, self.drag_across_n_s_m, self.drag_along_n_s_m,
                self.battery_v / self.battery_nominal_v, self.battery_sag_v_n / self.battery_nominal_v,
                *self.force_n, *self.torque_n_m, self.latency_s, self.rotor_radius_m,
            ]
        )  # fmt: skip

    def scaled(self, **factors: float) -> "QuadrotorParameters":
        """This quadrotor with some of the quantities of `Factors` multiplied: `scaled(mass=1.3)`."""
        f = Factors(**factors)
        return replace(
            self,
            mass_kg=self.mass_kg * f.mass,
            inertia_x_kg_m2=self.inertia_x_kg_m2 * f.inertia,
            inertia_y_kg_m2=self.inertia_y_kg_m2 * f.inertia,
            inertia_z_kg_m2=self.inertia_z_kg_m2 * f.inertia,
            arm_x_m=self.arm_x_m * f.arm,
            arm_y_m=self.arm_y_m * f.arm,
            thrust_0_n=self.thrust_0_n * f.thrust,
            thrust_1_n=self.thrust_1_n * f.thrust,
            thrust_2_n=self.thrust_2_n * f.thrust,
            torque_per_thrust_m=self.torque_per_thrust_m * f.torque_per_thrust,
            motor_rise_s=self.motor_rise_s * f.motor_delay,
            motor_fall_s=self.motor_fall_s * f.motor_delay,
            drag_across_n_s_m=self.drag_across_n_s_m * f.drag,
            drag_along_n_s_m=self.drag_along_n_s_m * f.drag,
            battery_v=self.battery_v * f.battery,
            battery_sag_v_n=self.battery_sag_v_n * f.battery_sag,
        )

    def hover_speed(self) -> float:
        """Rotor speed (0 to 1) at which the rotors carry the weight."""
        c = self.thrust_0_n - self.mass_kg * GRAVITY_M_S2 / N_ROTORS
        b, a = self.thrust_1_n, self.thrust_2_n
        return (-b + math.sqrt(b * b - 4 * a * c)) / (2 * a)

    def hover_command(self) -> float:
        """Command (0 to 1) that holds `hover_speed`, with the battery under that load."""
        sagged_v = self.battery_v - self.battery_sag_v_n * self.mass_kg * GRAVITY_M_S2
        return self.hover_speed() * self.battery_nominal_v / sagged_v


@dataclass(frozen=True)
class Factors:
    """By how much the quantities of a quadrotor are multiplied."""

    mass: float = 1.0
    inertia: float = 1.0
    arm: float = 1.0
    thrust: float = 1.0
    torque_per_thrust: float = 1.0
    motor_delay: float = 1.0
    drag: float = 1.0
    battery: float = 1.0
    battery_sag: float = 1.0


FACTORS = tuple(f.name for f in fields(Factors))


@dataclass(frozen=True)
class QuadrotorRandomisation:
    """How far quadrotors differ from their data file, drawn anew for each episode.

    The quantities of `Factors` uniformly within +- a fraction; latency uniformly between two values, added to the data
    file's; disturbances normally, as shares of the weight (times one metre for the torque); gusts as `gust_step` says.
    """

    mass: float = 0.0
    inertia: float = 0.0
    arm: float = 0.0
    thrust: float = 0.0
    torque_per_thrust: float = 0.0
    motor_delay: float = 0.0
    drag: float = 0.0
    battery: float = 0.0
    battery_sag: float = 0.0
    latency_low_s: float = 0.0
    latency_high_s: float = 0.0
    force_share: float = 0.0
    torque_share_m: float = 0.0
    gust_share: float = 0.0  # standard deviation of the gusts' force
    gust_time_s: float = 0.5  # their correlation time

    def fractions(self) -> np.ndarray:
        """The spread of each of FACTORS, float64 (len(FACTORS),)."""
        return np.array([getattr(self, name) for name in FACTORS])


def load_parameters(name: str | Path = "crazyflie_2_0") -> QuadrotorParameters:
    """Read a quadrotor's parameters: a name in `sim/quadrotor/data` (see QUADROTORS) or a path.

    Raises ValueError with the allowed names for an unknown one, and naming file and field for what is wrong in a file.
    """
    path = Path(name) if str(name).endswith(".toml") else DATA / f"{name}.toml"
    if not path.is_file():
        raise ValueError(f"quadrotor: found {str(name)!r}, allowed: {', '.join(QUADROTORS)}, or a path to a .toml file")
    flat: dict[str, Any] = {}
    for table, values in read_toml(path).items():
        if not isinstance(values, dict):
            raise wrong(path, table, shown(values), "a table, such as [body]")
        flat |= values
    parameters = from_table(path, QuadrotorParameters, flat)
    for field in POSITIVE:
        if not getattr(parameters, field) > 0.0:
            raise wrong(path, field, shown(getattr(parameters, field)), "more than 0")
    return parameters


POSITIVE = ("mass_kg", "inertia_x_kg_m2", "inertia_y_kg_m2", "inertia_z_kg_m2", "arm_x_m", "arm_y_m", "rotor_radius_m",
            "thrust_2_n", "motor_rise_s", "motor_fall_s", "battery_v", "battery_nominal_v")  # fmt: skip


CRAZYFLIES = ("crazyflie_2_0", "crazyflie_2_1", "crazyflie_2_1_plus", "crazyflie_2_1_brushless")
QUADROTORS = (*CRAZYFLIES, "crazyflie_l250", "crazyflie_t350", "racer_5_inch", "x500", "fs_3_35_kg")
FLEET = "crazyflies"  # stands for all of CRAZYFLIES where several quadrotors can be meant


def quadrotors_named(name: str) -> tuple[str, ...]:
    """The names that a name stands for: those of the FLEET, or the one."""
    return CRAZYFLIES if name == FLEET else (name,)


@njit(forceinline=True)
def scaled_parameters(p, mass, inertia, arm, thrust, torque_per_thrust, motor_delay, drag, battery, battery_sag):
    """`p` with its quantities multiplied by the factors; the tuple that the packed form of `scaled` would be."""
    return (
        p[P_INVERSE_MASS] / mass, p[P_THRUST_0] * thrust, p[P_THRUST_1] * thrust, p[P_THRUST_2] * thrust,
        p[P_ARM_X] * arm, p[P_ARM_Y] * arm, p[P_TORQUE_PER_THRUST] * torque_per_thrust,
        p[P_INVERSE_INERTIA_X] / inertia, p[P_INVERSE_INERTIA_Y] / inertia, p[P_INVERSE_INERTIA_Z] / inertia,
        p[P_GYRO_X], p[P_GYRO_Y], p[P_GYRO_Z], p[P_INVERSE_RISE] / motor_delay, p[P_INVERSE_FALL] / motor_delay,
        p[P_DRAG_ACROSS] * drag, p[P_DRAG_ALONG] * drag, p[P_BATTERY] * battery, p[P_SAG] * battery_sag,
        p[P_FORCE_X], p[P_FORCE_Y], p[P_FORCE_Z], p[P_TORQUE_X], p[P_TORQUE_Y], p[P_TORQUE_Z],
        p[P_LATENCY], p[P_ROTOR_RADIUS],
    )  # fmt: skip


@njit(forceinline=True)
def rotor_thrust(m, p):
    """Thrust of one rotor at speed m, N."""
    return p[P_THRUST_0] + m * (p[P_THRUST_1] + m * p[P_THRUST_2])


@njit(forceinline=True)
def battery_share(total_thrust, p):
    """Terminal over nominal voltage while the rotors carry `total_thrust`, N: the speed that a full command asks for."""
    return p[P_BATTERY] - p[P_SAG] * total_thrust


@njit(forceinline=True)
def rotor_rate(behind, p):
    """Rate, 1/s, at which a rotor takes up what its speed lacks: faster up than down, or the reverse."""
    return p[P_INVERSE_RISE] if behind > 0.0 else p[P_INVERSE_FALL]


@njit(forceinline=True)
def ground_gain(height, p):
    """Factor of the thrust at a height above the ground, m (Cheeseman and Bennett, 1955), from half a radius up."""
    nearness = p[P_ROTOR_RADIUS] / max(4.0 * height, 2.0 * p[P_ROTOR_RADIUS])
    return 1.0 / (1.0 - nearness * nearness)


@njit(forceinline=True)
def gust_step(gust, noise, keep):
    """A gust's force after a decision: first-order noise of unit variance for standard normal `noise`.

    keep = exp(-STEP_S / gust_time_s).
    """
    return keep * gust + math.sqrt(1.0 - keep * keep) * noise


@njit(forceinline=True)
def mixed(t_0, t_1, t_2, t_3):
    """Of the four thrusts, N: their sum, and the differences that roll, pitch and yaw the body."""
    right, left, right_more, left_more = t_0 + t_1, t_2 + t_3, t_1 - t_0, t_2 - t_3
    return right + left, left - right, left_more + right_more, right_more - left_more


@njit(forceinline=True)
def body_derivative(q, v, w, thrust, p, gain):
    """Time derivative of attitude `q` (4), velocity `v` (3) and angular rate `w` (3) under `mixed` thrusts.

    gain: factor of the lift near the ground.
    """
    q_w, q_x, q_y, q_z = q
    v_x, v_y, v_z = v
    w_x, w_y, w_z = w
    total, roll, pitch, yaw = thrust
    # The rotors' axis in the world. Drag is drag across everywhere, and the difference to drag along it on the axis.
    z_x, z_y, z_z = 2.0 * (q_x * q_z + q_w * q_y), 2.0 * (q_y * q_z - q_w * q_x), 1.0 - 2.0 * (q_x * q_x + q_y * q_y)
    speed_along = z_x * v_x + z_y * v_y + z_z * v_z
    along = (total * gain + (p[P_DRAG_ACROSS] - p[P_DRAG_ALONG]) * speed_along) * p[P_INVERSE_MASS]
    across = p[P_DRAG_ACROSS] * p[P_INVERSE_MASS]
    h_x, h_y, h_z = 0.5 * w_x, 0.5 * w_y, 0.5 * w_z
    return (
        (
            -(q_x * h_x + q_y * h_y + q_z * h_z),
            q_w * h_x + q_y * h_z - q_z * h_y,
            q_w * h_y + q_z * h_x - q_x * h_z,
            q_w * h_z + q_x * h_y - q_y * h_x,
        ),
        (
            z_x * along - across * v_x + p[P_FORCE_X] * p[P_INVERSE_MASS],
            z_y * along - across * v_y + p[P_FORCE_Y] * p[P_INVERSE_MASS],
            z_z * along - across * v_z + (p[P_FORCE_Z] * p[P_INVERSE_MASS] - GRAVITY_M_S2),
        ),
        (
            (p[P_ARM_Y] * roll + p[P_TORQUE_X]) * p[P_INVERSE_INERTIA_X] + p[P_GYRO_X] * w_y * w_z,
            (p[P_ARM_X] * pitch + p[P_TORQUE_Y]) * p[P_INVERSE_INERTIA_Y] + p[P_GYRO_Y] * w_z * w_x,
            (p[P_TORQUE_PER_THRUST] * yaw + p[P_TORQUE_Z]) * p[P_INVERSE_INERTIA_Z] + p[P_GYRO_Z] * w_x * w_y,
        ),
    )


@njit(forceinline=True)
def derivative(s, u, p, ground_z):
    """Time derivative of the state `s` (N_STATE) under commands `u` (4) in [0, 1].

    ground_z: height of the ground, m, world; None for free air.
    """
    m = s[13:17]
    thrust = mixed(rotor_thrust(m[0], p), rotor_thrust(m[1], p), rotor_thrust(m[2], p), rotor_thrust(m[3], p))
    gain = 1.0 if ground_z is None else ground_gain(s[2] - ground_z, p)
    share = battery_share(thrust[0], p)
    behind = u[0] * share - m[0], u[1] * share - m[1], u[2] * share - m[2], u[3] * share - m[3]
    dq, dv, dw = body_derivative(s[3:7], s[7:10], s[10:13], thrust, p, gain)
    dm = (behind[0] * rotor_rate(behind[0], p), behind[1] * rotor_rate(behind[1], p),
          behind[2] * rotor_rate(behind[2], p), behind[3] * rotor_rate(behind[3], p))  # fmt: skip
    return s[7:10] + dq + dv + dw + dm


@njit(forceinline=True)
def rotor_stages(m, target, step_s, p):
    """A rotor's speed at the four stages of a Runge-Kutta step towards a constant target, and after it.

    What it lacks decays at a constant rate, so each stage is that of the plain method: a polynomial of rate * step.
    """
    behind = target - m
    z = rotor_rate(behind, p) * step_s
    left_2 = 1.0 - 0.5 * z
    left_3 = 1.0 - 0.5 * z * left_2
    left_4 = 1.0 - z * left_3
    left = 1.0 - z * (1.0 / 6.0) * (1.0 + 2.0 * (left_2 + left_3) + left_4)
    return target - behind * left_2, target - behind * left_3, target - behind * left_4, target - behind * left


@njit(forceinline=True)
def plus3(a, factor, b):
    return a[0] + factor * b[0], a[1] + factor * b[1], a[2] + factor * b[2]


@njit(forceinline=True)
def plus4(a, factor, b):
    return a[0] + factor * b[0], a[1] + factor * b[1], a[2] + factor * b[2], a[3] + factor * b[3]


@njit(forceinline=True)
def rotors_step(m, u, p, step_s):
    """Four rotors over one Runge-Kutta step: their `mixed` thrusts at its four stages, and their speeds after it.

    m: speeds; u: commands in [0, 1]. The battery's voltage stays that at the beginning of the step.
    """
    thrust_1 = mixed(rotor_thrust(m[0], p), rotor_thrust(m[1], p), rotor_thrust(m[2], p), rotor_thrust(m[3], p))
    share = battery_share(thrust_1[0], p)
    a, b = rotor_stages(m[0], u[0] * share, step_s, p), rotor_stages(m[1], u[1] * share, step_s, p)
    c, d = rotor_stages(m[2], u[2] * share, step_s, p), rotor_stages(m[3], u[3] * share, step_s, p)
    thrust_2 = mixed(rotor_thrust(a[0], p), rotor_thrust(b[0], p), rotor_thrust(c[0], p), rotor_thrust(d[0], p))
    thrust_3 = mixed(rotor_thrust(a[1], p), rotor_thrust(b[1], p), rotor_thrust(c[1], p), rotor_thrust(d[1], p))
    thrust_4 = mixed(rotor_thrust(a[2], p), rotor_thrust(b[2], p), rotor_thrust(c[2], p), rotor_thrust(d[2], p))
    return thrust_1, thrust_2, thrust_3, thrust_4, (a[3], b[3], c[3], d[3])


@njit(forceinline=True)
def body_step(x, q, v, w, thrust_1, thrust_2, thrust_3, thrust_4, p, step_s, gain):
    """Position (3), attitude (4), velocity (3) and angular rate (3) after one Runge-Kutta step under those thrusts."""
    half, third, sixth = 0.5 * step_s, step_s * (1.0 / 3.0), step_s * (1.0 / 6.0)
    dq, dv, dw = body_derivative(q, v, w, thrust_1, p, gain)
    q_end, v_end, w_end = plus4(q, sixth, dq), plus3(v, sixth, dv), plus3(w, sixth, dw)
    # The position's stages are the velocities of the others: v, v + half dv_1, v + half dv_2, v + step dv_3.
    x = plus3(plus3(x, step_s, v), step_s * sixth, dv)
    dq, dv, dw = body_derivative(plus4(q, half, dq), plus3(v, half, dv), plus3(w, half, dw), thrust_2, p, gain)
    q_end, v_end, w_end = plus4(q_end, third, dq), plus3(v_end, third, dv), plus3(w_end, third, dw)
    x = plus3(x, step_s * sixth, dv)
    dq, dv, dw = body_derivative(plus4(q, half, dq), plus3(v, half, dv), plus3(w, half, dw), thrust_3, p, gain)
    q_end, v_end, w_end = plus4(q_end, third, dq), plus3(v_end, third, dv), plus3(w_end, third, dw)
    x = plus3(x, step_s * sixth, dv)
    dq, dv, dw = body_derivative(plus4(q, step_s, dq), plus3(v, step_s, dv), plus3(w, step_s, dw), thrust_4, p, gain)
    q_end, v_end, w_end = plus4(q_end, sixth, dq), plus3(v_end, sixth, dv), plus3(w_end, sixth, dw)
    scale = 1.0 / math.sqrt(q_end[0] * q_end[0] + q_end[1] * q_end[1] + q_end[2] * q_end[2] + q_end[3] * q_end[3])
    return x + (scale * q_end[0], scale * q_end[1], scale * q_end[2], scale * q_end[3]) + v_end + w_end


@njit(forceinline=True)
def rk4_step(s, u, p, step_s, ground_z):
    """The state after one classical Runge-Kutta step of `step_s` under constant commands.

    s: state (N_STATE); u: commands (4) in [0, 1]; ground_z: height of the ground, m, world, or None for free air. The
    battery's voltage and the ground's effect stay those at the beginning of the step; for the rest this is the plain
    method on `derivative`, in an order that keeps few numbers alive at a time.
    """
    x, q, v, w = s[0:3], s[3:7], s[7:10], s[10:13]
    t_1, t_2, t_3, t_4, m = rotors_step(s[13:17], u, p, step_s)
    gain = 1.0 if ground_z is None else ground_gain(x[2] - ground_z, p)
    return body_step(x, q, v, w, t_1, t_2, t_3, t_4, p, step_s, gain) + m


@njit(forceinline=True)
def rotation_matrix(q_w, q_x, q_y, q_z):
    """Rows of the rotation matrix from body to world, nine scalars."""
    return (
        1.0 - 2.0 * (q_y * q_y + q_z * q_z), 2.0 * (q_x * q_y - q_w * q_z), 2.0 * (q_x * q_z + q_w * q_y),
        2.0 * (q_x * q_y + q_w * q_z), 1.0 - 2.0 * (q_x * q_x + q_z * q_z), 2.0 * (q_y * q_z - q_w * q_x),
        2.0 * (q_x * q_z - q_w * q_y), 2.0 * (q_y * q_z + q_w * q_x), 1.0 - 2.0 * (q_x * q_x + q_y * q_y),
    )  # fmt: skip
