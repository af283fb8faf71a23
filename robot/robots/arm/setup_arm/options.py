"""What the set-up of an arm is asked. Apart from what carries it out, which is slow to import."""

from dataclasses import dataclass
from typing import Literal

from robot.commissioning.options import SetupOptions


@dataclass(frozen=True)
class ArmSetupOptions(SetupOptions):
    """An arm is set up: ports and servos are found, IDs given, each joint's servo, direction, zero and range told by hand; then it
    weighs itself, touches its board, and its robot's file is written. What is found has the interval that holds the truth, or is
    refused by name.

    It can be left with Ctrl-C, which lays the arm down, and taken up again with --resume. The virtual arm needs nobody's hands.
    """

    robot: str = "virtual-arm"
    hidden_seed: int | None = None
    """Build the virtual arm, drawn with this seed, as owners do: servos either way, anywhere, with IDs swapped, doubled or missing."""
    clock: Literal["lockstep", "realtime"] = "lockstep"
    """Of the virtual arm."""
