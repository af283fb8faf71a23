"""The trainer for any quadrotor: its gradient through flight and memory, what it draws, and that it repeats itself."""

import hashlib
from dataclasses import replace

import numpy as np
import pytest

from policies.recurrent_actor import RecurrentLayers, initial_weights, weight_views
from robot.robots.quadrotor.training import any_quadrotor
from robot.robots.quadrotor.training.any_quadrotor import OBJECTIVE, AnyQuadrotor, Flock, Pool, Recipe
from robot.robots.quadrotor.training.recurrent_window import LANES
from robot.tasks import hover
from sim.quadrotor.batch import Starts
from sim.quadrotor.fleets import load_fleet
from sim.quadrotor.model import P_FORCE_X
from sim.quadrotor.told import N_TOLD, told

N, LAYERS = int(LANES), RecurrentLayers(22, 16, 16, 4)
BRIEF = Recipe(iterations=4, horizons=(), horizon=12)
PRICES = OBJECTIVE._replace(near=25.0, calm=1.0, calm_after=200.0)
EXACT = PRICES._replace(  # without what is kinder than the truth
    discount=1.0, adjoint_max=1e9, memory_adjoint_max=1e9, action_adjoint_max=1e9
)
SCALE = hover.OBSERVATION_SCALE.astype(np.float64)


