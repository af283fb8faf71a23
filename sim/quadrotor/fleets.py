"""Fleets: distributions of quadrotors, from `data/fleets.toml`, drawn as the equations of `sim.quadrotor.model` take them."""

import math
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal

import numpy as np

from sim.input_files import checked, from_table, read_toml, shown, wrong
from sim.quadrotor.batch import SensorNoise
from sim.quadrotor.model import (
    DATA,
    GRAVITY_M_S2,
    N_PARAMETERS,
    N_ROTORS,
    P_ARM_X,
    P_ARM_Y,
    P_BATTERY,
    P_DRAG_ACROSS,
    P_DRAG_ALONG,
    P_FORCE_X,
    P_GYRO_X,
    P_GYRO_Y,
    P_GYRO_Z,
    P_INVERSE_FALL,
    P_INVERSE_INERTIA_X,
    P_INVERSE_INERTIA_Y,
    P_INVERSE_INERTIA_Z,
    P_INVERSE_MASS,
    P_INVERSE_RISE,
    P_LATENCY,
    P_ROTOR_RADIUS,
    P_SAG,
    P_THRUST_0,
    P_TORQUE_PER_THRUST,
    P_TORQUE_X,
)

FILE = DATA / "fleets.toml"
ARM_M, ARM_MASS_KG, ARM_SPREAD = 0.028, 0.0306, 0.1  # the Crazyflie's, which others are scaled from
SHORTEST_LAG_S = 0.005  # of a rotor without lag: a decision's step of 10 ms does not show less
# What estimators make of a positioning system (drivers/emulators/crazyflie_vices.toml).
ESTIMATE = SensorNoise(position_m=0.003, rotation=0.004, velocity_m_s=0.02, rate_rad_s=0.01)
Range = tuple[float, float]


@dataclass(frozen=True)
class Part:
    """A part of a fleet: the fields of the file's tables, which say what they are. Shares of the weight are for one metre."""

    mass_kg: Range
    thrust_to_weight: Range
    torque_to_inertia_rad_s2: Range
    motor_rise_s: Range
    motor_fall_s: Range
    torque_per_thrust_m: Range
    inertia_y_over_x: Range
    inertia_z_over_x: Range
    thrust_curves: tuple[str, ...]
    spread: Literal["uniform", "log"] = "uniform"
    drag_1_s: Range = (0.0, 0.0)
    drag_share: float = 1.0
    battery_share: Range = (1.0, 1.0)
    sag_share: Range = (0.0, 0.0)
    sagging_share: float = 1.0
    latency_s: Range = (0.0, 0.0)
    force_share: float = 0.05
    spread_of_rotors_m: float = 1e-4
    gust_share: Range = (0.0, 0.0)
    without_lag_share: float = 0.0
    estimator: Range = (0.0, 0.0)


@dataclass(frozen=True)
class Drawn:
    """n quadrotors, float64. noise: `SensorNoise`'s four (position, rotation, velocity, rate); gusts: `gust_step`'s force."""

    parameters: np.ndarray  # (n, N_PARAMETERS)
    gust_n: np.ndarray  # (n,)
    noise: np.ndarray  # (n, 4)

    def take(self, which: np.ndarray | slice) -> "Drawn":
        """Some of them."""
        return Drawn(self.parameters[which], self.gust_n[which], self.noise[which])


@dataclass(frozen=True)
class Fleet:
    """A distribution: its parts are as likely as each other."""

    parts: tuple[Part, ...]
    curves: dict[str, tuple[float, float, float]]

    @property
    def latest_s(self) -> float:
        """The largest latency."""
        return max(part.latency_s[1] for part in self.parts)

    def draw(self, n: int, rng: np.random.Generator) -> Drawn:
        """n quadrotors."""
        which = rng.integers(0, len(self.parts), n)
        drawn = Drawn(np.zeros((n, N_PARAMETERS)), np.zeros(n), np.zeros((n, 4)))
        for k, part in enumerate(self.parts):
            here = np.flatnonzero(which == k)
            some = draw_part(part, self.curves, len(here), rng)
            drawn.parameters[here], drawn.gust_n[here], drawn.noise[here] = some.parameters, some.gust_n, some.noise
        return drawn


