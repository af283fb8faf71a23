"""How one car's VESC is wired, and what its commands are held to."""

import math
from dataclasses import dataclass

from drivers.vesc_protocol import FORWARD_CAN

BAUD = 115_200
HERE, CAN_ID_MAX = -1, 253  # of can_id: the one on the cable; what a controller's own can be (255: all of them)


@dataclass(frozen=True)
class VescSettings:
    """How one car is wired: its port, and the gains and limits between SI units and the controller's own, as F1TENTH's
    `vesc.yaml` names them."""

    port: str
    baud: int = BAUD
    erpm_per_m_s: float = 4614.0  # negative where the motor turns backwards
    servo_gain: float = -1.2135  # of the servo's position, 0 to 1, for a radian to the left
    servo_offset: float = 0.5304  # the servo's position when the wheels point ahead
    servo_min: float = 0.15  # the servo's position at the end stops of the steering; it is never sent beyond them
    servo_max: float = 0.85
    imu_upside_down: bool = False  # turned about its x axis: left is right, up is down
    imu_yaw_rad: float = 0.0  # direction of its x axis in the car's frame, counter-clockwise positive
    can_id: int = HERE  # of a controller behind the one on the cable, on a CAN bus

    def __post_init__(self) -> None:
        _positive(self, "baud")
        if not HERE <= self.can_id <= CAN_ID_MAX:
            raise ValueError(
                f"can_id: found {self.can_id}, allowed: 0 to {CAN_ID_MAX}, or {HERE} for the one on the cable"
            )
        for name in ("erpm_per_m_s", "servo_gain"):
            value = getattr(self, name)
            if not math.isfinite(value) or value == 0.0:
                raise ValueError(f"{name}: found {value}, allowed: any number but 0")
        if not abs(self.imu_yaw_rad) <= 2.0 * math.pi:
            raise ValueError(
                f"imu_yaw_rad: found {self.imu_yaw_rad}, allowed: {-2.0 * math.pi:.3g} to {2.0 * math.pi:.3g}"
            )
        if not 0.0 <= self.servo_min < self.servo_max <= 1.0:
            raise ValueError(
                f"servo_min, servo_max: found {self.servo_min}, {self.servo_max}, allowed: 0 to 1, the first one less"
            )
        if not self.servo_min < self.servo_offset < self.servo_max:
            raise ValueError(
                f"servo_offset: found {self.servo_offset}, allowed: between servo_min, {self.servo_min}, and servo_max, "
                f"{self.servo_max}"
            )

    def addressed(self, payload: bytes) -> bytes:
        """A payload as the one on the cable is to get it."""
        return payload if self.can_id == HERE else bytes((FORWARD_CAN, self.can_id)) + payload

    @property
    def steer_reach_rad(self) -> float:
        """How far the wheels can be turned to both sides within the servo's end stops."""
        return min(self.servo_max - self.servo_offset, self.servo_offset - self.servo_min) / abs(self.servo_gain)


@dataclass(frozen=True)
class VescLimits:
    """What every command is held to, whoever gives it."""

    steer_max_rad: float = 0.4189
    speed_min_m_s: float = -3.0
    speed_max_m_s: float = 6.0
    standstill_m_s: float = 0.2  # below it the controller cannot hold a speed: the driver brakes instead
    brake_current_a: float = 40.0

    def __post_init__(self) -> None:
        _positive(self, "steer_max_rad", "speed_max_m_s", "brake_current_a")


def _positive(of: VescSettings | VescLimits, *names: str) -> None:
    for name in names:
        value = getattr(of, name)
        if not (math.isfinite(value) and value > 0):
            raise ValueError(f"{name}: found {value}, allowed: above 0")
