"""What a policy may be told of the quadrotor that it flies: its parameters as numbers that have no unit.

Mass, size and thrust matter to a policy by what they do: each number is a logarithm or a share, less its mean over the fleet
`any`, over its deviation there (rounded). Latency, forces, torques and the battery belong to a flight: nobody tells them.
"""

import numpy as np

from sim.quadrotor.model import (
    GRAVITY_M_S2,
    N_ROTORS,
    P_ARM_X,
    P_ARM_Y,
    P_INVERSE_FALL,
    P_INVERSE_INERTIA_X,
    P_INVERSE_INERTIA_Y,
    P_INVERSE_INERTIA_Z,
    P_INVERSE_MASS,
    P_INVERSE_RISE,
    P_THRUST_0,
    P_THRUST_1,
    P_TORQUE_PER_THRUST,
)

NUMBERS = (  # name, mean, deviation
    ("thrust to weight, logarithm", 1.1, 0.4),
    ("two rotors' torque to inertia, roll, 1/s^2, logarithm", 6.3, 1.0),
    ("... pitch", 6.3, 1.0),
    ("... yaw", 4.3, 1.4),
    ("rotors' time constant up, s, logarithm", -2.9, 0.6),
    ("... down", -2.3, 0.9),
    ("share of the thrust that is constant", 0.06, 0.04),
    ("... and linear in the speed", 0.18, 0.15),
)
N_TOLD = len(NUMBERS)


def told(parameters: np.ndarray) -> np.ndarray:
    """The numbers (n, N_TOLD) float32 of quadrotors (n, N_PARAMETERS)."""
    p = parameters.T
    full_n = p[P_THRUST_0 : P_THRUST_0 + 3].sum(axis=0)  # of one rotor
    turning = [
        2.0 * full_n * arm * inverse
        for arm, inverse in (
            (p[P_ARM_Y], p[P_INVERSE_INERTIA_X]),
            (p[P_ARM_X], p[P_INVERSE_INERTIA_Y]),
            (p[P_TORQUE_PER_THRUST], p[P_INVERSE_INERTIA_Z]),
        )
    ]
    values = [
        np.log(N_ROTORS * full_n * p[P_INVERSE_MASS] / GRAVITY_M_S2),
        *(np.log(each) for each in turning),
        -np.log(p[P_INVERSE_RISE]),
        -np.log(p[P_INVERSE_FALL]),
        p[P_THRUST_0] / full_n,
        p[P_THRUST_1] / full_n,
    ]
    mean, deviation = np.array([number[1:] for number in NUMBERS]).T
    numbers: np.ndarray = ((np.stack(values, 1) - mean) / deviation).astype(np.float32)
    return numbers