def draw_part(part: Part, curves: dict[str, tuple[float, float, float]], n: int, rng: np.random.Generator) -> Drawn:
    """n quadrotors of a part."""

    def uniform(limits: Range) -> np.ndarray:
        return rng.uniform(*limits, n)

    def spread(limits: Range) -> np.ndarray:
        if part.spread == "uniform":
            return uniform(limits)
        low, high = np.log(limits)
        drawn: np.ndarray = np.exp(rng.uniform(low, high, n))
        return drawn

    low, high = part.mass_kg
    mass_kg = rng.uniform(low ** (1 / 3), high ** (1 / 3), n) ** 3
    weight_n = mass_kg * GRAVITY_M_S2
    wider = rng.normal(0.0, ARM_SPREAD, n)
    arm_m = ARM_M * np.cbrt(mass_kg / ARM_MASS_KG) * np.where(wider < 0.0, 1.0 / (1.0 - wider), 1.0 + wider)
    full_n = spread(part.thrust_to_weight) * weight_n / N_ROTORS
    inertia_x = 2.0 * arm_m * full_n / (math.sqrt(2.0) * spread(part.torque_to_inertia_rad_s2))
    inertia_y, inertia_z = inertia_x * uniform(part.inertia_y_over_x), inertia_x * uniform(part.inertia_z_over_x)
    no_lag = rng.random(n) < part.without_lag_share
    drag = uniform(part.drag_1_s) * (rng.random(n) < part.drag_share) * mass_kg
    sag = uniform(part.sag_share) * (rng.random(n) < part.sagging_share)

    p = np.zeros((n, N_PARAMETERS))
    p[:, P_INVERSE_MASS] = 1.0 / mass_kg
    p[:, P_THRUST_0 : P_THRUST_0 + 3] = full_n[:, None] * mixed_curves(
        [curves[name] for name in part.thrust_curves], n, rng
    )
    p[:, P_ARM_X] = p[:, P_ARM_Y] = arm_m
    p[:, P_TORQUE_PER_THRUST] = spread(part.torque_per_thrust_m)
    p[:, P_INVERSE_INERTIA_X], p[:, P_INVERSE_INERTIA_Y] = 1.0 / inertia_x, 1.0 / inertia_y
    p[:, P_INVERSE_INERTIA_Z] = 1.0 / inertia_z
    p[:, P_GYRO_X], p[:, P_GYRO_Y] = (inertia_y - inertia_z) / inertia_x, (inertia_z - inertia_x) / inertia_y
    p[:, P_GYRO_Z] = (inertia_x - inertia_y) / inertia_z
    p[:, P_INVERSE_RISE] = 1.0 / np.where(no_lag, SHORTEST_LAG_S, spread(part.motor_rise_s))
    p[:, P_INVERSE_FALL] = 1.0 / np.where(no_lag, SHORTEST_LAG_S, spread(part.motor_fall_s))
    p[:, P_DRAG_ACROSS], p[:, P_DRAG_ALONG] = drag, drag * rng.random(n)
    p[:, P_BATTERY], p[:, P_SAG] = uniform(part.battery_share) + sag, sag / weight_n
    p[:, P_FORCE_X : P_FORCE_X + 3] = part.force_share * weight_n[:, None] * rng.normal(size=(n, 3))
    p[:, P_TORQUE_X : P_TORQUE_X + 3] = part.spread_of_rotors_m * weight_n[:, None] * rng.normal(size=(n, 3))
    p[:, P_LATENCY] = uniform(part.latency_s)
    p[:, P_ROTOR_RADIUS] = 0.5 * arm_m
    return Drawn(p, uniform(part.gust_share) * weight_n, noise_between(uniform(part.estimator)))


def mixed_curves(curves: list[tuple[float, float, float]], n: int, rng: np.random.Generator) -> np.ndarray:
    """Shares (n, 3) of thrust curves, each between two of `curves`; their sum is 1."""
    table, share = np.array(curves), rng.random((n, 1))
    some = share * table[rng.integers(0, len(table), n)] + (1.0 - share) * table[rng.integers(0, len(table), n)]
    curve: np.ndarray = some / some.sum(axis=1, keepdims=True)
    return curve


def noises(noise: SensorNoise) -> np.ndarray:
    """Its four."""
    return np.array([noise.position_m, noise.rotation, noise.velocity_m_s, noise.rate_rad_s])


def noise_between(shares: np.ndarray) -> np.ndarray:
    """Noise (n, 4) between that of a simulator, where a share (n,) is 0, and that of estimates, where it is 1."""
    best, estimated = noises(SensorNoise()), noises(ESTIMATE)
    between: np.ndarray = best * (estimated / best) ** shares[:, None]
    return between


def fleet_names() -> tuple[str, ...]:
    """The fleets of the file."""
    return tuple(read_toml(FILE)["fleets"])


@cache
def load_fleet(name: str, path: Path = FILE) -> Fleet:
    """A fleet by its name in the file. Raises ValueError for an unknown one, and naming file and field for what is wrong."""
    tables = read_toml(path)
    curves = {curve: checked(path, f"curves.{curve}", tables["curves"][curve], tuple[float, float, float])
              for curve in table(path, tables, "curves")}  # fmt: skip
    fleets = table(path, tables, "fleets")
    if name not in fleets:
        raise ValueError(f"--fleet: found {name!r}, allowed: {', '.join(fleets)}")
    named = checked(path, f"fleets.{name}", fleets[name], tuple[str, ...])
    return Fleet(tuple(load_part(path, tables, part, curves) for part in named), curves)


def table(path: Path, tables: dict[str, Any], name: str) -> dict[str, Any]:
    """A table of the file."""
    found = tables.get(name)
    if not isinstance(found, dict):
        raise wrong(path, name, shown(found), "a table")
    return found


def load_part(path: Path, tables: dict[str, Any], name: str, curves: dict[str, Any]) -> Part:
    """A part by its name; what it does not say is that of the one that it is `like`."""
    values: dict[str, Any] = {}
    at: Any = name
    known = table(path, tables, "parts")
    for _ in known:  # no longer than all of them: a part may not be like itself
        if at not in known or not isinstance(known[at], dict):
            raise wrong(path, f"parts.{name}", shown(at), f"one of {', '.join(known)}")
        values = known[at] | values
        at = values.pop("like", None)
        if at is None:
            break
    else:
        raise wrong(path, f"parts.{name}.like", "itself", "a part that is like no other in the end")
    part = from_table(path, Part, values, f"parts.{name}")
    for curve in part.thrust_curves:
        if curve not in curves:
            raise wrong(path, f"parts.{name}.thrust_curves", shown(curve), f"one of {', '.join(curves)}")
    for field, value in vars(part).items():
        if isinstance(value, tuple) and field != "thrust_curves" and not 0.0 <= value[0] <= value[1]:
            raise wrong(path, f"parts.{name}.{field}", shown(value), "a low and a high number, 0 or more")
    return part
