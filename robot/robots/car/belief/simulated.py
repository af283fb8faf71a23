"""Practice in the simulator before the practice on the robot: the critics learn what the starting policy is worth.

Cars whose mass, grip and delay vary drive the course with the policy that practice starts from, with noise on its
actions, behind the same predictive brake and with an estimate's errors. Their transitions are the learner's first prior
data: without them the actor would follow critics that know nothing, and the first minutes would be worse than the
policy was.
"""

import numpy as np
from numba import njit

from policies.actor import act, squash
from robot.robots.car.records import TRANSITION
from robot.robots.car.shield.predictive_brake import AS_PROPOSED, MARGIN_M, SLIPPERY, filter_action
from robot.robots.car.shield.rollout import HARDEST, N_AT, N_COMMAND, believed_cars
from robot.tasks.race_track.gradient import COMMAND, EARLIER_ACTION, LAST_ACTION, N_LANE, decide, reachable
from robot.tasks.race_track.laps import RESTART_SPEED_M_S, EstimateNoise, pack_courses, place
from robot.tasks.race_track.task import (
    ACTION_SIZE,
    DECISION_S,
    OBSERVATION_SIZE,
    RUNNING,
    SPEED_SLEW_M_S2,
    STEER_SLEW_RAD_S,
    TICK_S,
    TICKS_PER_DECISION,
    ends,
    observe,
    reward,
    slew,
)
from sim.car.adjoint import HEADING_ERROR, LATERAL, TAPE_COLUMNS, V_X, V_Y, YAW_RATE, S, drive
from sim.car.model import P_DELAY, P_HALF_LENGTH, P_HALF_WIDTH, PHYSICS_STEP_S, CarParameters, Randomisation, hidden_car
from sim.tracks.track import Course

CARS = 60
DECISIONS_EACH = 500
SPREAD = Randomisation(trim_rad=0.01)  # the demonstration measures the trim; little of it is left
STD_SCALES = (1.5, 3.0)  # of the policy's own noise, car by car: the critics need to know more than they will see
PAST_TICKS = 10
STEPS = round(DECISION_S / PHYSICS_STEP_S)


@njit(cache=True)
def look(x, error, table, n_rows, spacing_m, out):
    """The observation of a car whose estimate is off by `error` (6,)."""
    observe(x[V_X] + error[3], x[V_Y] + error[4], x[YAW_RATE] + error[5], x[COMMAND], x[COMMAND + 1],
            x[LAST_ACTION], x[LAST_ACTION + 1], x[EARLIER_ACTION], x[EARLIER_ACTION + 1], x[S] + error[0],
            x[LATERAL] + error[1], x[HEADING_ERROR] + error[2], table, 0, n_rows, spacing_m, out)  # fmt: skip


@njit(cache=True)
def practise(weights, hidden, start_s, car, brake, brake_cars, table, curvature, course, spacing_m, errors, noise,
             std_scale, observations, proposed, executed, next_observations, rewards, collided):  # fmt: skip
    """Drive len(noise) decisions with one car, writing each decision's row of the last six arguments.

    errors (decisions + 1, 6): of the estimate. course: `Course.packed()`; brake: whether the predictive brake is on.
    """
    n_rows = course.shape[0]
    length_m = n_rows * spacing_m
    x, scratch, raw = np.empty(N_LANE), np.empty((2, hidden), np.float32), np.empty(2 * ACTION_SIZE, np.float32)
    commands, tape, sent = np.empty((STEPS, 2)), np.empty((STEPS, TAPE_COLUMNS)), np.zeros((PAST_TICKS, N_COMMAND))
    at, kept = np.empty(N_AT), np.full(2, HARDEST)
    action, chosen = np.empty(ACTION_SIZE, np.float32), np.empty(ACTION_SIZE)
    obstacles = np.empty((0, 4))  # with this type, as with the actions', the brake is the one that runs on the road
    crashed = True
    x[S] = start_s
    for k in range(noise.shape[0]):
        if crashed:
            place(x, x[S] % length_m, 0.0, 0.0, RESTART_SPEED_M_S)
            sent[:, 0], sent[:, 1] = x[COMMAND], x[COMMAND + 1]
        error = errors[k]
        look(x, error, table, n_rows, spacing_m, observations[k])
        act(weights, observations[k], scratch, raw)
        squash(raw, noise[k], std_scale, action)
        chosen[:] = action
        changed = 0.0
        if brake:
            at[0], at[1], at[2] = x[S] + error[0], x[LATERAL] + error[1], x[HEADING_ERROR] + error[2]
            at[3], at[4], at[5] = x[V_X] + error[3], x[V_Y] + error[4], x[YAW_RATE] + error[5]
            reason = filter_action(np.float64(action[0]), np.float64(action[1]), at, sent, course, spacing_m, obstacles,
                                   brake_cars, car[P_DELAY], MARGIN_M, kept, chosen)  # fmt: skip
            if reason != AS_PROPOSED:
                changed = np.abs(chosen - action).max()
        goal_steer, goal_speed = reachable(chosen[0], chosen[1], car)
        for _ in range(TICKS_PER_DECISION):
            sent[:-1] = sent[1:].copy()
            sent[-1, 0] = slew(sent[-2, 0], goal_steer, STEER_SLEW_RAD_S, TICK_S)
            sent[-1, 1] = slew(sent[-2, 1], goal_speed, SPEED_SLEW_M_S2, TICK_S)
        before = x[S] + error[0]
        decide(x, chosen, car, PHYSICS_STEP_S, commands)
        drive(x, commands, car, curvature, np.int64(0), n_rows, spacing_m, PHYSICS_STEP_S, tape)
        crashed = False
        for step in range(STEPS + 1):
            then = x if step == STEPS else tape[step]
            here = course[int(np.floor(then[S] / spacing_m)) % n_rows]
            end = ends(then[LATERAL], then[HEADING_ERROR], here[5], here[6], car[P_HALF_LENGTH], car[P_HALF_WIDTH])
            crashed = crashed or end != RUNNING
        look(x, errors[k + 1], table, n_rows, spacing_m, next_observations[k])
        proposed[k] = action
        executed[k, 0], executed[k, 1] = chosen[0], chosen[1]
        rewards[k] = reward(x[S] + errors[k + 1, 0] - before, crashed, changed)
        collided[k] = crashed
        if x[S] >= length_m:
            x[S] -= length_m


