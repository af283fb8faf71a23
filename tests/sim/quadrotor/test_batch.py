"""The batched simulator: the same drones as in float64, independent of their neighbours, and really vectorised."""

import math
import os
import platform
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numba import float32, njit, uint32, uint64

from robot.tasks import hover
from sim.quadrotor import kernel
from sim.quadrotor.batch import LANES, Options, QuadrotorBatch, SensorNoise, Starts, supplied_names
from sim.quadrotor.kernel import TERMINATED, TRUNCATED
from sim.quadrotor.model import QuadrotorRandomisation, load_parameters, scaled_parameters
from sim.quadrotor.reference import ReferenceQuadrotor
from sim.single_precision import OPTIONS, specialise

BRUSHED = load_parameters("crazyflie_2_1")
CALM = Starts(velocity_m_s=0.0, rate_rad_s=0.0, centred_share=1.0, rotor_speed=BRUSHED.hover_speed())
HOVER = 2.0 * BRUSHED.hover_command() - 1.0
GUSTY = {
    "randomisation": QuadrotorRandomisation(
        mass=0.2, inertia=0.1, motor_delay=0.3, battery=0.05, latency_low_s=0.005, latency_high_s=0.03,
        force_share=0.05, torque_share_m=1e-4, gust_share=0.1, gust_time_s=0.2,
    ),
    "noise": SensorNoise(), "history": 4,
}  # fmt: skip


def random_actions(n: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).uniform(-1.0, 1.0, (n, 4)).astype(np.float32)


@pytest.mark.parametrize(
    ("n", "latency_s", "substeps", "ground_z_m"), [(100, 0.0, 1, None), (1, 0.023, 2, -0.3), (1, 0.03, 2, -0.3)]
)
def test_drones_fly_as_in_float64(n: int, latency_s: float, substeps: int, ground_z_m: float | None) -> None:
    quadrotor = replace(BRUSHED, latency_s=latency_s, force_n=(0.01, 0.0, -0.02), torque_n_m=(1e-5, 0.0, 2e-5))
    batch = QuadrotorBatch(hover, n, 3, quadrotor, starts=Starts(position_m=0.05), history=4 if latency_s else 1,
                           substeps=substeps, ground_z_m=ground_z_m)  # fmt: skip
    past = batch.observation[:, 18:].reshape(n, -1, 4)
    drones = [ReferenceQuadrotor(quadrotor, s, a, ground_z_m) for s, a in zip(batch.state, past, strict=True)]
    running = np.ones(n, dtype=bool)
    for call in range(15):
        actions = random_actions(n, call)
        batch.step(actions)
        running &= batch.end == 0
        for drone, action in zip(drones, actions, strict=True):
            drone.step(action, substeps)
    expected = np.array([drone.state for drone in drones])
    error = np.abs(batch.state - expected) / (1.0 + np.abs(expected))
    assert running.mean() > 0.8
    assert error[running].max() < 2.4e-5


def test_rewards_and_ends_are_the_tasks() -> None:
    n, ends = 256, 0
    batch = QuadrotorBatch(hover, n, 5, BRUSHED)
    for call in range(60):
        before, actions = batch.state.astype(np.float64), random_actions(n, call)
        batch.step(actions)
        for k in range(n):
            if batch.end[k] == TERMINATED:
                ends += 1
                assert batch.reward[k] == 0.0
                assert 0.6 <= np.abs(batch.last_observation[k, :3]).max() / hover.POSITION_SCALE < 0.7
            else:
                paid = hover.reward.py_func(before[k], actions[k], HOVER, hover.REWARD_WEIGHTS, 0.0, before, 0, 1)
                assert batch.reward[k] == pytest.approx(paid, abs=1e-5)
        assert np.abs(batch.state[:, :3]).max() < 0.6
    assert ends > 100


def test_an_episode_out_of_time_is_truncated_and_starts_anew_with_a_past_of_its_own() -> None:
    batch = QuadrotorBatch(hover, 20, 1, BRUSHED, starts=CALM, decisions_max=3, history=4, randomisation=GUSTY["randomisation"],
                           noise=SensorNoise())  # fmt: skip
    actions = [np.full((20, 4), a, np.float32) for a in (0.4, 0.6, 0.8)]
    for action in actions:
        assert not batch.end.any()
        batch.step(action)
    assert np.all(batch.end == TRUNCATED)
    rotors = 2.0 * BRUSHED.hover_speed() - 1.0
    np.testing.assert_allclose(batch.last_observation[:, 18:].reshape(20, 4, 4)[:, :, 0], [[0.8, 0.6, 0.4, rotors]] * 20,
                               rtol=1e-5)  # fmt: skip
    np.testing.assert_allclose(batch.observation[:, 18:], rotors, rtol=1e-5)
    assert np.abs(batch.last_observation[:, 2]).min() > 0.0
    np.testing.assert_array_equal(batch.state[:, :3], 0.0)


