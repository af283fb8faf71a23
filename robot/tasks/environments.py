"""The tasks as Gymnasium environments: `gymnasium.make("robot.tasks.environments:robot/RaceTrack-v0")`."""

from collections.abc import Sequence
from typing import Any

import gymnasium

from policies.fields import bounds
from robot.tasks import hover, track_trajectory
from robot.tasks.race_track import task as race_track
from sim.car.environments import CarEnv, CarVectorEnv
from sim.quadrotor.environments import QuadrotorEnv, QuadrotorVectorEnv
from sim.tracks.built_in_tracks import DEFAULT_TRACK, built_in
from sim.tracks.track import Course

RACE_TRACK, HOVER, TRACK_TRAJECTORY = "robot/RaceTrack-v0", "robot/Hover-v0", "robot/TrackTrajectory-v0"


def register() -> None:
    """Make the environments known to Gymnasium; importing this module does it."""
    here = "robot.tasks.environments"
    functions = {RACE_TRACK: "race_track", HOVER: "hover", TRACK_TRAJECTORY: "track_trajectory"}
    for name, function in functions.items():
        if name not in gymnasium.registry:
            gymnasium.register(name, f"{here}:{function}_env", vector_entry_point=f"{here}:{function}_vector_env")


def race_track_env(tracks: Sequence[str | Course] = (DEFAULT_TRACK,), **options: Any) -> CarEnv:
    """The car of `robot/tasks/race_track/task.py` on courses, or on built-in tracks by name. Its fields say what it sees.

    Options are those of `sim.car.environments.CarEnv`.
    """
    return CarEnv(race_track, bounds(race_track.OBSERVATION_FIELDS), _courses(tracks), **options)


def race_track_vector_env(
    num_envs: int = 1, tracks: Sequence[str | Course] = (DEFAULT_TRACK,), **options: Any
) -> CarVectorEnv:
    """`num_envs` cars of `race_track_env`; each start draws one of the tracks."""
    return CarVectorEnv(race_track, bounds(race_track.OBSERVATION_FIELDS), _courses(tracks), num_envs, **options)


def _courses(tracks: Sequence[str | Course]) -> list[Course]:
    return [built_in(track) if isinstance(track, str) else track for track in tracks]


def hover_env(**options: Any) -> QuadrotorEnv:
    """The quadrotor of `robot/tasks/hover.py`, which has the tables of the observation and of the action.

    Bounds are those of its fields, beyond which an episode ends, and what noise adds. Options are those of `sim.quadrotor.batch.QuadrotorBatch`; starts and the length of an episode are the task's.
    """
    return QuadrotorEnv(hover, bounds(hover.OBSERVATION_FIELDS)[1], **_options(hover, options))


def hover_vector_env(num_envs: int = 1, **options: Any) -> QuadrotorVectorEnv:
    """`num_envs` quadrotors of `hover_env`."""
    return QuadrotorVectorEnv(hover, bounds(hover.OBSERVATION_FIELDS)[1], num_envs, **_options(hover, options))


def track_trajectory_env(**options: Any) -> QuadrotorEnv:
    """The quadrotor of `robot/tasks/track_trajectory.py` on random paths; see there for observation and action."""
    task = track_trajectory
    return QuadrotorEnv(task, bounds(task.OBSERVATION_FIELDS)[1], **_options(task, options))


def track_trajectory_vector_env(num_envs: int = 1, **options: Any) -> QuadrotorVectorEnv:
    """`num_envs` quadrotors of `track_trajectory_env`, each on a path of its own."""
    task = track_trajectory
    return QuadrotorVectorEnv(task, bounds(task.OBSERVATION_FIELDS)[1], num_envs, **_options(task, options))


def _options(task: Any, options: dict[str, Any]) -> dict[str, Any]:
    return {"starts": task.STARTS, "decisions_max": task.DECISIONS_MAX} | options


register()
