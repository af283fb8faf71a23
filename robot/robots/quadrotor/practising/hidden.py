"""The virtual drone that practice is to get to know: how it differs from its file, drawn by a seed."""

import msgspec
import numpy as np

from drivers.emulators.virtual_crazyflie import VirtualCrazyflieConfig
from sim.quadrotor.model import N_ROTORS, load_parameters

SHARES = {"mass": 0.3, "thrust": 0.15, "inertia": 0.4, "motor_delay": 0.4}
LATENCY_MAX_S = 0.03
TRIM = 0.05  # by how much a rotor's thrust differs at most
HOVER_MAX = 0.91  # of full speed: at full speed a drone that needs more lifts less than 1.15 times its weight, and nobody flies it


def hidden_for_practice(seed: int, config: VirtualCrazyflieConfig) -> VirtualCrazyflieConfig:
    """The drone of a seed, uniform within the constants above; one that needs more than HOVER_MAX is drawn anew."""
    rng, believed = np.random.default_rng([seed, 0xF117]), load_parameters(config.quadrotor)
    while True:
        factors = {name: float(rng.uniform(1.0 - share, 1.0 + share)) for name, share in SHARES.items()}
        if believed.scaled(**factors).hover_command() <= HOVER_MAX:
            break
    latency_s = float(rng.uniform(0.0, LATENCY_MAX_S))
    rotors = tuple(rng.uniform(1.0 - TRIM, 1.0 + TRIM, N_ROTORS).tolist())
    return msgspec.structs.replace(config, factors=factors, latency_s=latency_s, rotors=rotors)
