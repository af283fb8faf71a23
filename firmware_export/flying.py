"""What the code of every autopilot that flies a policy shares: what the policy may see and decide, and the numbers of its rotors.

`flight_templates/observation.c` fills in what it sees of an autopilot's estimate.
"""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from firmware_export.agreed import POSITION_ERROR_MAX_M
from firmware_export.c_data import hex_float
from firmware_export.network import Network
from sim.quadrotor.model import QuadrotorParameters

FLIGHT_TEMPLATES = Path(__file__).parent / "flight_templates"
SEEN = {"position_error": 3, "rotation": 9, "velocity_error": 3, "angular_rate": 3}  # fields that an estimate gives
DECIDED = ("rotor_speed", 4)


def check_flies(network: Network, wanted: Mapping[str, int], where: str) -> None:
    """Raise ValueError unless the network sees the wanted fields and decides the speeds of four rotors. where: "on a Crazyflie"."""
    if {field.name: field.size for field in network.observation} != wanted:
        seen = ", ".join(field.name for field in network.observation)
        raise ValueError(f"observation: found {seen}; allowed {where}: {', '.join(wanted)}")
    if [(field.name, field.size) for field in network.action] != [DECIDED]:
        raise ValueError(f"action: found {network.action[0].name}, allowed {where}: four of {DECIDED[0]}")


def full_thrust_n(drone: QuadrotorParameters) -> float:
    """Thrust of one rotor at full speed."""
    return drone.thrust_0_n + drone.thrust_1_n + drone.thrust_2_n


def rotor_numbers(learned: QuadrotorParameters) -> dict[str, float]:
    """What policy_app.h says of the drone that a policy was trained for, and of what it sees."""
    return {
        "THRUST_0_N": learned.thrust_0_n,
        "THRUST_1_N": learned.thrust_1_n,
        "THRUST_2_N": learned.thrust_2_n,
        "HOVER_ACTION": 2.0 * learned.hover_command() - 1.0,
        "POSITION_ERROR_MAX_M": POSITION_ERROR_MAX_M,
    }


def defines(numbers: Mapping[str, float]) -> list[str]:
    """Lines of a header, single precision to the bit."""
    return [f"#define {key} {hex_float(np.float32(value))} /* {value:.6g} */" for key, value in numbers.items()]
