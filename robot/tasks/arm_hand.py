"""What tasks of an arm's hand see and do alike: five joints, and steps of the end of what the hand holds."""

from policies.fields import Field, Fields

STRAIGHT_RAD = 0.0487  # of the roll, at which the SO-101's jaw opens in the arm's plane
JOINTS = (-1, 2, 3, 4, -5)  # a mirror turns what is about a vertical axis, or about the arm's own length
JOINT_FIELDS = (
    Field("pan", 1, "rad", 2.0, mirror=(-1,)),
    Field("lift", 1, "rad", 2.0, -0.2),
    Field("elbow", 1, "rad", 2.0, 0.5),
    Field("wrist", 1, "rad", 2.0, 1.0),
    Field("roll", 1, "rad", 2.0, STRAIGHT_RAD, mirror=(-1,)),
    Field("joint_speeds", 5, "rad/s", 0.5, mirror=JOINTS),
    Field("last_action", 5, "", mirror=(1, -2, 3, 4, -5)),
)


def steps(step_m: float, step_rad: float, meaning: str = "of the end, in the base's frame") -> Fields:
    """The action: how far the end, and its attitude, are to move in a decision, at most."""
    return (
        Field("step", 3, "m", 1.0 / step_m, meaning=meaning, mirror=(1, -2, 3)),
        Field("tilt_step", 1, "rad", 1.0 / step_rad, meaning="about the axis of the second joint"),
        Field("turn_step", 1, "rad", 1.0 / step_rad, meaning="about the way that the end points", mirror=(-1,)),
    )
