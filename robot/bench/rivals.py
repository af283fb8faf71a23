"""Others' code learns to hover on our Gymnasium environments, beside our own trainer: the environments are sound.

stable-baselines3's PPO (Raffin et al., 2021) learns on the vector environment, with a recipe like that of
`robot/robots/quadrotor/training/ppo.py`; then it flies the thousand flights that `robot train --task hover` is judged by. Needs the extra
`rivals`.
"""

import json
import math
import subprocess
import sys
import time
from typing import Any

import numpy as np

from robot.robots.quadrotor.evaluation.evaluation import DISTURBED, evaluate
from robot.tasks.environments import hover_vector_env
from sim.quadrotor.batch import SensorNoise
from sim.quadrotor.environments import QuadrotorVectorEnv

try:
    from stable_baselines3 import PPO
    from stable_baselines3.common.vec_env import VecEnv
except ImportError as error:
    raise ValueError("rivals: needs stable-baselines3; pip install 'robot-practice[rivals]'") from error

ENVIRONMENTS, HORIZON, HISTORY = 128, 32, 8
STEPS = 1_500_000
SEED = 0


def run() -> dict[str, Any]:
    """Survival, position error over the last 2 s, and wall time of stable-baselines3's PPO and of our trainer."""
    model = learner(hover_vector_env(ENVIRONMENTS, noise=SensorNoise(), randomisation=DISTURBED, history=HISTORY))
    started = time.perf_counter()
    model.learn(STEPS)
    wall_s = time.perf_counter() - started
    flights = evaluate(Sb3Pilot(model), seed=SEED + 1).figures()
    return {
        "stable_baselines3_ppo": {
            "survival": flights["survival"],
            "position_error_m": flights["position_error_m"],
            "wall_s": wall_s,
            "env_steps": STEPS,
        },
        "ours": _ours(),
    }


def _ours() -> dict[str, Any]:
    command = [sys.executable, "-c", "from robot.cli import main; main()",
               "train", "--task", "hover", "--quadrotor", "crazyflie_2_0", "--seed", str(SEED), "--json"]  # fmt: skip
    result = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    figures = json.loads(result.stdout.splitlines()[-1])
    return {name: figures[name] for name in ("survival", "position_error_m", "wall_s", "env_steps")}


def learner(environments: QuadrotorVectorEnv) -> PPO:
    """PPO with a recipe like our own PPO's; stable-baselines3's defaults for what is not named."""
    return PPO(
        "MlpPolicy", Sb3VecEnv(environments), seed=SEED, device="cpu",
        n_steps=HORIZON, batch_size=ENVIRONMENTS * HORIZON // 4, n_epochs=4, learning_rate=lambda left: 2e-3 * left,
        gamma=0.98, gae_lambda=0.95, ent_coef=0.0,
        policy_kwargs={"log_std_init": math.log(0.3), "net_arch": [64, 64]},
    )  # fmt: skip


class Sb3VecEnv(VecEnv):
    """Our vector environment in the form that stable-baselines3 wants."""

    def __init__(self, environments: QuadrotorVectorEnv) -> None:
        self.environments = environments
        n = environments.num_envs
        super().__init__(n, environments.single_observation_space, environments.single_action_space)
        self._running: list[dict[str, Any]] = [{} for _ in range(n)]

    def reset(self) -> np.ndarray:
        observation, _ = self.environments.reset(seed=self._seeds[0])
        self._reset_seeds()
        return observation

    def step_async(self, actions: np.ndarray) -> None:
        self.actions = actions

    def step_wait(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, list[dict[str, Any]]]:
        observation, reward, terminated, truncated, info = self.environments.step(self.actions)
        if not info:
            return observation, reward, terminated, self._running
        ended, infos = info["_final_obs"], list(self._running)
        for i in np.flatnonzero(ended):
            infos[i] = {"terminal_observation": info["final_obs"][i], "TimeLimit.truncated": bool(truncated[i])}
        return observation, reward, ended, infos

    def close(self) -> None:
        self.environments.close()

    def get_attr(self, attr_name: str, indices: Any = None) -> list[Any]:
        return [getattr(self.environments, attr_name)] * len(list(self._get_indices(indices)))

    def set_attr(self, attr_name: str, value: Any, indices: Any = None) -> None:
        raise NotImplementedError

    def env_method(self, method_name: str, *args: Any, indices: Any = None, **kwargs: Any) -> list[Any]:
        raise NotImplementedError

    def env_is_wrapped(self, wrapper_class: type, indices: Any = None) -> list[bool]:
        return [False] * self.num_envs


class Sb3Pilot:
    """A policy of stable-baselines3's, as `robot/robots/quadrotor/evaluation/evaluation.py` flies it."""

    history = HISTORY

    def __init__(self, model: PPO) -> None:
        self.model = model

    def begin(self, n: int) -> None:
        """It keeps nothing."""

    def act(self, observation: np.ndarray, actions: np.ndarray) -> None:
        actions[:] = self.model.predict(observation.T, deterministic=True)[0].T
