"""What a session starts from: the world it believes in, the policy, the learner."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from policies.actor import actor_layers, initial_weights
from policies.policy_file import PolicyFile, load_policy
from policies.rlpd import Mirror, Rlpd
from policies.rlpd_config import FROM_POLICY, FROM_SCRATCH
from robot.config import believed_car, load_robot
from robot.demonstration.course_from_lap import load_course
from robot.practice.best_policy import policy_path
from robot.practice.session_file import COURSE_FILE
from robot.practice.settings import SCRATCH, SHIPPED, PracticeConfig
from robot.practice.simulated import simulate_practice
from robot.tasks import race_track
from sim.built_in_tracks import BUILT_IN, DEFAULT_TRACK, built_in
from sim.car import CarParameters, hidden_car, load_parameters
from sim.distance_field import OccupancyGrid, rasterise
from sim.input_files import shown, wrong
from sim.track import Course
from sim.track_map import find_course, load_map

SHIPPED_POLICY = Path(__file__).parents[2] / "policies" / "shipped" / "race_track.npz"
INITIAL_STD = 0.6


@dataclass(frozen=True)
class World:
    """Where the car drives: the walls, and the course between them."""

    grid: OccupancyGrid
    course: Course


def load_world(track: str, map_path: str) -> World:
    """A built-in track by name, or a map_server map by its YAML file. Raises ValueError for neither."""
    if map_path:
        grid = load_map(Path(map_path))
        return World(grid, find_course(grid))
    name = DEFAULT_TRACK if track == "default" else track
    if name not in BUILT_IN:
        raise ValueError(f"--track: found '{name}', allowed: {', '.join(BUILT_IN)}")
    course = built_in(name)
    return World(rasterise(course), course)


def true_car(config: PracticeConfig) -> CarParameters | None:
    """What the virtual car really is, whatever its robot's file believes; None for a real robot."""
    if not load_robot(config.robot).virtual:
        return None
    return load_parameters() if config.hidden_seed is None else hidden_car(config.hidden_seed)


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


def course_of(folder: Path, config: PracticeConfig) -> Course:
    """The course that a run drives on: the world's, or the one that its demonstration lap made."""
    if config.mapless:
        return load_course(folder / COURSE_FILE)[0]
    return load_world(config.track, config.map).course


def new_learner(config: PracticeConfig, policy: PolicyFile) -> Rlpd:
    """The learner as it is before its first transition; with simulated ones, if it starts from a policy on a map."""
    mirror = Mirror(race_track.MIRROR_COLUMNS, race_track.MIRROR_SIGN, race_track.MIRROR_ACTION_SIGN)
    sizes = (race_track.OBSERVATION_SIZE, race_track.ACTION_SIZE)
    if config.start_from == SCRATCH:
        return Rlpd(replace(FROM_SCRATCH, seed=config.seed), *sizes, mirror)
    learner = Rlpd(replace(FROM_POLICY, seed=config.seed), *sizes, mirror, policy.weights)
    if not config.mapless:
        course = load_world(config.track, config.map).course
        learner.add_prior(
            simulate_practice(
                course, believed_car(config.robot), learner.actor, learner.layers, config.predictive_brake, config.seed
            )
        )
    return learner
