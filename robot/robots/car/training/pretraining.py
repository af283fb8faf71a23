"""Pre-training: gradients through the simulated car, a fleet of cars that drives on, and the best policy kept.

Each iteration takes the fleet through one window (`race_track_gradient.window`), improves the policy by the window's
exact gradient, and lets the cars go on from the window's middle: the second half of a window is foresight. Cars that
crashed, or have driven for long, start anew. Every so often the policy drives laps; the best one so far is the result.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from policies.actor import HIDDEN, actor_layers
from policies.first_order import Adam, first_weights
from robot.tasks.race_track.gradient import N_LANE, N_NOISE, Courses, Objective, window
from robot.tasks.race_track.laps import EstimateNoise, Laps, judge, place
from robot.tasks.race_track.task import ACTION_SIZE, OBSERVATION_SIZE, PREVIEW_COLUMNS, action_for
from sim.car.adjoint import HEADING_ERROR, LATERAL, S
from sim.car.model import P_DELAY, P_GRIP, P_INERTIA, P_MASS, P_TRIM, CarParameters, Randomisation

LAYERS = actor_layers(OBSERVATION_SIZE, ACTION_SIZE)
TRAINING_STEP_S = 0.02  # half as fine as the simulator's: millimetres apart over a decision, twice as fast
FIRST_SPEED_M_S = 1.5  # what an untrained policy asks for
HEADING_OUT_RAD = 1.3
NOTHING = Randomisation(0.0, 0.0, 0.0, 0.0)


@dataclass(frozen=True)
class Recipe:
    """How a policy is trained. The defaults suit one course."""

    iterations: int = 700
    cars: int = 64
    horizon: int = 24  # decisions in a window
    keep: int = 12  # decisions after which the cars go on in the next window
    rate: float = 1e-2
    last_rate: float = 2e-4
    first_margin_m: float = 0.15  # of the soft wall; falls to the objective's own over the first half
    objective: Objective = field(default_factory=Objective)
    spread: Randomisation = NOTHING
    noise: EstimateNoise | None = None
    decisions_max: int = 120  # after which a car starts anew
    out_m: float = 0.02  # a body this far beyond the wall has crashed
    again: float = 0.7  # share of the crashed cars that start anew before the place of their crash
    start_speed_m_s: tuple[float, float] = (0.0, 4.0)
    check_every: int = 50


@dataclass(frozen=True)
class Check:
    """One look at the policy while it trains."""

    iteration: int
    seconds: float
    laps: Laps
    score: float  # lower is better
    weights: np.ndarray


def drawn_cars(nominal: CarParameters, spread: Randomisation, n: int, rng: np.random.Generator) -> np.ndarray:
    """Packed parameters (n, N_PARAMETERS) of cars that differ from the nominal one by up to `spread`.

    The extremes come more often than the middle (arcsine distribution): it is they who crash.
    """
    cars = np.tile(nominal.packed(), (n, 1))
    mass, grip, delay, trim = np.sin(rng.uniform(-0.5, 0.5, (4, n)) * np.pi)
    cars[:, P_MASS] *= 1.0 + spread.mass * mass
    cars[:, P_INERTIA] *= 1.0 + spread.mass * mass
    cars[:, P_GRIP] *= 1.0 + spread.grip * grip
    cars[:, P_DELAY] += spread.delay_s * delay
    cars[:, P_TRIM] += spread.trim_rad * trim
    return cars


class Fleet:
    """The cars that practise: where they are, what they are, and how long each has driven."""

    def __init__(self, courses: Courses, nominal: CarParameters, recipe: Recipe, rng: np.random.Generator) -> None:
        self.courses, self.nominal, self.recipe, self.rng = courses, nominal, recipe, rng
        n = recipe.cars
        self.lanes = np.zeros((n, N_LANE))
        self.parameters = drawn_cars(nominal, recipe.spread, n, rng)
        self.course = np.zeros(n, np.int64)
        self.age = np.zeros(n, np.int64)
        self.start_anywhere(np.arange(n))
        self.age[:] = rng.integers(0, recipe.decisions_max, n)

    def start_anywhere(self, cars: np.ndarray) -> None:
        """Put these cars somewhere on a random course."""
        self.course[cars] = self.rng.integers(0, len(self.courses.n_rows), len(cars))
        self.start_at(cars, self.rng.random(len(cars)) * self.length_m(cars))

    def start_at(self, cars: np.ndarray, s: np.ndarray) -> None:
        """Put these cars, as new ones, at `s` on their courses, a little off the line and off its heading."""
        self.parameters[cars] = drawn_cars(self.nominal, self.recipe.spread, len(cars), self.rng)
        self.age[cars] = 0
        left, right = self.room(cars, s)
        side = self.rng.uniform(-0.5, 0.5, len(cars))
        heading = self.rng.uniform(-0.3, 0.3, len(cars))
        speed = self.rng.uniform(*self.recipe.start_speed_m_s, len(cars))
        for k, car in enumerate(cars):
            place(self.lanes[car], s[k], side[k] * (left[k] if side[k] > 0 else right[k]), heading[k], speed[k])

    def length_m(self, cars: np.ndarray) -> np.ndarray:
        """Lengths of these cars' courses, m."""
        course = self.course[cars]
        return self.courses.n_rows[course] * self.courses.spacing_m[course]

    def room(self, cars: np.ndarray, s: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Widths of these cars' courses to the left and right at `s`, m."""
        course = self.course[cars]
        row = (s / self.courses.spacing_m[course]).astype(np.int64) % self.courses.n_rows[course]
        here = self.courses.table[self.courses.first_row[course] + row]
        return here[:, PREVIEW_COLUMNS - 2], here[:, PREVIEW_COLUMNS - 1]

    def go_on(self, kept: np.ndarray) -> None:
        """Go on from the states `kept`: the cars that crashed, and those that have driven for long, start anew."""
        self.lanes[:] = kept
        self.age += self.recipe.keep
        everyone = np.arange(len(kept))
        finite = np.isfinite(kept).all(1)
        self.lanes[~finite] = 0.0
        self.lanes[:, S] %= self.length_m(everyone)
        s, lateral, heading = self.lanes[:, S], self.lanes[:, LATERAL], self.lanes[:, HEADING_ERROR]
        left, right = self.room(everyone, s)
        car = self.nominal.half_length_m, self.nominal.half_width_m
        reach = car[0] * np.abs(np.sin(heading)) + car[1] * np.cos(heading)
        beyond = np.maximum(lateral - left, -lateral - right) + reach
        crashed = (beyond > self.recipe.out_m) | (np.abs(heading) > HEADING_OUT_RAD) | ~finite
        again = crashed & (self.rng.random(len(kept)) < self.recipe.again)
        before = (s - self.rng.uniform(3.0, 12.0, len(kept))) % self.length_m(everyone)
        cars = np.flatnonzero(again)
        self.start_at(cars, before[cars])
        self.start_anywhere(np.flatnonzero((crashed & ~again) | (self.age > self.recipe.decisions_max)))


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

    def score(self, laps: Laps) -> float:
        """Mean lap time per metre, s/m, and a heavy price for every crash; lower is better."""
        length_m = self.courses.n_rows[self.course] * self.courses.spacing_m[self.course]
        pace = np.minimum(laps.median_s / length_m, 2.0)
        return float(np.mean(pace) + 0.1 * np.mean(np.minimum(laps.crashes, 4)))


def pretrain(
    courses: Courses,
    nominal: CarParameters,
    recipe: Recipe,
    trial: Trial,
    seed: int,
    start: np.ndarray | None = None,
    progress: Callable[[Check], None] | None = None,
) -> Check:
    """Train on `courses`; the check with the best score on `trial`.

    start: weights to begin with, else fresh ones. progress: told of every check, the first one before any training.
    """
    rng = np.random.default_rng([seed, 0x9E7])
    fleet = Fleet(courses, nominal, recipe, rng)
    fresh = first_weights(LAYERS, rng, np.array(action_for(0.0, FIRST_SPEED_M_S)))
    weights, gradient = (fresh if start is None else start).astype(np.float32), np.zeros_like(fresh)
    adam = Adam(weights, recipe.iterations, recipe.rate, recipe.last_rate)
    kept = np.empty_like(fleet.lanes)
    errors = np.zeros((recipe.horizon, recipe.cars, N_NOISE))
    started = time.perf_counter()

    def check(iteration: int) -> Check:
        laps = trial.run(weights)
        found = Check(iteration, time.perf_counter() - started, laps, trial.score(laps), weights.copy())
        if progress is not None:
            progress(found)
        return found

    best = check(0)
    for iteration in range(1, recipe.iterations + 1):
        if recipe.noise is not None:
            errors = recipe.noise.draw(recipe.horizon, recipe.cars, rng)
        early = max(0.0, 1.0 - 2.0 * iteration / recipe.iterations)
        own = recipe.objective.margin_m
        objective = recipe.objective._replace(margin_m=own + early * (recipe.first_margin_m - own))
        window(weights, HIDDEN[0], fleet.lanes, fleet.parameters, fleet.course, courses, errors, objective,
               TRAINING_STEP_S, recipe.keep, kept, gradient)  # fmt: skip
        adam.step(gradient)
        fleet.go_on(kept)
        if iteration % recipe.check_every == 0 or iteration == recipe.iterations:
            best = min(check(iteration), best, key=lambda found: found.score)
    return best
