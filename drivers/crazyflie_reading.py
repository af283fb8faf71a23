"""What a Crazyflie is told and what it tells: the words of its driver, for who has only the record of them, without cflib."""

from dataclasses import dataclass, field

from drivers.base import NEVER_S

LOW_BATTERY_V = 3.0  # one cell, under load: DEFAULT_BAT_CRITICAL_LOW_VOLTAGE, platform_defaults_*.h
CHARGING, CHARGED, BATTERY_LOW = 1, 2, 3  # power_state: on a charger; below the firmware's limit for five seconds

CONTROLLER_PARAMETER, ESTIMATOR_PARAMETER = "stabilizer.controller", "stabilizer.estimator"
KALMAN = 2  # of the estimators
GUARD = "landing.guard"  # of an app: 1, land when set-points end or the battery is low; 2, land now
CAN_BE_ARMED, IS_ARMED, CAN_FLY, IS_FLYING, IS_TUMBLED, IS_LOCKED, IS_CRASHED = 1, 2, 8, 16, 32, 64, 128  # supervisor.c

Vector = tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class CrazyflieReading:
    """The newest of what the drone logs, dated by its arrival. What was never received is 0, its age `NEVER_S`."""

    position_m: Vector = (0.0, 0.0, 0.0)  # estimate, world
    velocity_m_s: Vector = (0.0, 0.0, 0.0)  # estimate, world
    attitude: tuple[float, float, float, float] = (1.0, 0.0, 0.0, 0.0)  # quaternion w, x, y, z, body to world
    rate_rad_s: Vector = (0.0, 0.0, 0.0)  # gyro, body
    battery_v: float = 0.0
    power_state: int = 0  # CHARGING and the others
    supervisor: int = 0  # IS_ARMED and the other bits
    velocity_variance: Vector = (0.0, 0.0, 0.0)  # what the estimator thinks of its velocity, m^2/s^2, body
    jolt_g: float = 0.0  # the greatest of what the accelerometer felt in the last 0.1 s; 1 at rest
    extra: dict[str, float] = field(default_factory=dict)  # by the names of `Crazyflie.extra`
    board_time_s: float = 0.0  # when the position was logged, by the drone's clock
    extra_time_s: float = 0.0  # when the newest of `extra` was
    position_age_s: float = NEVER_S  # of position and velocity
    attitude_age_s: float = NEVER_S  # of attitude, battery and supervisor
    rate_age_s: float = NEVER_S
    health_age_s: float = NEVER_S  # of the variance
    jolt_age_s: float = NEVER_S


@dataclass(frozen=True, slots=True)
class CrazyflieCommand:
    """The set-point that was really sent, or was sent last if this one was refused: it was not finite."""

    position_m: Vector
    yaw_rad: float
    refused: bool = False


def within_box(position_m: Vector, reach_m: float, height_max_m: float) -> Vector:
    """The nearest place of the box about the origin that set-points are kept in: +-reach_m, 0 to height_max_m."""
    x, y = (min(reach_m, max(-reach_m, value)) for value in position_m[:2])
    return x, y, min(height_max_m, max(0.0, position_m[2]))