def test_an_episode_begins_without_a_gust() -> None:
    batch = QuadrotorBatch(hover, 20, 1, BRUSHED, decisions_max=3, **GUSTY)
    gusts = batch.memory[:, int(kernel.GUST_N) : int(kernel.GUST_N) + 3]
    for _ in range(2):
        batch.step(np.zeros((20, 4), np.float32))
    assert gusts.all()
    batch.step(np.zeros((20, 4), np.float32))
    assert batch.end.all() and not gusts.any()


def test_an_episodes_last_observation_is_without_noise_and_the_next_ones_first_is_with_it() -> None:
    batch = QuadrotorBatch(hover, 20, 1, BRUSHED, decisions_max=3, **GUSTY)
    for _ in range(3):
        batch.step(np.zeros((20, 4), np.float32))
    assert batch.end.all()

    def skewed(observation: np.ndarray) -> np.ndarray:
        """How far each rotation matrix is from being one."""
        rotation = observation[:, 3:12].reshape(-1, 3, 3)
        return np.abs(rotation @ rotation.transpose(0, 2, 1) - np.eye(3)).max(axis=(1, 2))

    assert skewed(batch.last_observation).max() < 1e-5
    assert skewed(batch.observation).min() > 1e-4


def flown(seed: int, parallel: bool = False) -> bytes:
    """All that 200 drones are after 40 decisions."""
    batch = QuadrotorBatch(hover, 200, seed, BRUSHED, parallel=parallel)
    for call in range(40):
        batch.step(random_actions(200, call))
    return batch.memory.tobytes() + batch.counters.tobytes()


def test_the_same_seed_gives_the_same_bits() -> None:
    assert flown(1) == flown(1)
    assert flown(1) != flown(2)


def test_threads_change_no_bit(tmp_path: Path) -> None:
    # In a process of their own, with a cache of their own: both are compiled here and now.
    program = f"import sys; sys.path.insert(0, {str(Path(__file__).parent)!r})\n"
    program += "from test_batch import flown\nassert flown(1) == flown(1, parallel=True)"
    environment = os.environ | {"NUMBA_CACHE_DIR": str(tmp_path)}
    subprocess.run([sys.executable, "-c", program], check=True, env=environment)


def test_starts_are_spread_as_asked() -> None:
    batch = QuadrotorBatch(hover, 20_000, 6, BRUSHED)
    state = batch.state
    centred = np.all(state[:, :3] == 0.0, axis=1)
    assert centred.mean() == pytest.approx(0.1, abs=0.01)
    np.testing.assert_array_equal(state[centred, 3:7], [[1.0, 0.0, 0.0, 0.0]] * centred.sum())
    away = state[~centred]
    for columns, most in ((away[:, :3], 0.2), (state[:, 7:10], 1.0), (state[:, 10:13], 1.0)):
        assert np.abs(columns).max() <= most
        np.testing.assert_allclose(np.quantile(columns, [0.1, 0.5, 0.9]), most * np.array([-0.8, 0.0, 0.8]), atol=0.02)
    np.testing.assert_array_equal(state[:, 13:], 0.5)
    # The angle of a uniform rotation has the density 1 - cos; axes have no direction of their own.
    angle = 2.0 * np.arccos(away[:, 3])
    share = (angle - np.sin(angle)) / (math.pi / 2 - 1.0)
    np.testing.assert_allclose(np.quantile(share, [0.1, 0.5, 0.9]), [0.1, 0.5, 0.9], atol=0.015)
    np.testing.assert_allclose(away[:, 4:7].mean(axis=0), 0.0, atol=0.01)
    np.testing.assert_allclose((away[:, 4:7] ** 2).mean(axis=0), (away[:, 4:7] ** 2).mean(), rtol=0.05)


