"""The quadrotor's Gymnasium environments: they pass its checker, and show what the simulator computes."""

import warnings

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env
from gymnasium.utils.seeding import np_random
from gymnasium.vector import AutoresetMode, VectorEnv

from robot.tasks import hover
from robot.tasks.environments import hover_env, hover_vector_env
from sim.quadrotor.batch import QuadrotorBatch, SensorNoise
from sim.quadrotor.model import QuadrotorRandomisation

HOVER, TRACK = (f"robot.tasks.environments:robot/{name}-v0" for name in ("Hover", "TrackTrajectory"))
NOISY = {
    "noise": SensorNoise(), "history": 3, "decisions_max": 60, "ground_z_m": -0.6, "starts": hover.RECOVERY_STARTS,
    "randomisation": QuadrotorRandomisation(mass=0.2, latency_high_s=0.015, force_share=0.05, gust_share=0.1),
}  # fmt: skip


@pytest.mark.parametrize("name", [HOVER, TRACK])
def test_the_environment_passes_the_checker(name: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_env(gymnasium.make(name).unwrapped, skip_render_check=True)


@pytest.mark.parametrize(("name", "options"), [(HOVER, NOISY), (TRACK, {})])
def test_the_vector_environment_stays_within_its_spaces_with_noise_and_at_the_end_of_episodes(name, options) -> None:
    environments = gymnasium.make_vec(name, num_envs=20, **options)
    assert isinstance(environments, VectorEnv)
    assert environments.metadata["autoreset_mode"] is AutoresetMode.SAME_STEP
    observation, _ = environments.reset(seed=1)
    environments.action_space.seed(1)
    ended = 0
    for _ in range(150):
        assert observation in environments.observation_space
        observation, reward, terminated, truncated, info = environments.step(environments.action_space.sample())
        assert reward.shape == terminated.shape == truncated.shape == (20,)
        assert terminated.dtype == truncated.dtype == np.bool_
        if info:
            np.testing.assert_array_equal(info["_final_obs"], terminated | truncated)
            assert info["final_obs"] in environments.observation_space
            ended += terminated.sum()
    assert ended > 20


def test_the_vector_environment_shows_what_the_simulator_computes() -> None:
    environments, batch = hover_vector_env(20, **NOISY), QuadrotorBatch(hover, 20, 0, **NOISY)
    observation, _ = environments.reset(seed=4)
    batch.reset(int(np_random(4)[0].integers(2**31)))
    actions, within_a_bit = np.random.default_rng(0), {"rtol": 1e-6, "atol": 1e-6}
    for _ in range(90):
        np.testing.assert_array_equal(observation, batch.observation)
        action = actions.uniform(-1.2, 1.2, (20, 4)).astype(np.float32)
        observation, reward, terminated, truncated, info = environments.step(action)
        batch.step(action)
        np.testing.assert_array_equal(reward, batch.reward)
        np.testing.assert_array_equal(terminated + 2 * truncated, batch.end)
        if info:
            clipped = batch.last_observation.clip(
                environments.observation_space.low, environments.observation_space.high
            )
            ended = info["_final_obs"]
            np.testing.assert_allclose(info["final_obs"][ended], clipped[ended], **within_a_bit)


def test_a_vector_of_one_behaves_as_the_environment() -> None:
    one, vector = hover_env(), hover_vector_env(1)
    observation, _ = one.reset(seed=5)
    np.testing.assert_array_equal(vector.reset(seed=5)[0][0], observation)
    actions = np.random.default_rng(0)
    ended = False
    while not ended:
        action = actions.uniform(-1.0, 1.0, 4).astype(np.float32)
        observation, reward, terminated, truncated, _ = one.step(action)
        next_observation, rewards, terminations, truncations, info = vector.step(action[None])
        assert (rewards[0], terminations[0], truncations[0]) == (np.float32(reward), terminated, truncated)
        ended = terminated or truncated
        np.testing.assert_array_equal(info["final_obs"][0] if ended else next_observation[0], observation)
    assert not np.array_equal(next_observation[0], observation)


def test_what_a_step_returns_stays_until_the_second_step_after_it() -> None:
    environments, actions = hover_vector_env(4), np.zeros((4, 4), np.float32)
    environments.reset(seed=0)
    first = environments.step(actions)[0]
    kept = first.copy()
    environments.step(actions)
    np.testing.assert_array_equal(first, kept)
    assert environments.step(actions)[0] is first  # nothing new is allocated


def test_reset_without_a_seed_gives_new_starts_and_with_one_the_same() -> None:
    environment = hover_env()
    first, _ = environment.reset(seed=3)
    second, _ = environment.reset()
    again, _ = environment.reset(seed=3)
    assert not np.array_equal(first, second)
    np.testing.assert_array_equal(first, again)
