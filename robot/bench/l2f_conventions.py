"""What l2f's simulator calls things, and what we call them: quadrotors and observations. It needs no l2f.

Both have the world's z up, a body with x forward, y left, z up, a rotation matrix body to world row by row, rotors clockwise
from the front right and actions from -1 (at rest) to 1 (full speed). l2f's observation is in SI units, where ours is scaled. It
knows neither drag nor batteries.
"""

from pathlib import Path
from typing import Any

import numpy as np

from robot.tasks import hover
from sim.input_files import from_table, read_toml
from sim.quadrotor.model import (
    GRAVITY_M_S2,
    N_ROTORS,
    P_ARM_X,
    P_ARM_Y,
    P_BATTERY,
    P_INVERSE_FALL,
    P_INVERSE_INERTIA_X,
    P_INVERSE_MASS,
    P_INVERSE_RISE,
    P_SAG,
    P_THRUST_0,
    P_TORQUE_PER_THRUST,
    QuadrotorParameters,
)

SIDES = np.array([[1, -1], [-1, -1], [-1, 1], [1, 1]])  # of the rotors: forward, left
SPINS = (-1, 1, -1, 1)  # signs of their air drag about z
SEEN = hover.OBSERVATION_SIZE + N_ROTORS
SCALE = np.concatenate([hover.OBSERVATION_SCALE, np.ones(N_ROTORS)]).astype(np.float32)
UNKNOWN = {"drag_across_n_s_m": 0.0, "drag_along_n_s_m": 0.0, "battery_v": 1.0, "battery_nominal_v": 1.0,
           "battery_sag_v_n": 0.0, "rotor_radius_m": 0.1}  # fmt: skip
DISTURBANCE_MAX = 0.1  # l2f's disturbance_force_max, of its parameters/default.h


def airframes(path: Path) -> dict[str, QuadrotorParameters]:
    """Quadrotors by name, from a file of tables with what l2f knows of each. Raises ValueError naming file and field."""
    return {
        name: from_table(path, QuadrotorParameters, UNKNOWN | table, name) for name, table in read_toml(path).items()
    }


def our_observation(seen: np.ndarray) -> np.ndarray:
    """The hover task's observation and the last action, float32 (SEEN, n), of l2f's (n, SEEN or more past actions)."""
    return np.ascontiguousarray((seen[:, :SEEN] * SCALE).T, np.float32)


def l2f_parameters(drone: np.ndarray, force_n: float, others: dict[str, Any]) -> dict[str, Any]:
    """l2f's parameters, as its JSON has them, of a quadrotor (N_PARAMETERS,) without its drag, latency and disturbances.

    Its battery gives what it gives while the rotors carry the weight. force_n: standard deviation of each axis of the constant
    force that l2f draws; others: l2f's own parameters, of which episodes and starts are kept.
    """
    mass_kg = 1.0 / drone[P_INVERSE_MASS]
    thrust_n = full_thrust(drone)
    inertia = 1.0 / drone[P_INVERSE_INERTIA_X : P_INVERSE_INERTIA_X + 3]
    constant, linear, square = thrust_n[0] - mass_kg * GRAVITY_M_S2 / N_ROTORS, thrust_n[1], thrust_n[2]
    dynamics = {
        "rotor_positions": [[x * drone[P_ARM_X], y * drone[P_ARM_Y], 0.0] for x, y in SIDES],
        "rotor_thrust_directions": [[0.0, 0.0, 1.0]] * N_ROTORS,
        "rotor_torque_directions": [[0.0, 0.0, sign] for sign in SPINS],
        "rotor_thrust_coefficients": [thrust_n.tolist()] * N_ROTORS,
        "rotor_torque_constants": [drone[P_TORQUE_PER_THRUST]] * N_ROTORS,
        "rotor_time_constants_rising": [1.0 / drone[P_INVERSE_RISE]] * N_ROTORS,
        "rotor_time_constants_falling": [1.0 / drone[P_INVERSE_FALL]] * N_ROTORS,
        "mass": mass_kg,
        "gravity": [0.0, 0.0, -GRAVITY_M_S2],
        "J": np.diag(inertia).tolist(),
        "J_inv": np.diag(1.0 / inertia).tolist(),
        "hovering_throttle_relative": (-linear + np.sqrt(linear**2 - 4.0 * square * constant)) / (2.0 * square),
        "action_limit": {"min": 0.0, "max": 1.0},
    }
    force, none = {"mean": 0.0, "std": force_n}, {"mean": 0.0, "std": 0.0}
    return others | {"dynamics": dynamics, "disturbances": {"random_force": force, "random_torque": none}}


def full_thrust(drone: np.ndarray) -> np.ndarray:
    """A rotor's thrust, N, over its command from 0 to 1: constant, linear and square part (3,), carrying the weight."""
    weight_n = GRAVITY_M_S2 / drone[P_INVERSE_MASS]
    share = drone[P_BATTERY] - drone[P_SAG] * weight_n
    thrust_n: np.ndarray = drone[P_THRUST_0 : P_THRUST_0 + 3] * share ** np.arange(3)
    return thrust_n


def l2f_force(drone: np.ndarray, drawn: float) -> float:
    """Standard deviation, N, of each axis of the constant force that l2f gives a quadrotor, by a number drawn from 0 to 1.

    It has thrust to weight times mass, a number without gravity, where the weight seems meant; here as there.
    """
    thrust_to_weight = N_ROTORS * full_thrust(drone).sum() * drone[P_INVERSE_MASS] / GRAVITY_M_S2
    force_n: float = drawn * DISTURBANCE_MAX * (thrust_to_weight - 1.0) * thrust_to_weight / drone[P_INVERSE_MASS] / 3.0
    return force_n
