"""The tasks as Gymnasium environments: `gymnasium.make("robot.tasks.environments:robot/RaceTrack-v0")`."""

import math
from collections.abc import Sequence
from typing import Any

import gymnasium
import numpy as np

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
    """The car of `robot/tasks/race_track/task.py` on courses, or on built-in tracks by name.

    | action | min | max | asks for                         |
    | ------ | --- | --- | -------------------------------- |
    | 0      | -1  | 1   | steering, -0.4189 to 0.4189 rad  |
    | 1      | -1  | 1   | speed, 0.5 to 6 m/s              |

    | observation                        | index | min  | max |
    | ---------------------------------- | ----- | ---- | --- |
    | v_x / 3 - 1                        | 0     | -3   | 3   |
    | v_y, m/s                           | 1     | -5   | 5   |
    | yaw_rate / 3                       | 2     | -8   | 8   |
    | steer_command / 0.4189             | 3     | -1   | 1   |
    | speed_command / 3 - 1              | 4     | -1   | 1   |
    | last action, the one before        | 5-8   | -1   | 1   |
    | left room, right room, m           | 9-10  | -2   | 20  |
    | 2 sin, cos of the heading error    | 11-12 | -2   | 2   |
    | ten preview points, scaled         | 13-32 | -4   | 4   |
    | left and right widths ahead, m     | 33-44 | 0    | 20  |
    | curvature ahead, 1/m               | 45-49 | -3   | 3   |

    Options are those of `sim.car.environments.CarEnv`.
    """
    return CarEnv(race_track, _courses(tracks), **options)


def race_track_vector_env(
    num_envs: int = 1, tracks: Sequence[str | Course] = (DEFAULT_TRACK,), **options: Any
) -> CarVectorEnv:
    """`num_envs` cars of `race_track_env`; each start draws one of the tracks."""
    return CarVectorEnv(race_track, _courses(tracks), num_envs, **options)


def _courses(tracks: Sequence[str | Course]) -> list[Course]:
    return [built_in(track) if isinstance(track, str) else track for track in tracks]


def hover_env(**options: Any) -> QuadrotorEnv:
    """The quadrotor of `robot/tasks/hover.py`, which has the tables of the observation and of the action.

    | observation                | bounds without noise                              |
    | -------------------------- | ------------------------------------------------- |
    | 2.5 position error, m      | +- 1.5: beyond 0.6 m the episode ends             |
    | rotation matrix            | +- 1                                              |
    | 0.7 velocity, m/s          | +- 700: at 1000 m/s the episode ends              |
    | 0.15 angular rate, rad/s   | +- 150: at 1000 rad/s the episode ends            |
    | past actions, newest first | +- 1                                              |

    Options are those of `sim.quadrotor.batch.QuadrotorBatch`; starts and the length of an episode are the task's.
    """
    return QuadrotorEnv(hover, hover.OBSERVATION_SCALE * _bound(), **_options(hover, options))


def hover_vector_env(num_envs: int = 1, **options: Any) -> QuadrotorVectorEnv:
    """`num_envs` quadrotors of `hover_env`."""
    return QuadrotorVectorEnv(hover, hover.OBSERVATION_SCALE * _bound(), num_envs, **_options(hover, options))


def track_trajectory_env(**options: Any) -> QuadrotorEnv:
    """The quadrotor of `robot/tasks/track_trajectory.py` on random paths; see there for observation and action.

    Bounds are those of `hover_env`, for errors instead of position and velocity, and +- 3.2 for the accelerations.
    """
    task = track_trajectory
    return QuadrotorEnv(task, task.OBSERVATION_SCALE * _tracking_bound(), **_options(task, options))


def track_trajectory_vector_env(num_envs: int = 1, **options: Any) -> QuadrotorVectorEnv:
    """`num_envs` quadrotors of `track_trajectory_env`, each on a path of its own."""
    task = track_trajectory
    return QuadrotorVectorEnv(task, task.OBSERVATION_SCALE * _tracking_bound(), num_envs, **_options(task, options))


def _options(task: Any, options: dict[str, Any]) -> dict[str, Any]:
    return {"starts": task.STARTS, "decisions_max": task.DECISIONS_MAX} | options


def _bound() -> np.ndarray:
    position, velocity, rate = [hover.BOX_M] * 3, [hover.SPEED_MAX_M_S] * 3, [hover.RATE_MAX_RAD_S] * 3
    return np.array([*position, *[1.0] * 9, *velocity, *rate])


def _tracking_bound() -> np.ndarray:
    task = track_trajectory
    # A sum of h sines is at most sqrt(2 h) times its root mean square; the warm-up adds speed over time.
    peak = math.sqrt(2 * int(task.RANDOM_HARMONICS))
    acceleration = peak * (task.ACCELERATION_HIGH_M_S2 + task.SPEED_HIGH_M_S / task.WARM_UP_S)
    return np.concatenate([_bound(), np.full(task.OBSERVATION_SIZE - task.ACCELERATION, acceleration)])


register()
