"""Is the drone fit to fly? What it has to know of itself before its motors turn, and while it is in the air.

Battery: one LiPo cell. At rest 3.5 V are less than a tenth of its charge (LiPoTypicalChargeCurve, pm_stm32f4.c); under
load the firmware calls it low below 3.2 V (Brushless: 3.35 V) for five seconds, and critical below 3.0 V.
Estimator: what it thinks of its own velocity (kalman.varPX and others). With positioning it settles below 1e-3 m^2/s^2,
without it gains 2.5e-3 a second (process noise, kalman_core.c); and an estimate that nobody corrects drifts.
"""

import math
from collections import deque
from collections.abc import Iterable

import numpy as np

from drivers.crazyflie_reading import BATTERY_LOW, CHARGED, CHARGING, CrazyflieReading

REST_V = 3.5
# Under load. A virtual 2.1 begins to sink at 3.06 V, in less than the five seconds that the firmware waits below 3.2 V.
LOW_IN_FLIGHT_V = 3.2
LOW_FOR_S = 1.0  # below it: shorter than the firmware waits, longer than a burst of thrust
FRESH_S, HEALTH_FRESH_S, HEALTH_SILENT_S = 0.2, 0.5, 1.5  # how old news may be; when those of the estimator are missed
STILL_S = 2.0  # the estimate of a standing drone is looked at for so long:
STILL_M, DRIFT_M_S, STILL_M_S = 0.06, 0.03, 0.1  # how far it may wander, how fast it may drift, how fast it may seem
VARIANCE_AT_REST, VARIANCE_IN_FLIGHT = 0.01, 0.05  # m^2/s^2
LOST_FOR_S = 0.5  # beyond VARIANCE_IN_FLIGHT
AIRBORNE_M = 0.2  # above where it stood
REST_S = 0.5  # a drone whose motors stand is watched for so long
TOUCH_S = 1.0  # before a drone was last seen in the air, so that a blow counts from which it bounces
UPRIGHT_RAD = math.radians(20.0)  # a floor or a mat may slope; a leg in the air or a side down is steeper
# A landing comes down at 0.3 to 0.4 m/s. The firmware's filters (30 Hz) make 0.4 m/s that end at once a jolt of 5 g at
# most, and 1.2 m/s one of 6 g at least, as it is logged every 10 ms; our own estimate, which legs make smaller.
FALL_M_S, JOLT_G = 1.0, 6.0
JUMP_M = 0.3  # an estimate that moves so much more than its velocity says has jumped


class Standing:
    """A drone on the ground: takes its readings until they say that it may fly, or why not."""

    def __init__(self) -> None:
        self._seen: deque[tuple[float, CrazyflieReading]] = deque()
        self.why_not = "nothing is heard from the drone"

    def take(self, time_s: float, reading: CrazyflieReading) -> bool:
        """The newest reading; whether it may fly now."""
        self.why_not = unfit_at_rest(reading)
        if self.why_not:
            self._seen.clear()
            return False
        self._seen.append((time_s, reading))
        while time_s - self._seen[0][0] > STILL_S:
            self._seen.popleft()
        if time_s - self._seen[0][0] < 0.9 * STILL_S:
            self.why_not = "its position estimate has not been watched for long enough"
            return False
        self.why_not = self._unsteady()
        return not self.why_not

    def ground_m(self) -> np.ndarray:
        """Where it stands: (3,), world."""
        return np.mean([reading.position_m for _, reading in self._seen], axis=0)

    def _unsteady(self) -> str:
        times_s = np.array([time_s for time_s, _ in self._seen])
        places = np.array([reading.position_m for _, reading in self._seen])
        from_mean_s = times_s - times_s.mean()
        drift = (from_mean_s[:, None] * (places - places.mean(axis=0))).sum(axis=0) / (from_mean_s * from_mean_s).sum()
        speed = np.abs(np.mean([reading.velocity_m_s for _, reading in self._seen], axis=0)).max()
        on = "is the positioning system on, and does it see the drone?"
        if not np.ptp(places, axis=0).max() < STILL_M:
            return f"no quiet position estimate: it wanders by {np.ptp(places, axis=0).max():.2f} m; {on}"
        if not np.abs(drift).max() < DRIFT_M_S:
            return f"no quiet position estimate: it drifts at {np.abs(drift).max():.2f} m/s on the ground; {on}"
        if not speed < STILL_M_S:
            return f"no quiet position estimate: standing, it is {speed:.2f} m/s fast; {on} Or its accelerometer leans: robot setup crazyflie tells"
        return ""