@pytest.fixture(autouse=True)
def little_noise(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(any_quadrotor, "NOISE_LENGTH", 50_000)
    monkeypatch.setattr(any_quadrotor, "POOL", 128)


def flock_of(recipe: Recipe = BRIEF, starts: Starts = hover.STARTS, seed: int = 3, fleet: str = "any") -> Flock:
    return Flock(hover, load_fleet(fleet), starts, LAYERS, recipe, np.random.SeedSequence(seed))


def some_weights(seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    weights = initial_weights(LAYERS, rng)
    return weights + rng.normal(0.0, 0.05, weights.size).astype(np.float32)


def kept(flock: Flock) -> list[np.ndarray]:
    """Copies of what a window changes, and the next one begins with."""
    return [np.copy(part) for part in changed(flock)]


def changed(flock: Flock) -> list[np.ndarray]:
    return [flock.tape.states, flock.tape.memories, flock.tape.actions, flock.drones.gusts, flock.drones.ages]


def fly(flock: Flock, weights: np.ndarray, horizon: int, offsets: np.ndarray) -> float:
    """A window's cost, summed; its gradient is the flock's."""
    flock.gradient[:] = 0.0
    cost = flock.window(any_quadrotor.parts(weights, LAYERS), flock.tape, flock.drones, horizon, flock.normals, offsets,
                        flock.scale, flock.objective, flock.gradient_parts, flock.adjoints)  # fmt: skip
    return float(cost) * horizon * N


def test_the_windows_gradient_agrees_with_finite_differences() -> None:
    """Observation, memory, latency, gusts, drones and prices together, by the weights, in single precision: within 1 %."""
    flock = flock_of(replace(BRIEF, objective=EXACT, far_share=0.0), Starts(attitude_rad=0.8))
    flock.tape.memories[0] = np.random.default_rng(1).uniform(-0.5, 0.5, (16, N))
    weights, rng = some_weights(4), np.random.default_rng(5)
    begin, offsets = kept(flock), rng.integers(0, 20_000, 12)

    def cost(at: np.ndarray) -> float:
        for part, before in zip(changed(flock), begin, strict=True):
            part[:] = before
        return fly(flock, at, 12, offsets)

    cost(weights)
    gradient = flock.gradient.copy()
    assert (flock.drones.crashes == 12).all()
    for _ in range(6):
        direction = rng.normal(size=weights.size).astype(np.float32)
        small = np.float32(1e-3)
        slope = (cost(weights + small * direction) - cost(weights - small * direction)) / (2.0 * small)
        assert float(gradient @ direction) == pytest.approx(slope, rel=0.01, abs=0.01 * float(np.linalg.norm(gradient)))


def test_two_windows_fly_what_one_of_twice_the_length_does() -> None:
    """State, memory, actions under way and gusts go on."""
    weights, offsets = some_weights(1), np.random.default_rng(2).integers(0, 20_000, 12)
    whole, halves = flock_of(), flock_of()
    fly(whole, weights, 12, offsets)
    fly(halves, weights, 6, offsets[:6])
    tape, taps = halves.tape, halves.taps
    tape.states[0], tape.memories[0] = tape.states[6], tape.memories[6]
    tape.actions[:taps] = tape.actions[6 : 6 + taps].copy()
    halves.drones.ages[:] += 6
    fly(halves, weights, 6, offsets[6:])
    running = whole.drones.crashes == 12
    assert running.sum() > N // 2
    np.testing.assert_array_equal(tape.states[6][:, running], whole.tape.states[12][:, running])
    np.testing.assert_array_equal(tape.memories[6][:, running], whole.tape.memories[12][:, running])


def test_a_drone_that_starts_anew_remembers_nothing_and_the_others_go_on() -> None:
    flock = flock_of(replace(BRIEF, decisions_max=1000))
    flock.tape.states[0, 0, 5] = 1.01 * PRICES.crash_m
    flock.drones.ages[40] = 999.0
    flock.fly(some_weights(1), 12)
    again = np.flatnonzero(~flock.tape.memories[0].any(axis=0))
    assert {5, 40} <= set(again) and len(again) == flock.crashed + flock.finished < N
    assert not flock.drones.ages[again].any() and (np.delete(flock.drones.ages, again) >= 12.0).all()
    assert (np.abs(flock.tape.states[0, :3, again]) <= BRIEF.far_m).all()


def test_some_drones_fly_on_with_their_memory_when_others_start_anew() -> None:
    flock = flock_of(replace(BRIEF, decisions_max=100, lasting_share=0.25, lasting_decisions_max=1000))
    lasting = np.arange(N) < N // 4
    assert flock.drones.ages[lasting].max() > 100.0 and flock.drones.ages[~lasting].max() < 100.0
    flock.drones.ages[:] = 99.0
    flock.fly(some_weights(1), 12)
    running = flock.drones.crashes == 12
    assert not flock.drones.ages[~lasting].any() and not flock.tape.memories[0][:, ~lasting].any()
    assert running[lasting].sum() > N // 8 and (flock.drones.ages[lasting & running] == 111.0).all()
    assert flock.tape.memories[0][:, lasting & running].any(axis=0).all()


def test_crashed_drones_teach_nothing() -> None:
    flock = flock_of()
    flock.tape.states[0, 0] = 1.01 * PRICES.crash_m
    flock.fly(some_weights(6), 12)
    assert flock.crashed == N and not flock.gradient.any()


def test_every_drone_is_another_and_has_its_own_noise_gusts_and_latency() -> None:
    flock = flock_of(fleet="flown")
    drones = flock.drones
    assert all(len(np.unique(of)) == N for of in (drones.parameters[0], drones.noise[0], drones.gust_n))
    np.testing.assert_allclose(drones.delay_shares.sum(axis=0), 1.0, rtol=1e-6)
    assert drones.delay_shares.shape == (3, N) and drones.delay_shares[2].any()
    fly(flock, some_weights(1), 12, np.arange(12))
    blown = np.abs(drones.parameters[P_FORCE_X : P_FORCE_X + 3] - drones.force_n) / drones.gust_n
    assert (blown > 0.0).all() and 0.1 < blown.mean() < 1.0  # a fifth of their correlation time has gone by


def test_a_policy_that_is_told_sees_its_drones_numbers_before_its_last_action() -> None:
    learner = AnyQuadrotor(hover, load_fleet("any"), hover.STARTS, 1, BRIEF, is_told=True)
    learner.iterate()
    assert learner.layers == RecurrentLayers(22 + N_TOLD, 16, 16, 4)
    for flock in learner.flocks:
        on = flock.drones.crashes == 12
        numbers = told(flock.drones.parameters.T).T
        same = np.isclose(flock.tape.seen[5, 18 : 18 + N_TOLD], numbers, atol=1e-4).all(axis=0)
        assert same[on & (flock.drones.ages > 0)].all() and len(np.unique(numbers[0])) == N
        np.testing.assert_array_equal(flock.tape.seen[5, -4:][:, on], flock.tape.actions[flock.taps + 4][:, on])


def test_a_pool_gives_every_drone_once() -> None:
    pool = Pool(load_fleet("any"), hover.STARTS, BRIEF, np.random.default_rng(1))
    masses = np.concatenate([pool.take(50)[0].parameters[:, 0] for _ in range(6)])
    assert len(np.unique(masses)) == 300


def test_the_same_seed_gives_the_same_weights_and_another_seed_others() -> None:
    def digest(seed: int) -> str:
        learner = AnyQuadrotor(hover, load_fleet("any"), hover.STARTS, seed, BRIEF)
        for _ in range(4):
            learner.iterate()
        assert learner.updates == 4 and learner.steps == 4 * 12 * 2 * N
        return hashlib.sha256(learner.weights.tobytes()).hexdigest()

    assert digest(1) == digest(1) != digest(2)


def test_the_policy_at_the_end_is_the_mean_of_the_last_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(any_quadrotor, "MEAN_FROM", 0.5)
    monkeypatch.setattr(any_quadrotor, "MEAN_EVERY", 1)
    learner, actors = AnyQuadrotor(hover, load_fleet("any"), hover.STARTS, 1, BRIEF), []
    for _ in range(4):
        learner.iterate()
        actors.append(learner.actor.copy())
        if learner.updates == 2:
            np.testing.assert_array_equal(learner.weights, actors[1])
    np.testing.assert_allclose(learner.weights, 0.5 * (actors[2] + actors[3]), rtol=1e-6)
    assert (learner.weights != learner.actor).any()


def test_in_the_last_stage_the_policy_so_far_flies_other_drones_for_longer_in_longer_windows() -> None:
    recipe = replace(BRIEF, iterations=4, last_for=0.5)
    staged, short = (AnyQuadrotor(hover, load_fleet("any"), hover.STARTS, 1, r) for r in (recipe, BRIEF))
    for _ in range(4):
        staged.iterate(), short.iterate()
    np.testing.assert_array_equal(staged.actor, short.actor)
    first, before = staged.flocks, staged.actor.copy()
    masses = [flock.drones.parameters[0].copy() for flock in first]
    for _ in range(2):
        staged.iterate()
    assert recipe.all_iterations == staged.updates == 6
    assert staged.steps == (4 * 12 + 2 * 400) * 2 * N
    assert 0.0 < np.abs(staged.actor - before).max() < 0.1
    for flock, masses_before in zip(staged.flocks, masses, strict=True):
        assert not np.isin(flock.drones.parameters[0], masses_before).any()
        assert flock.objective.calm == 1.0 and flock.objective.discount == np.float32(0.995)
        assert flock.lives.max() == 6000 and flock.lives.min() == 400
    assert short.flocks[0].objective.calm == 0.0 and short.flocks[0].lives.max() == 400


def test_a_gradient_does_not_explode_through_the_last_action_that_a_policy_sees() -> None:
    """Decision by decision it comes back through the encoder, past the memory: here eightfold or more each time."""
    flock, weights = flock_of(replace(BRIEF, horizon=60)), some_weights(1)
    part = weight_views(weights, LAYERS)
    part["encoder"][:], part["act_seen"][:] = 0.0, 0.0
    part["encoder_bias"][:], part["act_bias"][:] = 0.0, 0.0
    for k in range(4):
        part["encoder"][k, 18 + k], part["act_seen"][k, k] = 3.0, 3.0
    part["act_recalled"][:] *= 1e-3
    flock.tape.actions[:] = 0.0
    fly(flock, weights, 60, np.arange(60))
    assert np.abs(flock.tape.d_actions).max() <= 10.0 * PRICES.action_adjoint_max


def test_the_last_centimetres_cost_more_for_some_of_the_iterations() -> None:
    recipe = Recipe(iterations=10, near=25.0, near_between=(0.5, 0.9))
    assert [recipe.objective_at(k).near for k in (0, 4, 5, 8, 9)] == [0.0, 0.0, 25.0, 25.0, 0.0]
    assert all(isinstance(value, np.float32) for value in recipe.objective_at(5))
    learner = AnyQuadrotor(
        hover, load_fleet("any"), hover.STARTS, 1, replace(BRIEF, near=25.0, near_between=(0.25, 0.5))
    )
    priced = []
    for _ in range(3):
        learner.iterate()
        priced.append([flock.objective.near for flock in learner.flocks])
    assert priced == [[0.0, 0.0], [25.0, 25.0], [0.0, 0.0]]


def test_an_early_copy_has_rates_that_fall_and_the_learner_goes_on_as_if_there_were_none() -> None:
    early, never = (
        AnyQuadrotor(
            hover, load_fleet("any"), hover.STARTS, 1, replace(BRIEF, iterations=6, early_at=share, early_for=0.5)
        )
        for share in (1 / 3, 0.0)
    )
    for k in range(1, 7):
        early.iterate(), never.iterate()
        np.testing.assert_array_equal(early.actor, never.actor)
        assert (early.early is not None) == (k == 2) and never.early is None
        if early.early is not None:
            copy = early.early
            np.testing.assert_array_equal(early.weights, copy.actor)
            assert copy.updates == 3 and copy.steps == 3 * 12 * 2 * N and (copy.actor != early.actor).any()
            before = copy.actor.copy()
            copy.optimiser.step(np.ones_like(before))
            assert np.abs(copy.actor - before).max() < 1e-6  # at the end they have fallen to nothing
    np.testing.assert_array_equal(early.weights, never.weights)
