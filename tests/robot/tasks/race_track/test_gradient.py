"""The task's gradient: adjoints against finite differences, the trainer's car against the batched simulator."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from policies.first_order import first_weights
from robot.robots.car.training.pretraining import drawn_cars
from robot.tasks.race_track import task as race_track
from robot.tasks.race_track.gradient import (
    COMMAND,
    EARLIER_ACTION,
    LAST_ACTION,
    N_LANE,
    N_NOISE,
    Objective,
    decide,
    observe_adjoint,
    window,
)
from robot.tasks.race_track.laps import pack_courses, place
from robot.tasks.race_track.task import DECISION_S, OBSERVATION_SIZE, TICK_S, TICKS_PER_DECISION, observe, slew, target
from sim.car import kernel as car_kernel
from sim.car.adjoint import V_Y, YAW_RATE, drive, new_tape
from sim.car.batch import CarBatch, Starts
from sim.car.model import PHYSICS_STEP_S, Randomisation, load_parameters
from sim.tracks.built_in_tracks import built_in

COURSES = pack_courses([built_in("oval"), built_in("chicane")])


def some_lane(seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    lane = np.zeros(N_LANE)
    place(lane, rng.uniform(0, 20), rng.uniform(-0.4, 0.4), rng.uniform(-0.3, 0.3), rng.uniform(1.5, 4.0))
    lane[[V_Y, YAW_RATE, COMMAND]] = rng.normal(size=3) * 0.1
    lane[LAST_ACTION:] = rng.uniform(-0.5, 0.5, 4)
    return lane


def seen(lane: np.ndarray) -> np.ndarray:
    out = np.empty(OBSERVATION_SIZE)
    s, lateral, heading_error = lane[:3]
    observe(*lane[3:6], lane[COMMAND], lane[COMMAND + 1], *lane[LAST_ACTION:EARLIER_ACTION], *lane[EARLIER_ACTION:],
            s, lateral, heading_error, COURSES.table, COURSES.first_row[1], COURSES.n_rows[1], COURSES.spacing_m[1],
            out)  # fmt: skip
    return out


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10**6))
def test_observe_adjoint_agrees_with_finite_differences_of_observe(seed: int) -> None:
    lane = some_lane(seed)
    lane[0] = (np.floor(lane[0] / COURSES.spacing_m[1]) + 0.5) * COURSES.spacing_m[1]  # between two rows
    g = np.random.default_rng(seed).normal(size=OBSERVATION_SIZE).astype(np.float32)
    small = 1e-3
    expected = [g @ (seen(lane + small * d) - seen(lane - small * d)) / (2 * small) for d in np.eye(N_LANE)]
    found = np.zeros(N_LANE)
    observe_adjoint(*lane[:3], COURSES.table, COURSES.first_row[1], COURSES.n_rows[1], COURSES.spacing_m[1], g, found)
    np.testing.assert_allclose(found, expected, atol=2e-3)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10**6), delay_ticks=st.integers(0, 4), reach_rad=st.floats(0.1, race_track.STEER_MAX_RAD))
def test_commands_slew_tick_by_tick_and_arrive_late(seed: int, delay_ticks: int, reach_rad: float) -> None:
    """`decide`'s closed form against a loop that ticks, with a delay line, and tells no wheel to turn further than it can."""
    rng = np.random.default_rng(seed)
    car = replace(load_parameters(), actuation_s=delay_ticks * TICK_S, steer_max_rad=reach_rad).packed()
    lane = np.zeros(N_LANE)
    place(lane, 0.0, 0.0, 0.0, 2.0)
    line = [(0.0, 2.0)] * (delay_ticks + 1)  # what is on its way, the newest last
    command = (0.0, 2.0)
    for action in rng.uniform(-1, 1, (4, 2)):
        commands = np.empty((TICKS_PER_DECISION, 2))
        decide(lane, action, car, TICK_S, commands)
        steer, speed = target(action[0], action[1])
        steer = min(reach_rad, max(-reach_rad, steer))
        for tick in range(TICKS_PER_DECISION):
            command = (slew(command[0], steer, race_track.STEER_SLEW_RAD_S, TICK_S),
                       slew(command[1], speed, race_track.SPEED_SLEW_M_S2, TICK_S))  # fmt: skip
            line = [*line[1:], command]
            assert commands[tick] == pytest.approx(line[0], abs=1e-9)
        assert lane[COMMAND : COMMAND + 2] == pytest.approx(command, abs=1e-9)


