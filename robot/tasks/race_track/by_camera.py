"""Race track by a camera: the same laps, actions and pay, for a car that knows no place.

Observation, float32 (216,): of the last STACK decisions, newest first, what an encoder made of the camera's newest picture, and what the
car feels by itself. An encoder gives an embedding of EMBEDDING numbers, which mean something to policies that were trained with it alone.
"""

from dataclasses import replace

import numpy as np

from policies.fields import Field
from robot.tasks.race_track.task import OBSERVATION_SIZE
from robot.tasks.race_track.task import SPEC as BY_PLACE

EMBEDDING, STACK = 64, 3
# Beside its embedding an encoder tells how far the car could roll along arcs of these curvatures, positive to the left
PATHS_PER_M = np.array([-1.2, -0.8, -0.5, -0.25, 0.0, 0.25, 0.5, 0.8, 1.2])
SEEN_MAX_M = 5.0
SEEN = EMBEDDING + len(PATHS_PER_M)  # numbers of a picture: the embedding, and shares of SEEN_MAX_M
FELT = ("speed", "yaw_rate", "steer_command", "speed_command", "last_action", "action_before")
FELT_PLACES = np.concatenate([np.arange(OBSERVATION_SIZE)[BY_PLACE.seen[name]] for name in FELT])
FRAME_SIZE = EMBEDDING + len(FELT_PLACES)  # of one decision
WHEN = ("now", "a decision ago", "two decisions ago")


def fields_of(back: int) -> list[Field]:
    """What a decision so many before this one is seen with. An embedding has no mirror, and so the task has none."""
    felt = [field for field in BY_PLACE.observation if field.name in FELT]
    return [
        Field(f"embedding_{back}", EMBEDDING, "1", 1.0, 0.0, f"of the newest picture, {WHEN[back]}", -1.0, 1.0),
        *(replace(f, name=f"{f.name}_{back}", meaning=f"{f.meaning}; {WHEN[back]}", mirror=()) for f in felt),
    ]


SPEC = replace(
    BY_PLACE,
    name="race_track_by_camera",
    text="the same laps by a camera, without a map and without a lidar",
    observation=tuple(field for back in range(STACK) for field in fields_of(back)),
    action=tuple(replace(field, mirror=()) for field in BY_PLACE.action),
    # Taught its own course, it is worth holding to: noise and drift cost it more than is found
    improver={"actor_hidden": 128, "std_start": 0.02, "entropy_start": -7.0, "entropy_end": -8.0},
)
