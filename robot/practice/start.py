"""What a session starts from: the world it believes in, the policy, the learner."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from policies.actor import actor_layers, initial_weights
from policies.policy_file import PolicyFile, load_policy
from policies.rlpd import Rlpd
from policies.rlpd_config import FROM_POLICY, FROM_SCRATCH, for_task
from robot.practice.settings import SCRATCH, SHIPPED, PracticeConfig
from robot.robots.car.belief.simulated import simulate_practice
from robot.robots.car.world import world_of
from robot.robots.robot_file import believed_car
from robot.runtime.run_folder import policy_path
from robot.tasks.race_track import task as race_track
from sim.input_files import shown, wrong

SHIPPED_POLICY = Path(__file__).parents[2] / "policies" / "shipped" / "race_track.npz"
INITIAL_STD = 0.6
START_CLEAR_M = 0.15  # half a car


def starting_policy(config: PracticeConfig) -> PolicyFile:
    """The policy to start from. Raises ValueError if it cannot be read or is made for something else."""
    if config.start_from == SCRATCH:
        layers = actor_layers(race_track.OBSERVATION_SIZE, race_track.ACTION_SIZE)
        rng = np.random.default_rng([config.seed, 0xAC7])
        return PolicyFile(initial_weights(layers, rng, INITIAL_STD), layers, {"task": "race_track"})
    path = SHIPPED_POLICY if config.start_from == SHIPPED else Path(config.start_from)
    if path.is_dir():
        path = policy_path(path)
    if not path.is_file():
        raise ValueError(
            f"--from: found '{config.start_from}', allowed: {SHIPPED}, {SCRATCH}, a run's folder or a policy file"
        )
    policy = load_policy(path, "race_track", race_track.OBSERVATION_SIZE)
    rate_hz = 1.0 / race_track.DECISION_S
    if abs(policy.metadata["rate_hz"] - rate_hz) > 1e-6 * rate_hz:
        raise wrong(path, "rate_hz", shown(policy.metadata["rate_hz"]), f"{rate_hz:g}, at which the car decides")
    return policy


def new_learner(config: PracticeConfig, policy: PolicyFile) -> Rlpd:
    """The learner as it is before its first transition; with simulated ones, if it starts from a policy on a map."""
    spec = race_track.SPEC
    sizes, mirror = (spec.observation_size, spec.action_size), spec.mirror
    scratch = config.start_from == SCRATCH
    preset = for_task(FROM_SCRATCH if scratch else FROM_POLICY, spec.action_size, spec.decision_s)
    learner = Rlpd(replace(preset, seed=config.seed), *sizes, mirror, None if scratch else policy.weights)
    if scratch:
        return learner
    if not config.mapless:
        course = world_of(config).course
        learner.add_prior(
            simulate_practice(
                course, believed_car(config.robot), learner.actor, learner.layers, config.predictive_brake, config.seed
            )
        )
    return learner