def battery_at_rest(reading: CrazyflieReading) -> str:
    """Why the battery of a drone on the ground is not fit to fly with; empty if it is."""
    if reading.power_state in (CHARGING, CHARGED):
        return "the drone hangs on a charger: unplug it"
    if not reading.battery_v >= REST_V or reading.power_state == BATTERY_LOW:
        return f"battery at {reading.battery_v:.2f} V, allowed: at least {REST_V} V at rest; charge it"
    return ""


def unfit_at_rest(reading: CrazyflieReading) -> str:
    """Why a drone on the ground may not fly, from one reading; empty if it may."""
    if not all_below(FRESH_S, reading.position_age_s, reading.attitude_age_s, reading.rate_age_s):
        return "nothing is heard from the drone"
    if why := battery_at_rest(reading):
        return why
    if not reading.health_age_s < HEALTH_FRESH_S:
        return "its estimator does not tell how well it knows its velocity"
    if not (max(reading.velocity_variance) > 0.0 and all_below(VARIANCE_AT_REST, *reading.velocity_variance)):
        return (
            f"its estimator does not know its velocity: variance {max(reading.velocity_variance):.2g}, allowed: below "
            f"{VARIANCE_AT_REST} m^2/s^2; is the positioning system on, and does it see the drone?"
        )
    return ""


class Flying:
    """A drone in the air: takes its readings, and says why it has to land."""

    def __init__(self) -> None:
        self._battery_fine_s = self._knows_s = math.nan
        self._before: CrazyflieReading | None = None

    def trouble(self, time_s: float, reading: CrazyflieReading) -> str:
        """Why it has to land, from the newest reading; empty if it need not."""
        if reading.battery_v >= LOW_IN_FLIGHT_V or math.isnan(self._battery_fine_s):
            self._battery_fine_s = time_s
        if all_below(VARIANCE_IN_FLIGHT, *reading.velocity_variance) or math.isnan(self._knows_s):
            self._knows_s = time_s
        jumped_m = self._jump(reading)
        if time_s - self._battery_fine_s > LOW_FOR_S or reading.power_state == BATTERY_LOW:
            return f"battery at {reading.battery_v:.2f} V"
        if time_s - self._knows_s > LOST_FOR_S or not reading.health_age_s < HEALTH_SILENT_S:
            return f"the estimator has lost the drone: variance of its velocity {max(reading.velocity_variance):.2g} m^2/s^2"
        if not jumped_m < JUMP_M:
            return f"the position estimate has jumped by {jumped_m:.2f} m"
        return ""

    def _jump(self, reading: CrazyflieReading) -> float:
        """How far from where it should be by the last estimate and its velocity, m."""
        before = self._before
        if before is not None and reading.board_time_s == before.board_time_s:
            return 0.0
        self._before = reading
        if before is None:
            return 0.0
        passed_s = reading.board_time_s - before.board_time_s
        if not 0.0 < passed_s < HEALTH_SILENT_S:
            return 0.0
        expected = [
            p + 0.5 * passed_s * (u + v)
            for p, u, v in zip(before.position_m, before.velocity_m_s, reading.velocity_m_s, strict=True)
        ]
        return distance_m(reading.position_m, expected)


