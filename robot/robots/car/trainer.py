"""How a car is trained: `robot train --task race_track`, by first-order gradients, for one track or for any."""

from dataclasses import dataclass
from typing import Annotated

import tyro

from robot.robots.car.options import BY_CAMERA
from robot.runtime.joining import later
from robot.training.trainer import TrainConfig, Trainer

FAMILY = "family"


@dataclass(frozen=True)
class CarTrainConfig(TrainConfig):
    """Train a policy in the simulator by first-order gradients, for one track or for tracks that nobody has seen."""

    task: str = "race_track"
    track: str = "default"
    """A built-in track (see `robot tasks`), or `family`: hundreds of random tracks, for a policy that drives on any."""
    map: str = ""
    """A ROS map_server YAML file instead of a built-in track; with `family`, one more track to be judged on."""
    loop: int = 0
    """Which loop of a map that has several."""
    randomise: bool = True
    """Vary the car's grip, mass, delay and trim and the errors of its estimate; otherwise the nominal car alone."""
    courses: int = 256
    """How many random tracks a family has."""
    eyes: bool = False
    """Instead, distil the policy that comes with the project into one that sees by a camera, on random tracks with random
    looks; needs the extra `torch`. Takes about ten minutes of one core. The task is then race_track_by_camera."""
    start_from: Annotated[str, tyro.conf.arg(name="from")] = ""
    """Go on from a run's folder or a policy file, instead of fresh weights."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.courses < 1:
            raise ValueError(f"--courses: found {self.courses}, allowed: 1 or more")
        if self.loop < 0 or (self.loop > 0 and not self.map):
            raise ValueError(f"--loop: found {self.loop}, allowed: 1 or more, with --map")
        if self.eyes or self.task == BY_CAMERA:  # the one means the other
            object.__setattr__(self, "task", BY_CAMERA)
            object.__setattr__(self, "eyes", True)
        if self.eyes and (self.track != "default" or self.map or self.start_from or not self.randomise):
            raise ValueError("--eyes: found with --track, --map, --from or --no-randomise, allowed: without them")


TRAINING = "robot.robots.car.training.training"
TRAINER = Trainer(
    options=CarTrainConfig,
    warm_up=later(TRAINING, "warm_up"),
    begin=later(TRAINING, "begin"),
    lines=later(TRAINING, "lines"),
    worst={"ratio": max, "ratio_low_grip": max, "crashes": max, "wall_s": max},
    merit="ratio",
)