def test_the_trainers_car_drives_like_the_batched_simulators() -> None:
    course = built_in("oval")
    batch = CarBatch(race_track, [course], 1, seed=5, starts=Starts(charge_low=1.0))
    lane = np.zeros(N_LANE)
    rows = [car_kernel.S, car_kernel.LATERAL, car_kernel.HEADING_ERROR, car_kernel.V_X]
    place(lane, *(float(batch.row(row)[0]) for row in rows))
    courses, car = pack_courses([course]), load_parameters()
    steps = round(DECISION_S / PHYSICS_STEP_S)
    commands, tape = np.empty((steps, 2)), new_tape(steps)
    for action in np.array([[0.1, -0.5], [0.3, -0.4], [0.0, -0.2], [-0.2, -0.6], [0.4, -0.8]], np.float32):
        batch.step(action[None])
        decide(lane, action, car.packed(), PHYSICS_STEP_S, commands)
        drive(lane, commands, car.packed(), courses.curvature, 0, courses.n_rows[0], courses.spacing_m[0],
              PHYSICS_STEP_S, tape)  # fmt: skip
        assert batch.end[0] == race_track.RUNNING
        place_and_speed = [float(batch.row(row)[0]) for row in (*rows, car_kernel.V_Y, car_kernel.YAW_RATE)]
        assert lane[:6] == pytest.approx(place_and_speed, abs=2e-3)


@pytest.mark.parametrize(("noisy", "reach_rad"), [(False, 0.4189), (True, 0.4189), (True, 0.15)])
def test_window_gradient_agrees_with_finite_differences(noisy: bool, reach_rad: float) -> None:
    """Observation, actor, commands, delay, car and cost together, by the weights, for cars that differ."""
    rng = np.random.default_rng(8)
    cars, horizon, hidden = 6, 8, 16
    weights = first_weights((50, hidden, hidden, 4), rng, np.array([0.0, -0.3]))
    weights += rng.normal(0, 0.02, weights.size).astype(np.float32)
    lanes = np.array([some_lane(seed) for seed in range(cars)])
    parameters = drawn_cars(replace(load_parameters(), steer_max_rad=reach_rad), Randomisation(), cars, rng)
    course = rng.integers(0, 2, cars)
    noise = rng.normal(0, 0.02 * noisy, (horizon, cars, N_NOISE))
    exact = Objective(leak=0.0, adjoint_max=1e9)  # without what makes the gradient kinder than the truth

    def cost(flat: np.ndarray, gradient: np.ndarray) -> float:
        kept = np.empty_like(lanes)
        return window(flat, hidden, lanes.copy(), parameters, course, COURSES, noise, exact, 0.02, 4, kept, gradient)

    gradient, scratch = np.empty_like(weights), np.empty_like(weights)
    cost(weights, gradient)
    for _ in range(6):
        direction = rng.normal(size=weights.size).astype(np.float32)
        small = np.float32(5e-4)
        slope = (cost(weights + small * direction, scratch) - cost(weights - small * direction, scratch)) / (2 * small)
        assert float(gradient @ direction) == pytest.approx(slope, rel=2e-3, abs=2e-3)


def test_a_window_goes_on_from_its_middle() -> None:
    """`kept` is where a shorter window would have ended."""
    rng = np.random.default_rng(9)
    weights = first_weights((50, 16, 16, 4), rng, np.array([0.0, -0.3]))
    lanes = np.array([some_lane(seed) for seed in range(3)])
    parameters, course = np.tile(load_parameters().packed(), (3, 1)), np.zeros(3, np.int64)
    kept, ignored, gradient = np.empty_like(lanes), np.empty_like(lanes), np.empty_like(weights)
    short = lanes.copy()
    window(
        weights, 16, lanes, parameters, course, COURSES, np.zeros((6, 3, N_NOISE)), Objective(), 0.02, 2, kept, gradient
    )
    window(
        weights,
        16,
        short,
        parameters,
        course,
        COURSES,
        np.zeros((2, 3, N_NOISE)),
        Objective(),
        0.02,
        2,
        ignored,
        gradient,
    )
    np.testing.assert_allclose(kept, short)
    np.testing.assert_allclose(ignored, short)


def test_a_crashed_car_no_longer_counts() -> None:
    rng = np.random.default_rng(10)
    weights = first_weights((50, 16, 16, 4), rng, np.array([0.0, -0.3]))
    lane = np.zeros(N_LANE)
    place(lane, 1.0, 2.5, 0.0, 2.0)  # far beyond the wall
    gradient, kept = np.empty_like(weights), np.empty((1, N_LANE))
    parameters, course = load_parameters().packed()[None], np.zeros(1, np.int64)

    def cost(decisions: int) -> float:
        noise = np.zeros((decisions, 1, N_NOISE))
        args = (
            weights,
            16,
            lane[None].copy(),
            parameters,
            course,
            COURSES,
            noise,
            Objective(),
            0.02,
            1,
            kept,
            gradient,
        )
        return decisions * window(*args)

    assert cost(6) == pytest.approx(cost(1))
