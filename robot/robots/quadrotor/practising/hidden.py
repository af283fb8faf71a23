"""A drone that is to be got to know: how it differs from its file, drawn by a seed."""

from dataclasses import replace

import msgspec
import numpy as np

from drivers.emulators.virtual_crazyflie import VirtualCrazyflieConfig
from sim.quadrotor.model import GRAVITY_M_S2, N_ROTORS, QuadrotorParameters, load_parameters, mixed

SHARES = {"mass": 0.3, "thrust": 0.15, "inertia": 0.4, "motor_delay": 0.4}
LATENCY_MAX_S = 0.03
TRIM = 0.05  # by how much a rotor's thrust differs at most
HOVER_MAX = 0.91  # of full speed: at full speed a drone that needs more lifts less than 1.15 times its weight, and nobody flies it


def hidden_for_practice(seed: int, config: VirtualCrazyflieConfig) -> VirtualCrazyflieConfig:
    """The drone of a seed, uniform within the constants above; one that needs more than HOVER_MAX is drawn anew."""
    factors, latency_s, rotors = drawn(seed, load_parameters(config.quadrotor))
    return msgspec.structs.replace(config, factors=factors, latency_s=latency_s, rotors=rotors)


def hidden_quadrotor(seed: int, believed: QuadrotorParameters) -> QuadrotorParameters:
    """The same drone for the simulator: rotors that differ are the constant torque that they give in hover."""
    factors, latency_s, rotors = drawn(seed, believed)
    quadrotor = believed.scaled(**factors)
    quarter_n = quadrotor.mass_kg * GRAVITY_M_S2 / N_ROTORS
    _, roll, pitch, yaw = mixed.py_func(*(quarter_n * (rotor - 1.0) for rotor in rotors))
    torque_n_m = quadrotor.arm_y_m * roll, quadrotor.arm_x_m * pitch, quadrotor.torque_per_thrust_m * yaw
    return replace(quadrotor, latency_s=quadrotor.latency_s + latency_s, torque_n_m=torque_n_m)


def drawn(seed: int, believed: QuadrotorParameters) -> tuple[dict[str, float], float, tuple[float, ...]]:
    """Factors, latency and each rotor's factor of thrust."""
    rng = np.random.default_rng([seed, 0xF117])
    while True:
        factors = {name: float(rng.uniform(1.0 - share, 1.0 + share)) for name, share in SHARES.items()}
        if believed.scaled(**factors).hover_command() <= HOVER_MAX:
            break
    latency_s = float(rng.uniform(0.0, LATENCY_MAX_S))
    return factors, latency_s, tuple(rng.uniform(1.0 - TRIM, 1.0 + TRIM, N_ROTORS).tolist())
