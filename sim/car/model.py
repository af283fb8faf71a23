"""A dynamic single-track car: the equations, once, for the world, the batched simulator and the gradients.

State of the body, in the car's frame (x forward, y left), SI units:

    v_x, v_y      velocity of the centre of gravity, m/s
    yaw_rate      rad/s, counter-clockwise positive
    steer         angle of the front wheels, rad, left positive

Tyres follow the Magic Formula with C = 1 (Pacejka, Tire and Vehicle Dynamics, 3rd ed., eq. 4.49 with E = 0), which is
`x / sqrt(1 + x^2)`, inside a friction ellipse shared with the drive; front and rear tyres have a friction of their own.
Drive and brakes act on both axles, on each by its load. Loads shift with the longitudinal acceleration.
Slip is taken against `max(|v_x|, SLIP_SPEED_MIN)`, so that the same equations hold at standstill and in reverse.
"""

import math
from dataclasses import MISSING, dataclass, fields, replace
from pathlib import Path

import numpy as np
from numba import njit

from sim.input_files import read_toml

GRAVITY_M_S2 = 9.81
PHYSICS_STEP_S = 0.01
SLIP_SPEED_MIN = 0.5  # m/s; keeps RK4 stable at PHYSICS_STEP_S: 113 / 0.5 * 0.01 < 2.78
DATA = Path(__file__).parent / "data"


@dataclass(frozen=True)
class CarParameters:
    """Physical parameters of one car; the fields of `data/f1tenth.toml`, which states their source."""

    mass_kg: float
    yaw_inertia_kg_m2: float
    front_axle_m: float
    rear_axle_m: float
    gravity_centre_height_m: float
    half_length_m: float
    half_width_m: float
    grip: float  # of the floor, for both axles: coefficient of friction
    front_stiffness_per_rad: float
    rear_stiffness_per_rad: float
    steer_max_rad: float
    steer_rate_max_rad_s: float
    steer_trim_rad: float
    accel_max_m_s2: float
    brake_max_m_s2: float
    power_limit_speed_m_s: float
    speed_loop_time_constant_s: float
    drag_per_m: float
    rolling_resistance_m_s2: float
    motor_m_s2_per_a: float
    actuation_s: float
    cells: int
    full_v: float
    empty_v: float
    resistance_ohm: float
    capacity_ah: float
    front_grip_share: float = 1.0  # of `grip`: what the tyres of this axle make of it
    rear_grip_share: float = 1.0

    @property
    def front_grip(self) -> float:
        return self.grip * self.front_grip_share

    @property
    def rear_grip(self) -> float:
        return self.grip * self.rear_grip_share

    @property
    def least_grip(self) -> float:
        """Of the axle that slides first: each carries its own share of what the car weighs, so it bounds all cornering."""
        return min(self.front_grip, self.rear_grip)

    @property
    def wheelbase_m(self) -> float:
        return self.front_axle_m + self.rear_axle_m

    def packed(self) -> np.ndarray:
        """The parameters that the equations use, as float64 (N_PARAMETERS,), in the order of the P_ constants."""
        return np.array(
            [
                self.mass_kg, self.yaw_inertia_kg_m2, self.front_axle_m, self.rear_axle_m,
                self.gravity_centre_height_m, self.front_grip, self.front_stiffness_per_rad, self.rear_stiffness_per_rad,
                self.steer_max_rad, self.steer_rate_max_rad_s, self.steer_trim_rad, self.accel_max_m_s2,
                self.brake_max_m_s2, self.power_limit_speed_m_s, self.speed_loop_time_constant_s, self.drag_per_m,
                self.rolling_resistance_m_s2, self.half_length_m, self.half_width_m, self.actuation_s,
                self.full_v, self.empty_v, self.resistance_ohm, 3600.0 * self.capacity_ah, self.motor_m_s2_per_a,
                self.rear_grip,
            ]
        )  # fmt: skip


P_MASS, P_INERTIA, P_FRONT, P_REAR, P_HEIGHT, P_GRIP_F, P_STIFF_F, P_STIFF_R = range(8)
P_STEER_MAX, P_STEER_RATE, P_TRIM, P_ACCEL, P_BRAKE, P_POWER_SPEED, P_SPEED_TAU = range(8, 15)
P_DRAG, P_ROLLING, P_HALF_LENGTH, P_HALF_WIDTH, P_DELAY = range(15, 20)
P_FULL_V, P_EMPTY_V, P_RESISTANCE, P_CAPACITY_A_S, P_MOTOR_GAIN, P_GRIP_R = range(20, 26)
N_PARAMETERS = 26


MAY_BE_ZERO = ("steer_trim_rad", "drag_per_m", "rolling_resistance_m_s2", "actuation_s", "resistance_ohm")


def car_names() -> list[str]:
    """The cars of `sim/car/data`, of which it can be one."""
    return sorted(path.stem for path in DATA.glob("*.toml") if "[tyres]" in path.read_text())


