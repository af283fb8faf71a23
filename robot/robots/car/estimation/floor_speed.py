"""How fast a car goes that measures nothing but by its camera: what the motor should do, corrected by how the floor moves past.

Two Kalman filters: of speed and gain (how fast the car goes for each m/s that its throttle was to give), and of yaw rate and trim (what the
wheels add to what they are told). What is seen of the floor (`perception/floor_motion.py`) is as old as its pictures, so it corrects what the car was thought
to do then, and all since. What surprises counts less.

What comes out has the form of a motor controller's reading. How sure it is of the speed is `margin_m_s`. Where that is too little, or
nothing of the floor was seen for too long, the reading grows old: the monitors stop the car.
"""

import math
from collections import deque

import numpy as np

from drivers.base import NEVER_S, VescReading
from robot.robots.car.estimation.pulsed_motor import GAINS, PulsedMotor
from sim.car.model import P_FRONT, P_REAR, P_SPEED_TAU

ACCEL_SIGMA_M_S2 = 1.5  # what the throttle's model misses: volts, gears, tyres
GAIN_SIGMA, GAIN_SIGMA_S = (
    0.4,
    0.02,
)  # of a car that has not driven; by which it wanders within a second, as its battery empties
RATE_TAU_S, RATE_SIGMA_RAD_S2 = 0.08, 6.0  # behind the wheels; what they do not tell
TRIM_SIGMA_RAD, TRIM_MAX_RAD = 0.04, 0.1
SURPRISED = 2.0  # standard deviations: what is further off counts as if it were less sure
SAW_MOST_M_S = 1.0  # standard deviation of what counts as seen
ALIKE = 2.0  # two pictures that follow each other are wrong alike: each counts as less sure
APART_S = 0.05  # between two pictures that are compared
KEPT_S = 0.5
BLIND_S = 0.5  # without the floor: the motor's model alone is worth nothing then
GAIN_LEAST = 0.8  # who is thought slower than that gets no more throttle for it: it may be what is seen that is slow
START_M_S = 1.0  # until the floor is first seen to move: of a standing one nothing is seen
SURE_M_S, SURE_SHARE = 0.5, 0.35  # standard deviation of the speed, and of its share, up to which it is known
SIGMAS, MOUNT_SHARE = (
    2.0,
    0.07,
)  # by which the brake thinks the car faster; and by what a mount known to half a degree tells wrong
STANDS_VARIANCE = 1e-4


class Led:
    """A Kalman filter of a quantity that something unknown leads: covariance (2, 2) of both."""

    def __init__(self, sigma: float) -> None:
        """sigma: of what leads it, which never gets less sure than that."""
        self._most = sigma * sigma
        self.covariance = np.diag([STANDS_VARIANCE, self._most])

    def go_on(self, stays: float, follows: float, variance: float, wanders: float) -> None:
        """A tick: what of the quantity stays, how much of its leader's error it takes on, and what is added to the variance of both."""
        own, shared, led = (float(self.covariance[at]) for at in ((0, 0), (0, 1), (1, 1)))
        self.covariance[0, 0] = (
            stays * stays * own + 2.0 * stays * follows * shared + follows * follows * led + variance
        )
        self.covariance[0, 1] = self.covariance[1, 0] = stays * shared + follows * led
        self.covariance[1, 1] = min(self._most, led + wanders)

    def correct(self, off: float, sigma: float) -> tuple[float, float]:
        """What both gain where the quantity is found to be off by so much."""
        spread = max(float(self.covariance[0, 0]) + sigma * sigma, (off / SURPRISED) ** 2)
        gains = self.covariance[:, 0] / spread
        self.covariance = self.covariance - np.outer(gains, self.covariance[0])
        return float(gains[0]) * off, float(gains[1]) * off

    def stand(self) -> None:
        """The quantity is 0."""
        self.covariance[0, :] = self.covariance[:, 0] = 0.0
        self.covariance[0, 0] = STANDS_VARIANCE