def simulate(
    course: Course,
    weights: np.ndarray,
    layers: tuple[int, ...],
    cars: list[CarParameters],
    brake: np.ndarray | None,
    decisions: int,
    std_scales: tuple[float, ...],
    seed: int,
) -> np.ndarray:
    """A policy on a course, driven with each of the cars: (len(cars), decisions) TRANSITION, marked as prior data.

    brake: the cars that the predictive brake believes in (`believed_cars`); None drives without it. std_scales: of the policy's own noise, car by car in turn.
    """
    rng = np.random.default_rng([seed, 0x51A])
    errors = EstimateNoise().draw(decisions + 1, len(cars), rng)
    packed, courses = course.packed(), pack_courses([course])
    transitions = np.zeros((len(cars), decisions), TRANSITION)
    transitions["step"] = np.arange(transitions.size).reshape(transitions.shape)
    transitions["duration_s"], transitions["demonstration"] = DECISION_S, 1
    for k, car in enumerate(cars):
        one = transitions[k]
        observations, following = np.empty((2, decisions, OBSERVATION_SIZE), np.float32)
        proposed, executed = np.empty((2, decisions, ACTION_SIZE), np.float32)
        rewards, collided = np.empty(decisions, np.float32), np.empty(decisions, np.uint8)
        believed = np.stack([car.packed()] * 2) if brake is None else brake
        practise(
            weights, layers[1], rng.uniform(0.0, course.length_m), car.packed(), brake is not None, believed,
            courses.table, courses.curvature, packed, course.spacing_m, np.ascontiguousarray(errors[:, k]),
            rng.standard_normal((decisions, ACTION_SIZE), np.float32), std_scales[k % len(std_scales)], observations,
            proposed, executed, following, rewards, collided,
        )  # fmt: skip
        one["observation"], one["next_observation"] = observations, following
        one["action"], one["proposed"] = executed, proposed
        one["overridden"] = np.abs(executed - proposed).max(axis=1) > 1e-6
        one["reward"], one["terminated"], one["episode"] = rewards, collided, k
        one["truncated"][-1] = 1 - collided[-1]
    return transitions


def simulate_practice(
    course: Course,
    nominal: CarParameters,
    weights: np.ndarray,
    layers: tuple[int, ...],
    predictive_brake: bool,
    seed: int = 0,
) -> np.ndarray:
    """What a policy does with cars that are unlike the nominal one, and with noise: (CARS * DECISIONS_EACH,)."""
    rng = np.random.default_rng([seed, 0xCA2])
    cars = [hidden_car(int(rng.integers(2**31)), nominal, SPREAD) for _ in range(CARS)]
    brake = believed_cars(nominal.packed(), (1.0, 1.0), SLIPPERY) if predictive_brake else None
    return simulate(course, weights, layers, cars, brake, DECISIONS_EACH, STD_SCALES, seed).reshape(-1)
