"""The Gymnasium environment in which a quadrotor follows random paths."""

import gymnasium
import numpy as np
from gymnasium.utils.env_checker import check_env

from sim.quadrotor.batch import SensorNoise

NAME = "robot.tasks.environments:robot/TrackTrajectory-v0"


def test_the_environment_passes_the_checker():
    check_env(gymnasium.make(NAME).unwrapped, skip_render_check=True)


def test_every_drone_of_a_vector_has_a_path_of_its_own():
    environments = gymnasium.make_vec(NAME, num_envs=16, history=8, noise=SensorNoise())
    observation, _ = environments.reset(seed=0)
    assert observation in environments.observation_space
    assert len(np.unique(observation[:, 18])) == 16