class FloorSpeed:
    """Feed `update` once a tick. car: `CarParameters.packed()` that the robot believes in."""

    def __init__(self, car: np.ndarray) -> None:
        self.motor = PulsedMotor(car)
        self.v_m_s = self.rate_rad_s = 0.0
        self.trim_rad = 0.0
        self._speed, self._rate = Led(GAIN_SIGMA), Led(TRIM_SIGMA_RAD)
        self._past: deque[list[float]] = deque()  # time, speed, yaw rate, as now thought to have been
        self._time_s: float | None = None
        self._frame, self._starts = 0, True
        self._saw_s = self._knew_s = -NEVER_S
        self._odometer_m = 0.0

    @property
    def margin_m_s(self) -> float:
        """How much faster than it seems the car may be."""
        return SIGMAS * self.sigma_m_s + MOUNT_SHARE * abs(self.v_m_s)

    @property
    def sigma_m_s(self) -> float:
        """Standard deviation of the speed."""
        return math.sqrt(max(0.0, float(self._speed.covariance[0, 0])))

    @property
    def rate_sigma_rad_s(self) -> float:
        """Standard deviation of the yaw rate."""
        return math.sqrt(max(0.0, float(self._rate.covariance[0, 0])))

    def update(self, now_s: float, link: VescReading, sent: tuple[float, float, float], latency_s: float, frame: int,
               motion: np.ndarray | None, age_s: float) -> VescReading:  # fmt: skip
        """A tick's reading in the place of the motor controller's. link: whose values are as old as the last that it obeyed.

        sent: speed (m/s), brake current (A), steering (rad) that the last tick really sent. frame, age_s: of the newest picture;
        motion (4,): speed, yaw rate, and their standard deviations, as it shows them; None of one that counts for nothing.
        """
        dt_s = 0.0 if self._time_s is None else now_s - self._time_s
        self._time_s = now_s
        self.motor.tell(now_s, dt_s, sent, latency_s)
        before = self.v_m_s
        self._predict(now_s, dt_s)
        self._past.append([now_s, self.v_m_s, self.rate_rad_s])
        while self._past[0][0] < now_s - KEPT_S:
            self._past.popleft()
        if motion is not None and frame != self._frame:
            self._frame = frame
            self._see(now_s, now_s - age_s - 0.5 * APART_S, motion)
        self._odometer_m += self.v_m_s * dt_s
        if self.motor.stands(now_s, self.v_m_s):
            self._stand(now_s)
        if self.sigma_m_s <= max(SURE_M_S, SURE_SHARE * abs(self.v_m_s)) and now_s - self._saw_s <= BLIND_S:
            self._knew_s = now_s
        return self.motor.reading(
            self.v_m_s,
            self.rate_rad_s,
            self.v_m_s - before,
            dt_s,
            self._odometer_m,
            max(link.values_age_s, now_s - self._knew_s),
        )

    def _predict(self, now_s: float, dt_s: float) -> None:
        motor, told_m_s = self.motor, self.motor.acting[0]
        accel = motor.accelerates(now_s, dt_s, self.v_m_s)
        told = told_m_s != 0.0 and motor.accel_m_s2 != 0.0
        share = min(1.0, dt_s / float(motor.car[P_SPEED_TAU])) if told else 0.0
        self._speed.go_on(1.0 - share, share * told_m_s, ACCEL_SIGMA_M_S2**2 * 0.02 * dt_s, GAIN_SIGMA_S**2 * dt_s)
        keep, per_rad = math.exp(-dt_s / RATE_TAU_S), self.v_m_s / float(motor.car[P_FRONT] + motor.car[P_REAR])
        wanted = motor.turns(dt_s, self.v_m_s) + per_rad * self.trim_rad
        self.rate_rad_s = wanted + keep * (self.rate_rad_s - wanted)
        self._rate.go_on(keep, (1.0 - keep) * per_rad, (RATE_SIGMA_RAD_S2 * dt_s) ** 2, 0.0)
        self.v_m_s += accel * dt_s

    def _see(self, now_s: float, then_s: float, motion: np.ndarray) -> None:
        """Correct by the floor as it moved then."""
        v, rate, v_sigma, rate_sigma = motion.astype(np.float64).tolist()
        usable = math.isfinite(v) and math.isfinite(rate) and 0.0 < v_sigma < SAW_MOST_M_S and rate_sigma > 0.0
        if not usable or then_s < self._past[0][0]:
            return
        then = next((each for each in self._past if each[0] >= then_s), self._past[-1])
        self._saw_s, self._starts = now_s, False
        faster, gain = self._speed.correct(v - then[1], ALIKE * v_sigma)
        turned, trim_rad = self._rate.correct(rate - then[2], ALIKE * rate_sigma)
        self.v_m_s += faster
        self.rate_rad_s += turned
        self.motor.gain = min(GAINS[1], max(GAINS[0], self.motor.gain + gain))
        self.trim_rad = min(TRIM_MAX_RAD, max(-TRIM_MAX_RAD, self.trim_rad + trim_rad))
        for each in self._past:
            each[1] += faster
            each[2] += turned

    def _stand(self, now_s: float) -> None:
        self.v_m_s = self.rate_rad_s = 0.0
        self._speed.stand()
        self._rate.stand()
        self._saw_s, self._starts = now_s, True

    def throttle(self, speed_m_s: float, brake_a: float) -> tuple[float, float]:
        """See `PulsedMotor`; no more than keeps a car to the speed asked for that is as fast for its throttle as this one may be."""
        most_m_s = START_M_S if self._starts else math.inf
        told_m_s, brake_a = self.motor.throttle(self.v_m_s, min(most_m_s, speed_m_s), brake_a)
        surely = max(GAIN_LEAST, self.motor.gain + SIGMAS * math.sqrt(max(0.0, float(self._speed.covariance[1, 1]))))
        return told_m_s * min(1.0, self.motor.gain / surely), brake_a
