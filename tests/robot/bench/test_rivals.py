"""stable-baselines3 sees our vector environment as it expects: observations, ends, and why an episode ended."""

import numpy as np
import pytest

from robot.tasks.environments import hover_vector_env

pytest.importorskip("stable_baselines3")


@pytest.mark.parametrize(("action", "out_of_time"), [(0.0, True), (1.0, False)])
def test_ends_reach_stable_baselines3(action: float, out_of_time: bool) -> None:
    from robot.bench.rivals import Sb3VecEnv

    plain, adapted = (hover_vector_env(4, decisions_max=10 if out_of_time else 500) for _ in range(2))
    environments = Sb3VecEnv(adapted)
    environments.seed(3)
    np.testing.assert_array_equal(environments.reset(), plain.reset(seed=3)[0])
    actions, ended = np.full((4, 4), action, np.float32), np.zeros(4, bool)
    while not ended.all():
        observation, reward, done, infos = environments.step(actions)
        expected = plain.step(actions)
        np.testing.assert_array_equal(observation, expected[0])
        np.testing.assert_array_equal(reward, expected[1])
        np.testing.assert_array_equal(done, expected[2] | expected[3])
        for i in range(4):
            assert bool(infos[i]) == done[i]
            if done[i]:
                np.testing.assert_array_equal(infos[i]["terminal_observation"], expected[4]["final_obs"][i])
                assert infos[i]["TimeLimit.truncated"] is out_of_time
        ended |= done