def test_drones_are_spread_as_asked() -> None:
    spread = QuadrotorRandomisation(
        mass=0.1, inertia=0.15, arm=0.05, thrust=0.2, torque_per_thrust=0.25, motor_delay=0.3, drag=0.35, battery=0.08,
        battery_sag=0.4, latency_low_s=0.0, latency_high_s=0.02, force_share=0.05, torque_share_m=1e-3,
        gust_share=0.1,
    )  # fmt: skip
    slow = replace(BRUSHED, latency_s=0.01)
    p = QuadrotorBatch(hover, 8_000, 7, slow, spread, history=4, noise=SensorNoise()).parameters.astype(np.float64)
    nominal = BRUSHED.packed()
    columns = {0: 0.1, 3: 0.2, 4: 0.05, 6: 0.25, 7: 0.15, 13: 0.3, 15: 0.35, 17: 0.08, 18: 0.4}
    factors = {column: p[:, column] / nominal[column] for column in columns}
    for column, most in columns.items():
        factor = 1.0 / factors[column] if column in (0, 7, 13) else factors[column]
        np.testing.assert_allclose(
            np.quantile(factor, [0.0, 0.5, 1.0]), [1.0 - most, 1.0, 1.0 + most], atol=0.03 * most
        )
    correlation = np.corrcoef(np.array(list(factors.values()))) - np.eye(len(columns))
    assert np.abs(correlation).max() < 0.05
    one = dict.fromkeys(("inertia", "arm", "thrust", "torque_per_thrust", "drag", "battery", "battery_sag"), 1.0)
    alike = scaled_parameters(nominal, mass=1.0, motor_delay=2.0, **one)
    assert alike[13] / alike[14] == pytest.approx(np.mean(p[:, 13] / p[:, 14]))
    weight = BRUSHED.mass_kg * 9.81
    np.testing.assert_allclose(p[:, 19:22].std(axis=0), 0.05 * weight, rtol=0.05)
    np.testing.assert_allclose(p[:, 22:25].std(axis=0), 1e-3 * weight, rtol=0.05)
    np.testing.assert_allclose(np.quantile(p[:, 25], [0.0, 0.5, 1.0]), [0.01, 0.02, 0.03], atol=0.001)


def test_sensors_are_as_noisy_as_asked_and_gusts_as_strong_and_as_long() -> None:
    n = 4_000
    batch = QuadrotorBatch(hover, n, 8, BRUSHED, decisions_max=1000, **GUSTY)
    batch.state_rows[:], batch.state_rows[:, 3] = 0.0, 1.0
    gusts = []
    for _ in range(80):  # held at the origin, so that nothing ends
        batch.state_rows[:], batch.state_rows[:, 3] = 0.0, 1.0
        batch.advance()
        gusts.append(batch.memory[:, int(kernel.GUST_N)].reshape(-1)[:n].copy())
    out = np.zeros((n, 18))
    for drone, s in zip(out, batch.state.astype(np.float64), strict=True):
        hover.observe.py_func(s, 0.0, drone, 0, 0, 1)
    deviations = np.repeat([0.001, 0.001, 0.002, 0.002], [3, 9, 3, 3]) * hover.OBSERVATION_SCALE
    noise = batch.observation[:, :18] - out
    np.testing.assert_allclose(noise.std(axis=0), deviations, rtol=0.05)
    np.testing.assert_allclose(noise.mean(axis=0) / deviations, 0.0, atol=0.06)
    assert gusts[-1].std() == pytest.approx(0.1 * BRUSHED.mass_kg * 9.81, rel=0.05)
    assert np.corrcoef(gusts[-1], gusts[-21])[0, 1] == pytest.approx(math.exp(-1.0), abs=0.06)


def test_drones_stay_finite_whatever_they_are_asked() -> None:
    batch = QuadrotorBatch(hover, 64, 9, BRUSHED)
    wild = np.float32([np.nan, np.inf, -np.inf, 1e30, -1e30, 0.0, 1.0, -1.0])
    rng = np.random.default_rng(0)
    for _ in range(100):
        batch.step(rng.choice(wild, (64, 4)))
        assert np.all(np.isfinite(batch.observation))
        assert np.all(np.isfinite(batch.reward))


def test_wrong_sizes_are_refused() -> None:
    with pytest.raises(ValueError, match="n: found 0, allowed: at least 1"):
        QuadrotorBatch(hover, 0, 1)
    with pytest.raises(ValueError, match="history: found 2, allowed: at least 3 for this latency"):
        QuadrotorBatch(hover, 2, 1, replace(BRUSHED, latency_s=0.011), history=2)


@pytest.mark.skipif(platform.machine() != "x86_64", reason="reads x86 assembly")
@pytest.mark.parametrize(
    ("part", "signature", "least"),
    [
        ("decide", (float32[::1], uint32[::1], float32[::1], uint64), 15),
        ("move", (float32[::1], float32[::1], uint64), 300),
        ("judge", (float32[::1], uint32[::1], float32[::1], uint64), 30),
        ("blur", (float32[::1], uint32[::1], float32[::1], uint64), 4),
    ],
)
def test_the_step_is_compiled_to_packed_single_precision(part: str, signature: tuple, least: int) -> None:
    """Vector instructions on eight drones (ymm) or more, and no double precision."""
    compiled = njit(**OPTIONS)(specialise(getattr(kernel, part), **supplied_names(hover, Options(noise=True), LANES)))
    compiled.compile(signature)
    assembly = compiled.inspect_asm(compiled.signatures[0])
    packed = re.findall(r"\b(?:vmulps|vaddps|vsubps|vfn?m(?:add|sub)\d+ps)\s.*%[yz]mm", assembly)
    double = re.findall(r"\b(?:vmul[sp]d|vadd[sp]d|vfn?m(?:add|sub)\d+[sp]d|vcvtss2sd)\s", assembly)
    assert len(packed) > least
    assert not double
