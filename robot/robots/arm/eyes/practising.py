"""An arm with a camera in a session: beside what every arm brings, who looks through its camera."""

from functools import partial
from pathlib import Path

import numpy as np

from robot.perception.encoder_file import ENCODER_FILE
from robot.perception.lens import lens_beside
from robot.perception.process import PerceptionFile
from robot.robots.arm.eyes.encoder_file import SHIPPED_SEEING_POLICY, encoder_beside
from robot.robots.arm.eyes.frame_success import COUNT, SHIPPED
from robot.robots.arm.options import CLASSIFIER, ArmOptions
from robot.robots.arm.practice import PractisingArm
from robot.robots.arm.success import read_classifier
from robot.runtime.robot_file import robot_path


class SeeingPractisingArm(PractisingArm):
    """The arm of one session. policy: the file of the one that it begins with, beside which its encoder lies. Raises ValueError."""

    def __init__(self, options: ArmOptions, policy: Path) -> None:
        super().__init__(options)
        self.encoder = encoder_beside(policy)
        self.lens = lens_beside(robot_path(self.options.robot), self.arm.lens)
        if self.success and self.encoder != encoder_beside(SHIPPED_SEEING_POLICY):
            raise ValueError(
                f"--success: found '{options.success}' with {policy.with_name(ENCODER_FILE)}, allowed: scripted; classifiers of pictures are fitted "
                "to the encoder that comes with the project, and another one's numbers mean something else"
            )
        if self.body.emulate is not None:
            looks = options.seed if options.hidden_seed is None else options.hidden_seed
            self.body.emulate = partial(self.body.emulate, camera_seed=looks)  # type: ignore[call-arg]

    def classifier(self, told: str) -> np.ndarray:
        """One of pictures."""
        return read_classifier(SHIPPED if told == CLASSIFIER else Path(told), COUNT)

    def eyes(self, folder: Path) -> PerceptionFile:
        """The camera as it is now, and the encoder, of which the run keeps a copy."""
        emulated = self.body.ports["camera"] if self.arm.virtual else None
        return PerceptionFile.of_run(folder, self.arm.camera, emulated, self.encoder, self.lens, self.options.frames)
