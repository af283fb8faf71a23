"""The simulator fitted to the very car, from its own transitions, and the policy made better in it.

What the demonstration cannot tell, because it is slow, is how much the tyres hold, front and rear. The decisions of practice
can: each says how the car turned a tenth of a second after a known command. The grips (and the delay, once more) that explain
the yaw rates best make a simulator of this car; first-order gradients through it improve the policy within seconds, and
the learner goes on from there. Mass and inertia have no part in it: tyres carry what the car weighs, so they cancel.

The grips are found by Gauss-Newton steps, from the best pair of a coarse grid on; their covariance is that of the
linearised least squares, so what the corners driven so far do not tell shows as a wide interval.
"""

import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numba import njit

from robot.robots.car.belief.simulated import simulate
from robot.robots.car.shield.predictive_brake import MEASURED_SHARE
from robot.robots.car.shield.rollout import believed_cars
from robot.robots.car.training.pretraining import ONWARD_RATE, RANDOMISED, pretrain
from robot.robots.car.training.trials import Trial
from robot.tasks.race_track.gradient import COMMAND, EARLIER_ACTION, EARLIER_COMMAND, LAST_ACTION, N_LANE, decide
from robot.tasks.race_track.laps import EstimateNoise, pack_courses
from robot.tasks.race_track.task import DECISION_S, SEEN_ACTION_BEFORE, SEEN_LAST_ACTION, SPEED_MIN_M_S, motion_seen
from sim.car.adjoint import STEER, TAPE_COLUMNS, V_X, V_Y, YAW_RATE, drive
from sim.car.model import PHYSICS_STEP_S, CarParameters, Randomisation
from sim.tracks.track import Course

GRIPS = np.linspace(0.4, 1.3, 7)  # of the nominal one: where the search begins, for either axle
SEEN_SHARE = 0.15  # of the sideways speed is the estimate's: none, and a tail that slides runs away from the model
GRIP_BOUNDS = (0.3, 1.5)
STEPS_OF_GRIPS, GRIP_DIFFERENCE = 5, 1e-3
DELAYS_S = np.arange(0.01, 0.081, 0.01)
STEPS = round(DECISION_S / PHYSICS_STEP_S)
CORNERING_M_S2 = 3.0  # gentler decisions say little about grip; ice holds no more than 4
NEEDED = 25  # cornering decisions: the grips are then known to a few hundredths
SURE = 0.06  # standard deviation of either grip: more, and the corners so far do not tell the axles apart
MODEL_SIGMA = 0.01  # what no number of decisions takes away
INTERVAL_SIGMAS = 3.0
LATEST = 3000  # transitions looked at
ITERATIONS = 1000
SPREAD = Randomisation(grip=0.0, mass=0.0, delay_s=0.006, trim_rad=0.006, axle_grip=0.02)  # what the fit leaves open
MARGINS_M = (0.05, 0.08)  # to the walls, for training; the predictive brake keeps 0.04
TRIAL_LAPS = 4
TRIAL_CARS, TRIAL_DECISIONS = 24, 300  # behind the brake


@dataclass(frozen=True)
class Fit:
    """The car that explains the transitions best. `error_rad_s`: root of the mean squared error of the yaw rates.

    grip_shares: front and rear, of the nominal grips; sigmas: their standard deviations.
    """

    car: CarParameters
    nominal: CarParameters
    grip_shares: tuple[float, float]
    sigmas: tuple[float, float]
    decisions: int
    error_rad_s: float

    @property
    def least_grip_shares(self) -> tuple[float, float]:
        """About what the brake will allow for."""
        front, rear = self.grip_shares
        return MEASURED_SHARE * front, MEASURED_SHARE * rear

    @property
    def belief(self) -> dict[str, float]:
        """By names with units; `_low` and `_high` bound what a grip may be."""
        told = {}
        for axle, share, sigma in zip(("front", "rear"), self.grip_shares, self.sigmas, strict=True):
            reach = INTERVAL_SIGMAS * sigma
            told[f"{axle}_grip_share"] = share
            told[f"{axle}_grip_share_low"], told[f"{axle}_grip_share_high"] = share - reach, share + reach
        return told | {"actuation_s": self.car.actuation_s, "error_rad_s": self.error_rad_s}

    @property
    def text(self) -> str:
        """For a person."""
        (front, rear), (front_sigma, rear_sigma) = self.grip_shares, (INTERVAL_SIGMAS * sigma for sigma in self.sigmas)
        return (
            f"grip {front:.2f} (give or take {front_sigma:.2f}) in front and {rear:.2f} ({rear_sigma:.2f}) behind, of the "
            f"nominal one, delay {self.car.actuation_s:.3f} s, from {self.decisions} decisions, error {self.error_rad_s:.3f} rad/s"
        )


