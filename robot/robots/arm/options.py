"""What an arm is asked for, beside what every practice is."""

from dataclasses import dataclass
from typing import Literal

from robot.practice.settings import SCRATCH, SHIPPED, From, PracticeConfig
from robot.robots.arm.eyes.seeing_arm import BY_CAMERA, LIFT_BY_CAMERA, SEEING, has_eyes

SHOWN = {
    "peg_insert": 20,
    BY_CAMERA: 20,
    "reach": 20,
    "lift": 60,
    LIFT_BY_CAMERA: 60,
    "push": 60,
}  # demonstrations, where nobody says how many
SCRIPTED, CLASSIFIER = "scripted", "classifier"  # who says whether a peg is in; any other word is a classifier's file
INSERTIONS = ("peg_insert", BY_CAMERA)
SHIPPED_FOR = (*INSERTIONS, "reach")  # tasks that a policy comes with


@dataclass(frozen=True)
class ArmOptions(PracticeConfig):
    """An arm practises a task by itself: a script shows how a few times first."""

    task: Literal["peg_insert", "peg_insert_by_camera", "reach", "lift", "lift_by_camera", "push"] = "peg_insert"
    """`peg_insert` and `lift` mean `peg_insert_by_camera` and `lift_by_camera` where the robot's file has a camera."""
    robot: str = "virtual-arm"
    start_from: From = SHIPPED
    """`shipped` (the policy that comes with the project, for peg_insert and reach; for other tasks it is `scratch`), `scratch` (none),
    or a run."""
    demonstrations: int | None = None
    """How many successes a script shows before practice from scratch begins, 20 unless told otherwise, and 60 of lift and push; their time is
    told beside that of practice."""
    resets: Literal["scripted", "learned"] = "scripted"
    """Who leads back to where an episode begins: a script, or the policy, with the script where it fails."""
    success: str = SCRIPTED
    """Who says whether the peg is in: `scripted` (how deep its end is, as the camera sees the hole), `classifier` (one of servo readings,
    or of pictures where there is a camera on the hand, which comes with the project), or the file of one that `robot train --task peg_insert --success-from RUN` wrote,
    of pictures with `--eyes`."""
    hidden_seed: int | None = None
    """Give the virtual arm friction, backlash, gain, clearance and an offset of its camera that nobody is told, drawn with this
    seed. Of an arm with a camera on its hand, what that sees and how it is mounted is drawn with it."""

    frames: Literal["none", "lossless", "lossy"] = "none"
    """Keep what an arm's camera sees in the run's folder, and how."""

    def __post_init__(self) -> None:
        super().__post_init__()
        sees = has_eyes(self.robot)
        if sees:
            object.__setattr__(self, "task", SEEING.get(self.task, self.task))
        if sees is not (self.task in SEEING.values()):
            found = "a camera" if sees else "no camera"
            raise ValueError(f"--task: found {self.task} with --robot {self.robot}, which has {found}, allowed: "
                             f"{', '.join(SEEING) if sees else 'another task, or a robot that has one'}")  # fmt: skip
        if not sees and self.frames != "none":
            raise ValueError(f"--frames: found '{self.frames}', allowed of {self.robot}, which has no camera: none")
        if self.start_from == SHIPPED and self.task not in SHIPPED_FOR:
            object.__setattr__(self, "start_from", SCRATCH)
        if not 0 <= self.shown <= 1000:
            raise ValueError(f"--demonstrations: found {self.demonstrations}, allowed: 0 to 1000")
        if self.resets == "learned" and self.task != "peg_insert":
            raise ValueError(
                f"--resets: found 'learned' with --task {self.task}, allowed: scripted; nothing leads back there"
            )
        if self.success != SCRIPTED and self.task not in INSERTIONS:
            raise ValueError(f"--success: found '{self.success}' with --task {self.task}, allowed: {SCRIPTED}")
        if self.hidden_seed is not None and self.hidden_seed < 0:
            raise ValueError(f"--hidden-seed: found {self.hidden_seed}, allowed: 0 or more")

    @property
    def shown(self) -> int:
        """Demonstrations that practice from scratch begins with."""
        return SHOWN[self.task] if self.demonstrations is None else self.demonstrations