def load_parameters(name: str | Path = "f1tenth") -> CarParameters:
    """A car by its name in `sim/car/data`, or by the path of its parameter file.

    Raises ValueError naming file and field: no such car, no TOML, a field that is missing, unknown or impossible.
    """
    path = DATA / f"{name}.toml"
    if not path.is_file():
        path = Path(name)
    if not path.is_file():
        raise ValueError(f"car: found '{name}', allowed: {', '.join(car_names())}, or the path of a parameter file")
    tables = read_toml(path)
    flat = {key: value for table in tables.values() if isinstance(table, dict) for key, value in table.items()}
    allowed = [each.name for each in fields(CarParameters)]
    wrong = (flat.keys() | {key for key, table in tables.items() if not isinstance(table, dict)}) - set(allowed)
    if wrong:
        raise ValueError(f"{path}: found field {min(wrong)}, allowed: {', '.join(allowed)}, in tables")
    for each in fields(CarParameters):
        key = each.name
        if key not in flat and each.default is MISSING:
            raise ValueError(f"{path}: field {key} is missing")
        value = flat.get(key, each.default)
        if type(value) not in (int, float) or not math.isfinite(value):
            raise ValueError(f"{path}: {key}: found {value!r}, allowed: a number")
        if (value < 0 and key != "steer_trim_rad") or (value == 0 and key not in MAY_BE_ZERO):
            raise ValueError(
                f"{path}: {key}: found {value}, allowed: {'0 or more' if key in MAY_BE_ZERO else 'above 0'}"
            )
    if not flat["empty_v"] < flat["full_v"]:
        raise ValueError(f"{path}: empty_v: found {flat['empty_v']}, allowed: less than full_v, {flat['full_v']}")
    if not flat["steer_max_rad"] < 0.5 * math.pi:
        raise ValueError(f"{path}: steer_max_rad: found {flat['steer_max_rad']}, allowed: below {0.5 * math.pi:.3f}")
    return CarParameters(**flat)


@dataclass(frozen=True)
class Randomisation:
    """How far a car may differ from its data sheet. Fractions of the nominal value, except where a unit is named."""

    grip: float = 0.15
    mass: float = 0.20
    delay_s: float = 0.02
    trim_rad: float = 0.05
    axle_grip: float = 0.0  # of each axle by itself, beside that of both


GRIP_APART = (0.6, 1.1)  # shares of the nominal grip between which each axle's is drawn


def hidden_car(
    seed: int, nominal: CarParameters | None = None, spread: Randomisation = Randomisation(), apart: bool = False
) -> CarParameters:
    """A car whose mass (and inertia), grip, delay and trim differ from the data sheet, uniformly within `spread`.

    apart: front and rear tyres are different ones, each with a grip of its own within GRIP_APART; all else is as without.
    """
    nominal = nominal or load_parameters()
    rng = np.random.default_rng([seed, 0xCA5])
    mass, grip, delay, trim = rng.uniform(-1.0, 1.0, 4)
    front, rear = 1.0 + spread.axle_grip * rng.uniform(-1.0, 1.0, 2)
    if apart:
        grip = 0.0
        front, rear = rng.uniform(*GRIP_APART, 2)
    return replace(
        nominal,
        mass_kg=nominal.mass_kg * (1 + spread.mass * mass),
        yaw_inertia_kg_m2=nominal.yaw_inertia_kg_m2 * (1 + spread.mass * mass),
        grip=nominal.grip * (1 + spread.grip * grip),
        front_grip_share=nominal.front_grip_share * float(front),
        rear_grip_share=nominal.rear_grip_share * float(rear),
        actuation_s=nominal.actuation_s + spread.delay_s * delay,
        steer_trim_rad=nominal.steer_trim_rad + spread.trim_rad * trim,
    )


@njit(inline="always")
def body_derivative(v_x, v_y, yaw_rate, steer, accel, p):
    """Time derivative of (v_x, v_y, yaw_rate) for a longitudinal acceleration `accel` asked of the wheels, m/s^2.

    `p` is `CarParameters.packed()`, or a row of it per lane. Resistance acts beside `accel`.
    """
    mass, inertia, front, rear = p[P_MASS], p[P_INERTIA], p[P_FRONT], p[P_REAR]
    wheelbase = front + rear
    load_front = mass * (GRAVITY_M_S2 * rear - accel * p[P_HEIGHT]) / wheelbase
    load_rear = mass * (GRAVITY_M_S2 * front + accel * p[P_HEIGHT]) / wheelbase
    used_front, used_rear = accel / (p[P_GRIP_F] * GRAVITY_M_S2), accel / (p[P_GRIP_R] * GRAVITY_M_S2)
    left_front = math.sqrt(max(0.05, 1.0 - used_front * used_front))  # share of the friction ellipse left for cornering
    left_rear = math.sqrt(max(0.05, 1.0 - used_rear * used_rear))
    cos_steer, sin_steer = math.cos(steer), math.sin(steer)
    slip_speed = max(abs(v_x), SLIP_SPEED_MIN)
    slip_front = (v_x * sin_steer - (v_y + front * yaw_rate) * cos_steer) / slip_speed
    slip_rear = -(v_y - rear * yaw_rate) / slip_speed
    x_front = p[P_STIFF_F] * slip_front / left_front
    x_rear = p[P_STIFF_R] * slip_rear / left_rear
    force_front = p[P_GRIP_F] * load_front * left_front * x_front / math.sqrt(1.0 + x_front * x_front)
    force_rear = p[P_GRIP_R] * load_rear * left_rear * x_rear / math.sqrt(1.0 + x_rear * x_rear)
    rolling = p[P_ROLLING] * v_x / math.sqrt(v_x * v_x + 0.01)
    dv_x = accel - force_front * sin_steer / mass + v_y * yaw_rate - p[P_DRAG] * v_x * abs(v_x) - rolling
    dv_y = (force_front * cos_steer + force_rear) / mass - v_x * yaw_rate
    dyaw_rate = (front * force_front * cos_steer - rear * force_rear) / inertia
    return dv_x, dv_y, dyaw_rate


