"""What the classical quadrotor controllers share: the set-point, the attitude that it asks for, and the rotors' lag.

They see the first rows of what a policy sees (`robot/tasks/hover.py`), one column a quadrotor:

    0-2    position less the set-point's, world, m      12-14  velocity less the set-point's, world, m/s
    3-11   rotation matrix, body to world, by rows      15-17  angular rate, body, rad/s
"""

import math

from numba import njit

from sim.quadrotor.model import STEP_S, QuadrotorParameters

POSITION, ROTATION, VELOCITY, RATE = 0, 3, 12, 15
N_SEEN = 18


@njit(inline="always")
def yaw_of(seen, i):
    """(cosine, sine) of the yaw of quadrotor i; of zero yaw where it stands on its nose."""
    cos_yaw, sin_yaw = seen[ROTATION, i], seen[ROTATION + 3, i]
    length = math.hypot(cos_yaw, sin_yaw)
    return (cos_yaw / length, sin_yaw / length) if length > 1e-3 else (1.0, 0.0)


@njit(inline="always")
def tilt_towards(seen, i, x, y, z):
    """Rotation vector (x, y), body, rad, that turns the rotors' axis of quadrotor i onto the world direction (x, y, z)."""
    r = ROTATION
    b_x = seen[r, i] * x + seen[r + 3, i] * y + seen[r + 6, i] * z
    b_y = seen[r + 1, i] * x + seen[r + 4, i] * y + seen[r + 7, i] * z
    b_z = seen[r + 2, i] * x + seen[r + 5, i] * y + seen[r + 8, i] * z
    across = math.hypot(b_x, b_y)
    if across < 1e-6:
        return (0.0, 0.0) if b_z > 0.0 else (math.pi, 0.0)
    gain = math.atan2(across, b_z) / across
    return -b_y * gain, b_x * gain


def rotor_shares(quadrotor: QuadrotorParameters) -> tuple[float, float]:
    """Shares of its way to the commanded speed that a rotor makes in a decision, speeding up and slowing down."""
    return 1.0 - math.exp(-STEP_S / quadrotor.motor_rise_s), 1.0 - math.exp(-STEP_S / quadrotor.motor_fall_s)
