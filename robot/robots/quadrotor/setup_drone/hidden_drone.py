"""How a virtual drone that somebody else has built is: what an owner does not know of it, drawn by a seed.

It carries a load, its IMU is off, its battery is worn, it is of either type and finds its place by any system; in one of five
a propeller is bent. What its file should say, and what is to be found, is `right`.
"""

import math
from dataclasses import dataclass

import msgspec
import numpy as np

from drivers.emulators.crazyflie_health import AS_NEW
from drivers.emulators.virtual_crazyflie import VirtualCrazyflieConfig
from robot.robots.quadrotor.setup_drone.kinds_of_drone import TYPES
from sim.quadrotor.model import GRAVITY_M_S2, N_ROTORS, load_parameters

LOAD = (0.95, 1.15)
SAG = (0.7, 1.2)
SYSTEMS = ("lighthouse", "flow", "loco")
GYRO_BIAS_RAD_S, TILT_G = 0.006, 0.02  # left after the calibration at rest; data sheet of the BMI088: 20 mg
UNBALANCE, BENT, BENT_SHARE = (0.7, 1.3), (2.6, 4.0), 0.2


@dataclass(frozen=True)
class HiddenDrone:
    """config: what the emulator is to be. right: by the names of what a set-up measures. bent: a propeller's number, or 0."""

    config: VirtualCrazyflieConfig
    right: dict[str, float]
    bent: int = 0


def hidden_drone(seed: int) -> HiddenDrone:
    """The drone of a seed, uniform within the constants above."""
    rng = np.random.default_rng([seed, 0xD207])
    quadrotor = list(TYPES.values())[int(rng.integers(len(TYPES)))]
    factors = {"mass": float(rng.uniform(*LOAD)), "battery_sag": float(rng.uniform(*SAG))}
    bias = tuple(float(each) for each in np.concatenate([
        rng.uniform(-GYRO_BIAS_RAD_S, GYRO_BIAS_RAD_S, 3), rng.uniform(-TILT_G, TILT_G, 2)
    ]))  # fmt: skip
    propellers = rng.uniform(*UNBALANCE, N_ROTORS)
    bent = int(rng.integers(1, N_ROTORS + 1)) if rng.random() < BENT_SHARE else 0
    if bent:
        propellers[bent - 1] = rng.uniform(*BENT)
    config = VirtualCrazyflieConfig(
        quadrotor=quadrotor, factors=factors, positioning=SYSTEMS[int(rng.integers(len(SYSTEMS)))], seed=seed, imu_bias=bias,  # type: ignore[arg-type]
        propellers=tuple(propellers.tolist()),
    )  # fmt: skip
    return HiddenDrone(config, right_of(config, bias, propellers), bent)


def drone_as_documented(quadrotor: str, positioning: str, seed: int) -> HiddenDrone:
    """The virtual drone as its file describes it; its IMU's errors are told too, so that they can be compared."""
    bias = (0.0, 0.0, 0.0, 0.0, 0.0)
    usual = VirtualCrazyflieConfig(seed=seed, imu_bias=bias)
    config = msgspec.structs.replace(
        usual, quadrotor=quadrotor or usual.quadrotor, positioning=positioning or usual.positioning
    )
    return HiddenDrone(config, right_of(config, bias, np.ones(N_ROTORS)))


def right_of(config: VirtualCrazyflieConfig, bias: tuple[float, ...], propellers: np.ndarray) -> dict[str, float]:
    """What is to be found of a drone."""
    drone = load_parameters(config.quadrotor).scaled(**config.factors)
    most_n = N_ROTORS * (drone.thrust_0_n + drone.thrust_1_n + drone.thrust_2_n)
    return {
        **{f"gyro_bias_{axis}_rad_s": bias[k] for k, axis in enumerate("xyz")},
        "level_roll_rad": math.atan2(bias[4], 1.0),
        "level_pitch_rad": math.atan2(-bias[3], 1.0),
        **{f"propeller_{k + 1}": AS_NEW * float(each) ** 2 for k, each in enumerate(propellers)},
        "battery_sag_v": drone.battery_sag_v_n * most_n,
        "hover_thrust": drone.mass_kg * GRAVITY_M_S2 / most_n,
    }
