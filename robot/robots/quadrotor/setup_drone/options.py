"""What the set-up of a drone is asked. Apart from what carries it out, which is slow to import."""

from dataclasses import dataclass

from robot.commissioning.options import SetupOptions


@dataclass(frozen=True)
class DroneSetupOptions(SetupOptions):
    """A Crazyflie is looked at on the ground (radio, firmware, decks, battery, IMU, estimator, propellers), hops under the
    firmware's own controller, and its robot's file is written. What is found has the interval that holds the truth, or is refused
    by name.

    It can be left with Ctrl-C, which lands it, and taken up again with --resume. The virtual drone needs nobody to put it anywhere.
    """

    robot: str = "virtual-crazyflie"
    uri: str = ""
    """Where the drone is, such as radio://0/80/2M/E7E7E7E7E7, instead of what the robot's file says."""
    hidden_seed: int | None = None
    """Give the virtual drone a load, an IMU, a battery, propellers, a type and a positioning system that nobody is told."""
