"""The joints of an SO-101 and of its leader, for a person who turns them by hand: where the low end of each is, and where the high one."""

from dataclasses import dataclass, replace

from sim.arm.parameters import so101


@dataclass(frozen=True)
class Joint:
    """low, high: in words. range_rad: as its makers tell them, from the joint's zero. alike: whether that of all arms is about the same.
    arm: whose it is, in words."""

    name: str
    low: str
    high: str
    range_rad: tuple[float, float]
    alike: bool = True
    arm: str = "arm"

    @property
    def whole_rad(self) -> float:
        return self.range_rad[1] - self.range_rad[0]


WORDS = (
    ("shoulder_pan", "Turn the base to the arm's own left", "Turn the base to the arm's own right"),
    ("shoulder_lift", "Lean the upper arm back", "Lean the upper arm forward and down"),
    ("elbow_flex", "Stretch the elbow: the forearm up", "Bend the elbow: the forearm down, towards the upper arm"),
    ("wrist_flex", "Bend the hand up", "Bend the hand down"),
    ("wrist_roll", "Turn the hand clockwise, as seen from the forearm", "Turn the hand anticlockwise, as seen from the forearm"),
    ("gripper", "Close the gripper", "Open the gripper"),
)  # fmt: skip
JOINTS = tuple(Joint(*words, link.range_rad) for words, link in zip(WORDS, so101().file.links, strict=True))
NAMES = tuple(joint.name for joint in JOINTS)
LEADER, LEADER_MOUNTING = "leader", "leader_mounting"  # the latter: the step that finds how it is mounted
TRIGGER = Joint("trigger", "Squeeze the trigger", "Let go of the trigger", (0.0, 1.5), alike=False)
LEADER_JOINTS = tuple(replace(joint, name=f"{LEADER}_{joint.name}", arm=LEADER) for joint in (*JOINTS[:-1], TRIGGER))
