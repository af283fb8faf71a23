"""An arm with a camera in a session: beside what every arm brings, who looks through its camera."""

from functools import partial
from pathlib import Path

import numpy as np

from robot.perception.lens import lens_beside
from robot.perception.process import PerceptionFile
from robot.robots.arm.eyes.encoder_file import FORMS
from robot.robots.arm.eyes.frame_classifier_file import read_frame_classifier
from robot.robots.arm.eyes.frame_success import SHIPPED
from robot.robots.arm.options import CLASSIFIER, ArmOptions
from robot.robots.arm.practice import PractisingArm
from robot.runtime.robot_file import robot_path


class SeeingPractisingArm(PractisingArm):
    """The arm of one session. policy: the file of the one that it begins with, beside which its encoder lies. Raises ValueError."""

    def __init__(self, options: ArmOptions, policy: Path) -> None:
        self.encoder = FORMS[options.task].beside(policy)
        super().__init__(options)
        self.lens = lens_beside(robot_path(self.options.robot), self.arm.lens)
        if self.body.emulate is not None:
            looks = options.seed if options.hidden_seed is None else options.hidden_seed
            self.body.emulate = partial(self.body.emulate, camera_seed=looks)  # type: ignore[call-arg]

    def classifier(self, told: str) -> np.ndarray:
        """One of pictures, of what this encoder tells of them."""
        return read_frame_classifier(SHIPPED if told == CLASSIFIER else Path(told), self.encoder)

    def eyes(self, folder: Path) -> PerceptionFile:
        """The camera as it is now, and the encoder, of which the run keeps a copy."""
        emulated = self.body.ports["camera"] if self.arm.virtual else None
        return PerceptionFile.of_run(folder, self.arm.camera, emulated, self.encoder, self.lens, self.options.frames)
