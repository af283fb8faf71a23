"""Pre-training: gradients through the simulated car, and a fleet of cars that drives on.

Each iteration takes the fleet through one window (`robot/tasks/race_track/gradient.py`), improves the policy by the window's
exact gradient, and lets the cars go on from the window's middle: the second half of a window is foresight. Cars that
crashed, or have driven for long, start anew. Every so often the policy drives laps; the best one is the result.
"""

import time
from dataclasses import dataclass, field, replace

import numpy as np

from policies.actor import HIDDEN, actor_layers
from policies.first_order import Adam, first_weights
from robot.robots.car.training.trials import Trial
from robot.tasks.race_track.gradient import N_LANE, N_NOISE, Courses, Objective, window
from robot.tasks.race_track.laps import EstimateNoise, place
from robot.tasks.race_track.task import ACTION_SIZE, OBSERVATION_SIZE, PREVIEW_COLUMNS, action_for
from robot.training.train import best_of, checks
from robot.training.trainer import Check, Training
from sim.car.adjoint import HEADING_ERROR, LATERAL, S
from sim.car.model import P_DELAY, P_GRIP_F, P_GRIP_R, P_INERTIA, P_MASS, P_TRIM, CarParameters, Randomisation

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


NOMINAL = Recipe(iterations=1000, objective=Objective(margin_m=0.01, softness_m=0.01), first_margin_m=0.1)
RANDOMISED = Recipe(
    iterations=1000,
    objective=Objective(margin_m=0.06, softness_m=0.01),
    spread=Randomisation(grip=0.25, mass=0.2, delay_s=0.025, trim_rad=0.06),
    noise=EstimateNoise(),
)
ONWARD_RATE = 2e-3  # gentler on a policy that drives already
UNSEEN = replace(RANDOMISED, iterations=2500, objective=Objective(margin_m=0.08), first_margin_m=0.2)


def drawn_cars(nominal: CarParameters, spread: Randomisation, n: int, rng: np.random.Generator) -> np.ndarray:
    """Packed parameters (n, N_PARAMETERS) of cars that differ from the nominal one by up to `spread`.

    The extremes come more often than the middle (arcsine distribution): it is they who crash.
    """
    cars = np.tile(nominal.packed(), (n, 1))
    mass, grip, delay, trim = np.sin(rng.uniform(-0.5, 0.5, (4, n)) * np.pi)
    cars[:, P_MASS] *= 1.0 + spread.mass * mass
    cars[:, P_INERTIA] *= 1.0 + spread.mass * mass
    front, rear = np.sin(rng.uniform(-0.5, 0.5, (2, n)) * np.pi) if spread.axle_grip else np.zeros((2, n))
    cars[:, P_GRIP_F] *= (1.0 + spread.grip * grip) * (1.0 + spread.axle_grip * front)
    cars[:, P_GRIP_R] *= (1.0 + spread.grip * grip) * (1.0 + spread.axle_grip * rear)
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


class Pretraining:
    """The learner: gradients through windows of the fleet's driving. The same seed gives the same bytes.

    start: weights to begin with, else fresh ones.
    """

    layers = LAYERS

    def __init__(self, courses: Courses, nominal: CarParameters, recipe: Recipe, seed: int,
                 start: np.ndarray | None = None) -> None:  # fmt: skip
        self.courses, self.recipe = courses, recipe
        self.rng = np.random.default_rng([seed, 0x9E7])
        self.fleet = Fleet(courses, nominal, recipe, self.rng)
        fresh = first_weights(LAYERS, self.rng, np.array(action_for(0.0, FIRST_SPEED_M_S)))
        self.actor, self.gradient = (fresh if start is None else start).astype(np.float32), np.zeros_like(fresh)
        self.optimiser = Adam(self.actor, recipe.iterations, recipe.rate, recipe.last_rate)
        self.kept = np.empty_like(self.fleet.lanes)
        self.errors = np.zeros((recipe.horizon, recipe.cars, N_NOISE))
        self.updates = 0

    @property
    def weights(self) -> np.ndarray:
        """The policy so far: a copy."""
        return self.actor.copy()

    def iterate(self) -> None:
        """One window, and a step along its gradient."""
        recipe, fleet = self.recipe, self.fleet
        self.updates += 1
        if recipe.noise is not None:
            self.errors = recipe.noise.draw(recipe.horizon, recipe.cars, self.rng)
        early = max(0.0, 1.0 - 2.0 * self.updates / recipe.iterations)
        own = recipe.objective.margin_m
        objective = recipe.objective._replace(margin_m=own + early * (recipe.first_margin_m - own))
        window(self.actor, HIDDEN[0], fleet.lanes, fleet.parameters, fleet.course, self.courses, self.errors, objective,
               TRAINING_STEP_S, recipe.keep, self.kept, self.gradient)  # fmt: skip
        self.optimiser.step(self.gradient)
        fleet.go_on(self.kept)


def pretraining(courses: Courses, nominal: CarParameters, recipe: Recipe, trial: Trial, seed: int,
                start: np.ndarray | None = None) -> Training:  # fmt: skip
    """Training on `courses`, looked at by laps of `trial`: before it, every so often, and after it."""
    due = {*range(0, recipe.iterations, recipe.check_every), recipe.iterations}
    return Training(Pretraining(courses, nominal, recipe, seed, start), recipe.iterations, due, trial.look)


def pretrain(courses: Courses, nominal: CarParameters, recipe: Recipe, trial: Trial, seed: int,
             start: np.ndarray | None = None) -> Check:  # fmt: skip
    """Train, without judging or saving anything; the check with the best score."""
    return best_of(list(checks(pretraining(courses, nominal, recipe, trial, seed, start), time.perf_counter())))
