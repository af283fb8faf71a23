"""Laps in the simulator that a policy is judged by: while it trains, and when it is done."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from policies.actor import HIDDEN
from robot.tasks.race_track.gradient import Courses
from robot.tasks.race_track.laps import EstimateNoise, Laps, judge, pack_courses
from robot.training.trainer import Look
from sim.car.model import CarParameters
from sim.car.yardstick import lookup_or_compute
from sim.tracks.track import Course

LOW_GRIP = 0.85
JUDGED_LAPS, SLOW_M_S = 11, 3.5  # the first lap begins at rest, which leaves ten


@dataclass(frozen=True)
class Trial:
    """Laps that a policy is judged by: car k drives courses[course[k]] with parameters[k]."""

    courses: Courses
    course: np.ndarray  # (n,) int64
    parameters: np.ndarray  # (n, N_PARAMETERS)
    seconds: float
    noise: EstimateNoise | None = None

    def run(self, weights: np.ndarray) -> Laps:
        """Drive. The noise is the same every time."""
        noise = None
        if self.noise is not None:
            noise = self.noise.draw(round(self.seconds / 0.1), len(self.course), np.random.default_rng(0))
        return judge(weights, HIDDEN[0], self.courses, self.course, self.parameters, self.seconds, noise)

    def look(self, weights: np.ndarray) -> Look:
        """What a policy that trains is found to be worth."""
        laps = self.run(weights)
        median_s, crashes = float(np.median(laps.median_s)), int(laps.crashes.sum())
        text = f"lap {laps.median_s[0]:6.2f} s, {crashes:2d} crashes"
        return Look(self.score(laps), {"median_lap_s": median_s, "crashes": crashes}, text, laps)

    def score(self, laps: Laps) -> float:
        """Mean lap time per metre, s/m, and a heavy price for every crash; lower is better."""
        length_m = self.courses.n_rows[self.course] * self.courses.spacing_m[self.course]
        pace = np.minimum(laps.median_s / length_m, 2.0)
        return float(np.mean(pace) + 0.1 * np.mean(np.minimum(laps.crashes, 4)))


def conditions(nominal: CarParameters) -> dict[str, CarParameters]:
    """The nominal car, the one with low grip, then the corners of what may be different about a car, by name."""

    def other(grip: float, delay_s: float = 0.0, trim_rad: float = 0.0) -> CarParameters:
        return replace(
            nominal,
            grip=grip * nominal.grip,
            actuation_s=nominal.actuation_s + delay_s,
            steer_trim_rad=nominal.steer_trim_rad + trim_rad,
        )

    corners = {
        f"grip {100 * (grip - 1):+.0f} %, delay {1000 * delay_s:+.0f} ms, trim {trim_rad:+g} rad": other(
            grip, delay_s, trim_rad
        )
        for grip in (LOW_GRIP, 2.0 - LOW_GRIP)
        for delay_s in (0.02, -0.02)
        for trim_rad in (0.05, -0.05)
    }
    return {"nominal": nominal, f"grip {100 * (LOW_GRIP - 1):+.0f} %": other(LOW_GRIP), **corners}


def trial_for(courses: list[Course], nominal: CarParameters, randomise: bool, seconds: float | None = None) -> Trial:
    """What a policy is checked by while it trains.

    The nominal car on every course, without errors of the estimate; if `randomise`, with them, and beside it on a
    single course all of `conditions`, on several the low-grip car and one corner each.
    """
    cars = list(conditions(nominal).values())
    pairs = []
    for k in range(len(courses)):
        here = [0] if not randomise else range(len(cars)) if len(courses) == 1 else [0, 1, 2 + k % (len(cars) - 2)]
        pairs += [(k, car) for car in here]
    longest_m = max(course.length_m for course in courses)
    return Trial(
        pack_courses(courses),
        np.array([course for course, _ in pairs]),
        np.array([cars[car].packed() for _, car in pairs]),
        10.0 + longest_m / 4.0 if seconds is None else seconds,  # one slow lap, or a few of a short course
        EstimateNoise() if randomise else None,
    )


def judged(weights: np.ndarray, courses: list[Course], nominal: CarParameters) -> dict[str, Any]:
    """Deterministic laps from a standing start: the nominal car and the low-grip car on every course.

    `ratio` is the median lap over the nominal car's yardstick, `ratio_low_grip` the low-grip car's over the same; null
    where no lap was finished. Of several courses, the worst counts. Crashes are counted over all.
    """
    cars = list(conditions(nominal).values())[:2]
    ratios, crashes = np.zeros((len(courses), 2)), np.zeros((len(courses), 2), np.int64)
    for k, course in enumerate(courses):
        trial = Trial(
            pack_courses([course]), np.zeros(2, np.int64), np.array([car.packed() for car in cars]),
            JUDGED_LAPS * course.length_m / SLOW_M_S,
        )  # fmt: skip
        laps = trial.run(weights)
        ratios[k] = laps.median_s / lookup_or_compute(course, nominal).lap_s
        crashes[k] = laps.crashes
    worst = [float(ratio) if np.isfinite(ratio) else None for ratio in ratios.max(axis=0)]
    total = [int(count) for count in crashes.sum(axis=0)]
    return {
        "ratio": worst[0],
        "crashes": total[0],
        "ratio_low_grip": worst[1],
        "crashes_low_grip": total[1],
        "ratios": {course.name: round(float(ratio), 4) for course, ratio in zip(courses, ratios[:, 0], strict=True)},
    }
