"""How a virtual car that somebody else has built is wired: with all that an owner gets wrong, drawn by a seed.

Servo and motor may turn the wrong way, the steering points aside and has stops of its own, the wheels are not those of
the data sheet, commands come late, lidar and IMU sit anywhere, turned and upside down. All of it is in the emulated
devices and in the simulated car; what drives it is told nothing. What the right file would say is `right`.
"""

import math
from dataclasses import dataclass

import numpy as np

from drivers.emulators.rplidar import RPLidarWiring
from drivers.emulators.vesc import VescWiring
from drivers.emulators.virtual_car import VirtualCarConfig
from sim.car.model import CarParameters, hidden_car, load_parameters

SERVO_GAIN_SHARE = (0.75, 1.35)
TRIM_MAX_RAD = 0.1
STOPS_RAD = (0.3, 0.45)  # of the wheels, to either side
WHEELS_SHARE = 0.4
ACTUATION_S = (0.02, 0.12)
LIDAR_AHEAD_M = (-0.1, 0.2)
LIDAR_ASIDE_M = 0.05


@dataclass(frozen=True)
class HiddenWiring:
    """One such car: what its devices and its body are, by the fields of `VirtualCarConfig`, and what its file should say."""

    vesc: dict[str, bool | int | float]
    lidar: dict[str, bool | int | float]
    car: dict[str, float]
    right: dict[str, bool | float]

    def true_car(self) -> CarParameters:
        return CarParameters(**vars(load_parameters()) | self.car)

    def config(self, **others: object) -> VirtualCarConfig:
        """What the emulator is to be, with other fields as they are asked for."""
        return VirtualCarConfig(vesc=self.vesc, lidar=self.lidar, car=self.car, **others)  # type: ignore[arg-type]


def wired_as_documented() -> HiddenWiring:
    """The virtual car as its own file describes it."""
    vesc, lidar, car = VescWiring(), RPLidarWiring(), load_parameters()
    reach = car.steer_max_rad * abs(vesc.servo_per_rad)
    right: dict[str, bool | float] = {
        "servo_gain": vesc.servo_per_rad,
        "servo_offset": vesc.servo_centre,
        "servo_min": max(vesc.servo_low, vesc.servo_centre - reach),
        "servo_max": min(vesc.servo_high, vesc.servo_centre + reach),
        **{name: getattr(vesc, name) for name in ("erpm_per_m_s", "imu_upside_down", "imu_yaw_rad")},
        **{name: getattr(lidar, name) for name in ("mount_yaw_rad", "mirrored", "mount_x_m", "mount_y_m")},
        "actuation_s": car.actuation_s,
    }
    return HiddenWiring({}, {}, {}, right)


def hidden_wiring(seed: int) -> HiddenWiring:
    """The wiring of a seed, uniform within the constants above; mass and grip are those of `hidden_car`."""
    rng = np.random.default_rng([seed, 0x717E])
    nominal, body = VescWiring(), hidden_car(seed)

    def between(low: float, high: float) -> float:
        return float(rng.uniform(low, high))

    def either() -> bool:
        return bool(rng.random() < 0.5)

    per_rad = nominal.servo_per_rad * between(*SERVO_GAIN_SHARE) * (-1.0 if either() else 1.0)
    centre = nominal.servo_centre - per_rad * between(-TRIM_MAX_RAD, TRIM_MAX_RAD)
    most = body.steer_max_rad
    ends = sorted(centre + side * per_rad * between(*STOPS_RAD) for side in (-1.0, 1.0))
    low, high = max(0.0, ends[0]), min(1.0, ends[1])
    vesc: dict[str, bool | int | float] = {
        "servo_per_rad": per_rad,
        "servo_centre": centre,
        "servo_low": low,
        "servo_high": high,
        "erpm_per_m_s": nominal.erpm_per_m_s
        * between(1.0 - WHEELS_SHARE, 1.0 + WHEELS_SHARE)
        * (-1.0 if either() else 1.0),
        "imu_upside_down": either(),
        "imu_yaw_rad": between(-math.pi, math.pi),
    }
    lidar: dict[str, bool | int | float] = {
        "mount_yaw_rad": between(-math.pi, math.pi),
        "mirrored": either(),
        "mount_x_m": between(*LIDAR_AHEAD_M),
        "mount_y_m": between(-LIDAR_ASIDE_M, LIDAR_ASIDE_M),
    }
    actuation_s = between(*ACTUATION_S)
    named = ("mass_kg", "yaw_inertia_kg_m2", "grip")
    car = {name: float(getattr(body, name)) for name in named} | {"actuation_s": actuation_s}
    right: dict[str, bool | float] = {
        "servo_gain": per_rad,
        "servo_offset": centre,
        "servo_min": max(low, centre - most * abs(per_rad)),  # the body's own stops, where they come first
        "servo_max": min(high, centre + most * abs(per_rad)),
        **{name: vesc[name] for name in ("erpm_per_m_s", "imu_upside_down", "imu_yaw_rad")},
        **lidar,
        "actuation_s": actuation_s,
    }
    return HiddenWiring(vesc, lidar, car, right)