@njit(cache=True)
def yaw_rate_errors(observation, action, next_observation, follows, car, out):
    """Errors, rad/s, of the yaw rates predicted one decision ahead, into out (n,); 0 where a row does not follow.

    observation, next_observation (n, 50), action (n, 2): in order; follows (n,): whether a row goes on from the one
    before: the wheels' angle and the sideways speed are known from there, as nobody measures them.
    """
    lane, tape, commands = np.zeros(N_LANE), np.empty((STEPS, TAPE_COLUMNS)), np.empty((STEPS, 2))
    straight = np.zeros(2)
    for k in range(observation.shape[0]):
        seen = observation[k]
        v_x, v_y, yaw_rate, steer_rad, speed_m_s = motion_seen(seen)
        if not follows[k]:
            lane[STEER], lane[V_Y] = steer_rad, v_y
            lane[EARLIER_COMMAND], lane[EARLIER_COMMAND + 1] = steer_rad, speed_m_s
        lane[:3] = 0.0
        lane[V_X], lane[YAW_RATE] = v_x, yaw_rate
        lane[V_Y] += SEEN_SHARE * (v_y - lane[V_Y])
        lane[COMMAND], lane[COMMAND + 1] = steer_rad, speed_m_s
        for j in range(2):
            lane[LAST_ACTION + j], lane[EARLIER_ACTION + j] = seen[SEEN_LAST_ACTION + j], seen[SEEN_ACTION_BEFORE + j]
        decide(lane, action[k], car, PHYSICS_STEP_S, commands)
        drive(lane, commands, car, straight, np.int64(0), np.int64(2), 1.0, PHYSICS_STEP_S, tape)
        out[k] = lane[YAW_RATE] - motion_seen(next_observation[k])[2] if follows[k] else 0.0


def fit_car(transitions: np.ndarray, nominal: CarParameters) -> Fit | None:
    """Grips and delay from transitions (n,) TRANSITION in order; None while too few of them corner hard."""
    t = transitions[-LATEST:]
    if len(t) < 2:
        return None
    whole = (t["duration_s"] > 0.99 * DECISION_S) & (t["duration_s"] < 1.01 * DECISION_S)
    follows = np.zeros(len(t), np.uint8)
    follows[1:] = (np.diff(t["step"].astype(np.int64)) == 1) & (t["episode"][1:] == t["episode"][:-1]) & whole[:-1]
    seen, done, then = (
        np.ascontiguousarray(t[name], np.float64) for name in ("observation", "action", "next_observation")
    )
    speed, yaw_rate = motion_seen(seen.T)[0], motion_seen(then.T)[2]
    cornering = np.abs(speed * yaw_rate) > CORNERING_M_S2
    telling = whole & cornering & (speed > 2.0 * SPEED_MIN_M_S) & (follows > 0)
    decisions = int(np.count_nonzero(telling))
    if decisions < NEEDED:
        return None
    out = np.empty(len(t))

    def errors(grips: np.ndarray, delay_s: float) -> np.ndarray:
        yaw_rate_errors(seen, done, then, follows, with_grips(nominal, grips, delay_s).packed(), out)
        return out[telling]

    def square(grips: np.ndarray, delay_s: float) -> float:
        return float(np.mean(np.square(errors(grips, delay_s))))

    delay_s = nominal.actuation_s
    grips = min(map(np.array, itertools.product(GRIPS, GRIPS)), key=lambda pair: square(pair, delay_s))
    for _ in range(2):  # one after the other: they hardly depend on each other
        grips, covariance = fit_grips(lambda pair: errors(pair, delay_s), grips)  # noqa: B023  (called at once)
        delay_s = float(min(DELAYS_S, key=lambda delay: square(grips, delay)))
    mean_square = square(grips, delay_s)
    front_sigma, rear_sigma = np.sqrt(mean_square * np.diag(covariance) + MODEL_SIGMA**2)
    if not max(front_sigma, rear_sigma) < SURE:
        return None
    return Fit(
        with_grips(nominal, grips, delay_s), nominal, (float(grips[0]), float(grips[1])),
        (float(front_sigma), float(rear_sigma)), decisions, math.sqrt(mean_square),
    )  # fmt: skip


