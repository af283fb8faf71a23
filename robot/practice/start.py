"""What a run's learning starts from: the policy, and the learner around it."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from policies.actor import initial_weights
from policies.policy_file import PolicyFile, load_policy
from policies.rlpd import Rlpd
from policies.rlpd_config import FROM_POLICY, FROM_SCRATCH, for_task
from robot.practice.practice import Practice, find_practice
from robot.practice.reward import Pay
from robot.practice.settings import SCRATCH, SHIPPED, PracticeConfig
from robot.runtime.run_folder import policy_path
from robot.tasks import find_task
from robot.tasks.spec import TaskSpec
from sim.input_files import shown, wrong

INITIAL_STD = 0.6


def starting_policy(config: PracticeConfig) -> PolicyFile:
    """The policy to start from. Raises ValueError if it cannot be read or is made for something else."""
    spec = find_task(config.task)
    if config.start_from == SCRATCH:
        layers = spec.layers()
        rng = np.random.default_rng([config.seed, 0xAC7])
        return PolicyFile(initial_weights(layers, rng, INITIAL_STD), layers, {"task": spec.name})
    path = starting_path(config)
    policy = load_policy(path, spec.name, spec.observation_size)
    if abs(policy.metadata["rate_hz"] - spec.rate_hz) > 1e-6 * spec.rate_hz:
        raise wrong(
            path, "rate_hz", shown(policy.metadata["rate_hz"]), f"{spec.rate_hz:g}, at which decisions are made"
        )
    return policy


def starting_path(config: PracticeConfig) -> Path:
    """The file of the policy that practice begins from, where it is not from scratch. Raises ValueError if there is none."""
    spec = find_task(config.task)
    shipped = find_practice(spec.robot).shipped.get(spec.name)
    path = shipped if config.start_from == SHIPPED else Path(config.start_from)
    if path is not None and path.is_dir():
        path = policy_path(path)
    if path is None or not path.is_file():
        raise ValueError(f"--from: found '{config.start_from}', allowed: {f'{SHIPPED}, ' if shipped else ''}{SCRATCH}, a run's "
                         "folder or a policy file")  # fmt: skip
    return path


def untaught_learner(config: PracticeConfig, spec: TaskSpec, policy: PolicyFile) -> Rlpd:
    """The learner before its first transition, lived or simulated."""
    preset = for_task(FROM_SCRATCH if config.start_from == SCRATCH else FROM_POLICY, spec.action_size, spec.decision_s)
    own, weights = (spec.learner, None) if config.start_from == SCRATCH else (spec.improver, policy.weights)
    return Rlpd(replace(preset, seed=config.seed, **own), spec.observation_size, spec.action_size, spec.mirror, weights)


def new_learner(config: PracticeConfig, spec: TaskSpec, practice: Practice, policy: PolicyFile, pay: Pay) -> Rlpd:
    """The learner as it is before its first lived transition; with transitions of a simulator, if the robot brings some, paid by `pay`."""
    learner = untaught_learner(config, spec, policy)
    if config.start_from == SCRATCH:
        return learner
    prior = practice.prior(config, learner.actor, learner.layers)
    if prior is not None:
        learner.add_prior(pay(prior))
    return learner
