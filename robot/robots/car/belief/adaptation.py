"""The simulator fitted to the very car, from its own transitions, and the policy made better in it.

What the demonstration cannot tell, because it is slow, is how much the tyres hold. The decisions of practice can: each
says how the car turned a tenth of a second after a known command. The grip (and the delay, once more) that explains the
yaw rates best makes a simulator of this car; first-order gradients through it improve the policy within seconds, and
the learner goes on from there. Mass and inertia have no part in it: tyres carry what the car weighs, so they cancel.
"""

import math
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
from sim.car.model import P_DELAY, PHYSICS_STEP_S, CarParameters, Randomisation
from sim.tracks.track import Course

GRIPS = np.linspace(0.4, 1.3, 91)  # of the nominal one
DELAYS_S = np.arange(0.01, 0.081, 0.01)
STEPS = round(DECISION_S / PHYSICS_STEP_S)
CORNERING_M_S2 = 3.0  # gentler decisions say little about grip; ice holds no more than 4
NEEDED = 25  # cornering decisions: the grip is then known to one or two hundredths
LATEST = 3000  # transitions looked at
ITERATIONS = 1000
SPREAD = Randomisation(grip=0.02, mass=0.0, delay_s=0.006, trim_rad=0.006)  # what the fit leaves open
MARGINS_M = (0.05, 0.08)  # to the walls, for training; the predictive brake keeps 0.04
TRIAL_LAPS = 4
TRIAL_CARS, TRIAL_DECISIONS = 24, 300  # behind the brake


@dataclass(frozen=True)
class Fit:
    """The car that explains the transitions best. `error_rad_s`: root of the mean squared error of the yaw rates.

    grip_share, least_grip_share: of the nominal grip, what was measured, and about what the brake will allow for.
    """

    car: CarParameters
    nominal: CarParameters
    grip_share: float
    decisions: int
    error_rad_s: float

    @property
    def least_grip_share(self) -> float:
        return MEASURED_SHARE * self.grip_share


@njit(cache=True)
def yaw_rate_error(observation, action, next_observation, follows, weight, car):
    """Mean squared error, (rad/s)^2, of the predicted yaw rates one decision ahead, over decisions of weight > 0.

    observation, next_observation (n, 50), action (n, 2): in order; follows (n,): whether a row goes on from the one
    before: the wheels' angle and the sideways speed are known from there, as nobody measures them.
    """
    lane, tape, commands = np.zeros(N_LANE), np.empty((STEPS, TAPE_COLUMNS)), np.empty((STEPS, 2))
    straight = np.zeros(2)
    total, count = 0.0, 0.0
    for k in range(observation.shape[0]):
        seen = observation[k]
        v_x, v_y, yaw_rate, steer_rad, speed_m_s = motion_seen(seen)
        if not follows[k]:
            lane[STEER], lane[V_Y] = steer_rad, v_y
            lane[EARLIER_COMMAND], lane[EARLIER_COMMAND + 1] = steer_rad, speed_m_s
        lane[:3] = 0.0
        lane[V_X], lane[YAW_RATE] = v_x, yaw_rate
        lane[COMMAND], lane[COMMAND + 1] = steer_rad, speed_m_s
        for j in range(2):
            lane[LAST_ACTION + j], lane[EARLIER_ACTION + j] = seen[SEEN_LAST_ACTION + j], seen[SEEN_ACTION_BEFORE + j]
        decide(lane, action[k], car[P_DELAY], PHYSICS_STEP_S, commands)
        drive(lane, commands, car, straight, np.int64(0), np.int64(2), 1.0, PHYSICS_STEP_S, tape)
        if follows[k] and weight[k] > 0.0:
            total += (lane[YAW_RATE] - motion_seen(next_observation[k])[2]) ** 2
            count += 1.0
    return total / max(count, 1.0)


def fit_car(transitions: np.ndarray, nominal: CarParameters) -> Fit | None:
    """Grip and delay from transitions (n,) TRANSITION in order; None while too few of them corner hard."""
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
    weight = (whole & cornering & (speed > 2.0 * SPEED_MIN_M_S)).astype(np.float64)
    decisions = int(weight[follows > 0].sum())
    if decisions < NEEDED:
        return None

    def error(grip: float, delay_s: float) -> float:
        car = replace(nominal, grip=grip * nominal.grip, actuation_s=delay_s)
        return float(yaw_rate_error(seen, done, then, follows, weight, car.packed()))

    delay_s = nominal.actuation_s
    for _ in range(2):  # one after the other: they hardly depend on each other
        errors = np.array([error(share, delay_s) for share in GRIPS])
        grip = float(GRIPS[np.argmin(errors)])
        delay_s = float(min(DELAYS_S, key=lambda delay: error(grip, delay)))
    fitted = replace(nominal, grip=grip * nominal.grip, actuation_s=delay_s)
    return Fit(fitted, nominal, grip, decisions, math.sqrt(errors.min()))


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
        replace(car, grip=(1.0 + grip) * car.grip, actuation_s=car.actuation_s + delay_s)
        for grip in (0.0, -SPREAD.grip, SPREAD.grip)
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

    brake = believed_cars(fit.nominal.packed(), fit.grip_share, fit.least_grip_share) if predictive_brake else None

    def earned(candidate: np.ndarray) -> float:
        drivers = (cars * TRIAL_CARS)[:TRIAL_CARS]
        lived = simulate(course, candidate, layers, drivers, brake, TRIAL_DECISIONS, (0.0,), seed)
        return float(lived["reward"].mean(dtype=np.float64))

    return max((weights, *map(trained, MARGINS_M)), key=earned)
