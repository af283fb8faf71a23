"""The Gymnasium environments: they pass its checker, and their two forms agree."""

import warnings

import gymnasium
import numpy as np
from gymnasium.utils.env_checker import check_env
from gymnasium.vector import AutoresetMode, VectorEnv

from robot.tasks.environments import race_track_env, race_track_vector_env
from sim.car.model import Randomisation

NAME = "robot.tasks.environments:robot/RaceTrack-v0"


def test_the_environment_passes_the_checker() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_env(gymnasium.make(NAME).unwrapped, skip_render_check=True)


def test_the_vector_environment_is_one_of_gymnasium_s() -> None:
    environments = gymnasium.make_vec(NAME, num_envs=7, tracks=("oval", "bean"), randomisation=Randomisation())
    assert isinstance(environments, VectorEnv)
    observation, _ = environments.reset(seed=1)
    environments.action_space.seed(1)
    for _ in range(60):
        assert observation in environments.observation_space
        observation, reward, terminated, truncated, _ = environments.step(environments.action_space.sample())
        assert reward.shape == terminated.shape == truncated.shape == (7,)
        assert terminated.dtype == truncated.dtype == np.bool_


def test_a_vector_of_one_behaves_as_the_environment() -> None:
    one, vector = race_track_env(), race_track_vector_env(1)
    observation, _ = one.reset(seed=5)
    np.testing.assert_array_equal(vector.reset(seed=5)[0][0], observation)
    actions = np.random.default_rng(0)
    ended = False
    while not ended:
        action = actions.uniform(-1.0, 1.0, 2).astype(np.float32)
        observation, reward, terminated, truncated, _ = one.step(action)
        next_observation, rewards, terminations, truncations, info = vector.step(action[None])
        assert (rewards[0], terminations[0], truncations[0]) == (np.float32(reward), terminated, truncated)
        ended = terminated or truncated
        np.testing.assert_array_equal(info["final_obs"][0] if ended else next_observation[0], observation)
    assert vector.metadata["autoreset_mode"] is AutoresetMode.SAME_STEP
    assert info["_final_obs"][0]
    assert not np.array_equal(next_observation[0], observation)


def test_results_of_a_step_are_kept_when_the_next_one_is_taken() -> None:
    environments = race_track_vector_env(4)
    first, _ = environments.reset(seed=0)
    kept = first.copy()
    environments.step(np.zeros((4, 2), dtype=np.float32))
    np.testing.assert_array_equal(first, kept)


def test_reset_without_a_seed_gives_new_starts_and_with_one_the_same() -> None:
    environment = race_track_env()
    first, _ = environment.reset(seed=3)
    second, _ = environment.reset()
    again, _ = environment.reset(seed=3)
    assert not np.array_equal(first, second)
    np.testing.assert_array_equal(first, again)