@njit(inline="always")
def drive_acceleration(v_x, speed_command, p):
    """What the motor controller's speed loop asks of the wheels, m/s^2, within the limits of drive and brakes."""
    return _drive_within(v_x, speed_command, p[P_POWER_SPEED], p)


@njit(inline="always")
def _drive_within(v_x, speed_command, power_speed, p):
    accel = (speed_command - v_x) / p[P_SPEED_TAU]
    drive_max = p[P_ACCEL] * min(1.0, power_speed / max(abs(v_x), 0.1))
    forwards = v_x >= 0.0
    upper = drive_max if forwards else p[P_BRAKE]
    lower = -p[P_BRAKE] if forwards else -drive_max
    return min(upper, max(lower, accel))


@njit(inline="always")
def drawn_current(v_x, accel, p):
    """Battery current, A, while the motor accelerates a car: none while it brakes."""
    return abs(accel) / p[P_MOTOR_GAIN] if accel * v_x >= 0.0 else 0.0


@njit(inline="always")
def battery_voltage(charge, current, p):
    """Terminal voltage, V, with a share `charge` (0 to 1) of the capacity left, at a `current` drawn, A."""
    return p[P_EMPTY_V] + (p[P_FULL_V] - p[P_EMPTY_V]) * charge - p[P_RESISTANCE] * current


@njit(inline="always")
def drive_on_battery(v_x, speed_command, charge, p):
    """`drive_acceleration` on a battery that sags: the speed from which power is short falls with the voltage."""
    asked = drive_acceleration(v_x, speed_command, p)
    voltage = battery_voltage(charge, drawn_current(v_x, asked, p), p)
    return _drive_within(v_x, speed_command, p[P_POWER_SPEED] * voltage / p[P_FULL_V], p)


@njit(inline="always")
def steering_rate(steer, steer_command, p, step_s):
    """Rate of the front wheels, rad/s, towards the command plus the trim that nobody told the driver."""
    target = min(p[P_STEER_MAX], max(-p[P_STEER_MAX], steer_command)) + p[P_TRIM]
    return min(p[P_STEER_RATE], max(-p[P_STEER_RATE], (target - steer) / step_s))


@njit(cache=True)
def step_pose(state, steer_rate_rad_s, accel, p, step_s):
    """One RK4 step, in place, of the car on the plane.

    `state` (7,) float64: x, y (m), yaw (rad), v_x, v_y (m/s), yaw_rate (rad/s), steer (rad).
    """
    x, y, yaw, v_x, v_y, r, steer = state
    sum_x = sum_y = sum_yaw = sum_vx = sum_vy = sum_r = 0.0
    syaw, svx, svy, sr, ss = yaw, v_x, v_y, r, steer
    for stage in range(4):
        dx = svx * math.cos(syaw) - svy * math.sin(syaw)
        dy = svx * math.sin(syaw) + svy * math.cos(syaw)
        dvx, dvy, dr = body_derivative(svx, svy, sr, ss, accel, p)
        weight = 1.0 if stage == 0 or stage == 3 else 2.0
        sum_x += weight * dx
        sum_y += weight * dy
        sum_yaw += weight * sr
        sum_vx += weight * dvx
        sum_vy += weight * dvy
        sum_r += weight * dr
        ahead = step_s if stage == 2 else 0.5 * step_s
        syaw = yaw + ahead * sr
        svx, svy, sr = v_x + ahead * dvx, v_y + ahead * dvy, r + ahead * dr
        ss = steer + ahead * steer_rate_rad_s
    k = step_s / 6.0
    state[0] = x + k * sum_x
    state[1] = y + k * sum_y
    state[2] = yaw + k * sum_yaw
    state[3] = v_x + k * sum_vx
    state[4] = v_y + k * sum_vy
    state[5] = r + k * sum_r
    state[6] = steer + step_s * steer_rate_rad_s


@njit(inline="always")
def track_derivative(lateral, heading_error, v_x, v_y, yaw_rate, curvature):
    """Time derivative of (s, lateral, heading_error) along a centreline of `curvature` 1/m (Frenet frame)."""
    cos_e, sin_e = math.cos(heading_error), math.sin(heading_error)
    ds = (v_x * cos_e - v_y * sin_e) / max(0.2, 1.0 - lateral * curvature)
    return ds, v_x * sin_e + v_y * cos_e, yaw_rate - curvature * ds