def with_grips(car: CarParameters, shares: np.ndarray, delay_s: float) -> CarParameters:
    """The car with these shares of its front and rear grip."""
    front, rear = float(shares[0]) * car.front_grip_share, float(shares[1]) * car.rear_grip_share
    return replace(car, front_grip_share=front, rear_grip_share=rear, actuation_s=delay_s)


def fit_grips(errors: Callable[[np.ndarray], np.ndarray], grips: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The pair that makes the errors' squares least, from `grips` on, and its covariance for errors of variance 1."""
    best, least = grips, float(np.sum(np.square(errors(grips))))
    for _ in range(STEPS_OF_GRIPS):
        now = errors(best)
        slopes = [(errors(best + step) - now) / GRIP_DIFFERENCE for step in GRIP_DIFFERENCE * np.eye(2)]
        # No matrix products over the decisions: a BLAS sums in an order that depends on where in memory they begin
        covariance = np.linalg.pinv(np.array([[np.sum(a * b) for b in slopes] for a in slopes]))
        step = covariance @ np.array([np.sum(slope * now) for slope in slopes])
        for share in (1.0, 0.5, 0.25):  # a step too far is no better
            tried = np.clip(best - share * step, *GRIP_BOUNDS)
            squares = float(np.sum(np.square(errors(tried))))
            if squares < least:
                best, least = tried, squares
                break
        else:
            break
    return best, covariance


def improve(
    weights: np.ndarray, layers: tuple[int, ...], course: Course, fit: Fit, predictive_brake: bool, seed: int
) -> np.ndarray:
    """The policy after first-order training on this course with cars like the fitted one; as it was, if nothing helped.

    Training knows the walls, not the predictive brake, which refuses what comes too near to them: a lap is lost where it
    takes the wheel. How much room is best depends on the course, so a policy is trained for each of `MARGINS_M`, and the
    one that earns most behind the brake is taken.
    """
    car = fit.car
    cars = [
        with_grips(car, 1.0 + SPREAD.axle_grip * np.array(off), car.actuation_s + delay_s)
        for off in ((0.0, 0.0), (-1.0, -1.0), (-1.0, 1.0), (1.0, -1.0))
        for delay_s in (-SPREAD.delay_s, SPREAD.delay_s)
    ]
    trial = Trial(
        pack_courses([course]), np.zeros(len(cars), np.int64), np.array([one.packed() for one in cars]),
        TRIAL_LAPS * course.length_m / 3.0, EstimateNoise(),
    )  # fmt: skip

    def trained(margin_m: float) -> np.ndarray:
        objective = RANDOMISED.objective._replace(margin_m=margin_m)
        recipe = replace(RANDOMISED, iterations=ITERATIONS, rate=ONWARD_RATE, spread=SPREAD, objective=objective,
                         first_margin_m=margin_m)  # fmt: skip
        return pretrain(pack_courses([course]), car, recipe, trial, seed, weights).weights

    brake = believed_cars(fit.nominal.packed(), fit.grip_shares, fit.least_grip_shares) if predictive_brake else None

    def earned(candidate: np.ndarray) -> float:
        drivers = (cars * TRIAL_CARS)[:TRIAL_CARS]
        lived = simulate(course, candidate, layers, drivers, brake, TRIAL_DECISIONS, (0.0,), seed)
        return float(lived["reward"].mean(dtype=np.float64))

    return max((weights, *map(trained, MARGINS_M)), key=earned)
