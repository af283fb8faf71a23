"""What a virtual Crazyflie does wrong, and by how much: `crazyflie_vices.toml`, with its sources, as typed records."""

from functools import cache
from pathlib import Path

import msgspec
import numpy as np

from sim.input_files import read_toml


class BodyVices(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Of rotors, airframe and air."""

    thrust_share: float
    offset_m: float
    turbulence_share: float
    turbulence_s: float


class BatteryVices(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Of one cell."""

    open_v: float
    full_thrust_v: float
    sag_v_n: float
    drain_v_s: float


class ImuVices(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Of gyro and accelerometer, before their filters."""

    gyro_rad_s: float
    gyro_bias_rad_s: float
    acceleration_g: float
    acceleration_bias_g: float
    acceleration_flying_g: float


class LighthouseVices(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Of two base stations and the deck."""

    angle_rad: float
    geometry_m: float
    geometry_rad: float
    yaw_rad: float
    view_rad: float
    dropout_every_s: float
    dropout_s: tuple[float, float]
    reflection_share: float


class FlowVices(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Of the Flow deck v2 and the floor below it."""

    counts: float
    scale_share: float
    floor_m: float
    floor_bad_share: float
    range_m: float
    range_bias_m: float
    range_share: float


class LocoVices(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Of ranging with anchors."""

    rate_hz: float
    range_m: float
    anchor_m: float
    lost_share: float
    late_share: float


class MotionCaptureVices(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Of cameras, markers, and the way to the drone."""

    rate_hz: float
    position_m: float
    marker_m: float
    latency_s: float
    jitter_s: float
    gap_every_s: float
    gap_s: tuple[float, float]
    attitude_rad: float
    lost_share: float
    swap_every_s: float
    swap_s: tuple[float, float]
    swap_m: float


class Vices(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All of them."""

    body: BodyVices
    battery: BatteryVices
    imu: ImuVices
    lighthouse: LighthouseVices
    flow: FlowVices
    loco: LocoVices
    motion_capture: MotionCaptureVices


@cache
def load_vices() -> Vices:
    """Those of the file beside this one."""
    return msgspec.convert(read_toml(Path(__file__).with_suffix(".toml")), Vices)


class Errors:
    """Where errors come from: a generator, and a factor on everything that is not a matter of yes or no."""

    def __init__(self, rng: np.random.Generator, factor: float) -> None:
        self.rng, self.factor = rng, factor

    def one(self, deviation: float) -> float:
        """A normal error."""
        return self.factor * deviation * float(self.rng.standard_normal())

    def many(self, deviation: float, *shape: int) -> np.ndarray:
        """Normal errors, float64 (shape)."""
        return self.factor * deviation * self.rng.standard_normal(shape)

    def happens(self, share: float) -> bool:
        """Whether something does that happens so often."""
        return self.factor > 0.0 and float(self.rng.random()) < share


class Gaps:
    """When something is not there: at random moments, for a while."""

    def __init__(self, errors: Errors, every_s: float, length_s: tuple[float, float]) -> None:
        self._errors, self._every_s, self._length_s = errors, every_s, length_s
        self._until_s = 0.0

    def now(self, time_s: float, step_s: float) -> bool:
        """Whether it is away; to be asked every `step_s`."""
        if time_s >= self._until_s and self._errors.happens(step_s / self._every_s):
            self._until_s = time_s + float(self._errors.rng.uniform(*self._length_s))
        return time_s < self._until_s
