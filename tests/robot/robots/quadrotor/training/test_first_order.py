"""The gradient trainer: its gradient, what it draws, and that it repeats itself."""

import hashlib
import math
from dataclasses import replace

import numpy as np
import pytest

from policies.actor import weight_views
from policies.backup.set_point import N_SEEN
from robot.robots.quadrotor.evaluation.evaluation import DISTURBED
from robot.robots.quadrotor.training.decision import Objective
from robot.robots.quadrotor.training.first_order import (
    FirstOrder,
    Flock,
    Recipe,
    drawn_quadrotors,
    drawn_starts,
    hover_actions,
    starting_weights,
)
from robot.robots.quadrotor.training.window import LANES
from robot.tasks import hover, track_trajectory
from sim.quadrotor.batch import SensorNoise, Starts
from sim.quadrotor.model import P_INVERSE_INERTIA_X, P_INVERSE_MASS, P_LATENCY, QuadrotorRandomisation, load_parameters

NOMINAL = load_parameters("crazyflie_2_0")
SPREAD = replace(DISTURBED, mass=0.2, thrust=0.2, inertia=0.2, motor_delay=0.2, latency_high_s=0.02)
BRIEF = Recipe(iterations=4, drones=64, horizons=(), horizon=16, history=4, spread=SPREAD)
N = int(LANES)
EXACT = Objective(discount=1.0, adjoint_max=1e9)  # without what makes the gradient kinder than the truth


def test_the_windows_gradient_agrees_with_finite_differences() -> None:
    """Observation, actor, past actions, latency, drone and cost together, by the weights, for drones that differ."""
    recipe = replace(BRIEF, objective=EXACT, box_m=10.0)  # nobody starts anew
    gentle = Starts(attitude_rad=0.8)
    flock = Flock(hover, [NOMINAL], gentle, SensorNoise(), recipe, np.random.SeedSequence(3))
    rng = np.random.default_rng(4)
    weights = starting_weights((18 + 16, 64, 64, 8), 18, np.full(4, 0.3), rng)
    weights += rng.normal(0.0, 0.02, weights.size).astype(np.float32)
    begin, drawing = [np.copy(flock.tape.states[0]), np.copy(flock.tape.actions)], flock.rng.bit_generator.state

    def cost(at: np.ndarray) -> float:
        flock.tape.states[0], flock.tape.actions[:] = begin
        flock.rng.bit_generator.state = drawing
        flock.drones.ages[:] = 0.0
        found = flock.fly(at, 16)
        return 16 * N * found

    cost(weights)
    gradient = flock.gradient.copy()
    assert (flock.drones.crashes == 16).all()
    for _ in range(6):
        direction = rng.normal(size=weights.size).astype(np.float32)
        small = np.float32(1e-3)
        slope = (cost(weights + small * direction) - cost(weights - small * direction)) / (2.0 * small)
        assert float(gradient @ direction) == pytest.approx(slope, rel=0.01, abs=0.01 * float(np.linalg.norm(gradient)))


def test_half_of_the_drones_follow_a_path_that_is_asked_for_and_the_others_one_each() -> None:
    path = track_trajectory.figure_of_eight(3.5)
    recipe = replace(BRIEF, path=tuple(path.tolist()))
    flock = Flock(track_trajectory, [NOMINAL], hover.STARTS, SensorNoise(), recipe, np.random.SeedSequence(3))
    paths = flock.drones.task_memory[track_trajectory.OBSERVATION_SIZE :].T
    follows = (paths == path).all(axis=1)
    assert 0.25 * N < follows.sum() < 0.75 * N
    assert len(np.unique(paths[~follows], axis=0)) == (~follows).sum()


def test_the_same_seed_gives_the_same_weights_and_another_seed_others() -> None:
    def digest(seed: int) -> str:
        learner = FirstOrder(hover, [NOMINAL], hover.STARTS, SensorNoise(), seed, BRIEF)
        for _ in range(4):
            learner.iterate()
        assert learner.updates == 4 and learner.steps == 4 * 16 * 64
        return hashlib.sha256(learner.weights.tobytes()).hexdigest()

    assert digest(1) == digest(1) != digest(2)


def test_a_crashed_drone_teaches_nothing() -> None:
    flock = Flock(hover, [NOMINAL], hover.STARTS, SensorNoise(), BRIEF, np.random.SeedSequence(5))
    flock.tape.states[0, 0] = 4.0 * EXACT.crash_m
    weights = starting_weights((18 + 16, 64, 64, 8), 18, np.full(4, 0.3), np.random.default_rng(6))
    flock.fly(weights, 16)
    assert flock.crashed == N and not flock.gradient.any()
    assert (np.abs(flock.tape.states[0, :3]) <= hover.STARTS.position_m).all()  # all have started anew


def test_drawn_quadrotors_keep_within_their_spread() -> None:
    drones = drawn_quadrotors([NOMINAL], [SPREAD], 2000, np.random.default_rng(7))
    mass_kg = 1.0 / drones[:, P_INVERSE_MASS]
    assert 0.8 * NOMINAL.mass_kg <= mass_kg.min() < 0.81 * NOMINAL.mass_kg
    assert 1.19 * NOMINAL.mass_kg < mass_kg.max() <= 1.2 * NOMINAL.mass_kg
    assert drones[:, P_LATENCY].min() >= 0.0 and drones[:, P_LATENCY].max() <= 0.02
    same = drawn_quadrotors([NOMINAL], [QuadrotorRandomisation()], 2, np.random.default_rng(7))
    np.testing.assert_allclose(same, np.tile(NOMINAL.packed(), (2, 1)))
    np.testing.assert_allclose(hover_actions(same), 2.0 * NOMINAL.hover_command() - 1.0)


def test_other_quadrotors_have_a_spread_of_their_own() -> None:
    other = load_parameters("crazyflie_2_1")
    recipe = replace(BRIEF, spread_of_others=replace(SPREAD, latency_high_s=0.01, inertia=0.0))
    drones, _ = Flock(
        hover, [NOMINAL, other], hover.STARTS, SensorNoise(), recipe, np.random.SeedSequence(5)
    ).pool.draw(2000)
    is_other = np.isclose(drones[:, P_INVERSE_INERTIA_X], 1.0 / other.inertia_x_kg_m2)
    assert 900 < is_other.sum() < 1100
    assert drones[is_other, P_LATENCY].max() <= 0.01 < 0.019 < drones[~is_other, P_LATENCY].max()


def test_starts_are_as_wide_as_they_say() -> None:
    states = drawn_starts(hover.STARTS, 4000, np.random.default_rng(8))
    angle = 2.0 * np.arccos(np.clip(states[:, 3], -1.0, 1.0))
    assert math.radians(85) < angle.max() <= math.radians(90) + 1e-6
    centred = (states[:, :3] == 0.0).all(axis=1) & (states[:, 3] == 1.0)
    assert centred.mean() == pytest.approx(0.1, abs=0.02)
    assert np.abs(states[:, 7:13]).max() <= 1.0


def test_fresh_weights_hover_and_do_not_look_at_past_actions() -> None:
    weights = starting_weights((18 + 16, 64, 64, 8), N_SEEN, np.full(4, 0.3), np.random.default_rng(9))
    first, _ = weight_views(weights, (34, 64, 64, 8))[0]
    _, bias = weight_views(weights, (34, 64, 64, 8))[-1]
    assert not first[N_SEEN:].any() and first[:N_SEEN].any()
    np.testing.assert_allclose(np.tanh(bias[:4]), 0.3, rtol=1e-6)