class TouchDown:
    """The end of a flight: takes its readings, and says why what they end in is no landing."""

    def __init__(self, ground_z_m: float) -> None:
        self._ground_z_m = ground_z_m
        self._seen: deque[tuple[float, CrazyflieReading]] = deque()  # from TOUCH_S before it was last in the air

    def take(self, time_s: float, reading: CrazyflieReading) -> None:
        """The newest reading, from take-off on."""
        self._seen.append((time_s, reading))
        while self._is_airborne(reading) and time_s - self._seen[0][0] > TOUCH_S:
            self._seen.popleft()

    def unrest(self, low_m: float) -> str:
        """Why the drone is not at rest on the ground, by its last readings: low, slow and still; empty if it is at rest."""
        readings = self._last()
        ages_s = [age_s for each in readings for age_s in (each.position_age_s, each.attitude_age_s)]
        if not ages_s or not all_below(FRESH_S, *ages_s):
            return "nothing is heard from the drone since its motors stopped"
        places = np.array([each.position_m for each in readings])
        height_m = float(places[:, 2].mean()) - self._ground_z_m
        speed = float(np.abs(np.mean([each.velocity_m_s for each in readings], axis=0)).max())
        if not height_m < low_m:
            return f"its motors stand, {height_m:.2f} m above the ground by its own estimate"
        if not (speed < STILL_M_S and np.ptp(places, axis=0).max() < STILL_M):
            return f"its motors stand, and it still moves by its own estimate, at {speed:.2f} m/s"
        return ""

    def crash(self) -> str:
        """Why a drone at rest has crashed, or nobody can tell; empty if it came down gently, and is upright."""
        tilt = max((tilt_rad(each) for each in self._last()), default=math.pi)
        if not self._heard():
            return "nothing was heard from the drone while it touched down"
        if not self.fall_m_s < FALL_M_S:
            return f"it came down at {self.fall_m_s:.1f} m/s by its own estimate, allowed: below {FALL_M_S} m/s"
        if not self.jolt_g < JOLT_G:
            return f"it came down with a jolt of {self.jolt_g:.1f} g, allowed: below {JOLT_G} g"
        if not tilt < UPRIGHT_RAD:
            return f"it lies, tilted by {math.degrees(tilt):.0f} degrees by its own estimate"
        return ""

    @property
    def fall_m_s(self) -> float:
        """The greatest speed downwards at the end, by its own estimate."""
        return float(np.max([-each.velocity_m_s[2] for _, each in self._seen], initial=0.0))

    @property
    def jolt_g(self) -> float:
        """The greatest that its accelerometer has felt at the end."""
        return float(np.max([each.jolt_g for _, each in self._seen], initial=0.0))

    def _is_airborne(self, reading: CrazyflieReading) -> bool:
        return reading.position_m[2] > self._ground_z_m + AIRBORNE_M

    def _last(self) -> list[CrazyflieReading]:
        return [each for time_s, each in self._seen if self._seen[-1][0] - time_s < REST_S]

    def _heard(self) -> bool:
        """Whether it was heard all the way from the air to the ground."""
        heard = True
        for _, each in self._seen:
            if not all_below(FRESH_S, each.position_age_s, each.attitude_age_s, each.jolt_age_s):
                heard = False
            elif self._is_airborne(each):
                heard = True
        return heard


def distance_m(here: Iterable[float], there: Iterable[float]) -> float:
    """Between two places, the same on every processor."""
    return math.sqrt(sum((float(a) - float(b)) ** 2 for a, b in zip(here, there, strict=True)))


def all_below(limit: float, *values: float) -> bool:
    """Whether all are; what is not a number is not. Python's max would pass over one that does not come first."""
    return all(value < limit for value in values)


def tilt_rad(reading: CrazyflieReading) -> float:
    """Between the drone's axis and the vertical, by its own estimate; pi if that is not a number."""
    _, x, y, _ = reading.attitude
    return math.acos(min(1.0, max(-1.0, 1.0 - 2.0 * (x * x + y * y))))
