"""What `robot train` is asked to do with a quadrotor."""

from dataclasses import dataclass
from typing import Literal

from robot.training.trainer import TrainConfig
from sim.quadrotor.fleets import fleet_names
from sim.quadrotor.model import FLEET


@dataclass(frozen=True)
class FlightTrainConfig(TrainConfig):
    """Train a policy that flies a quadrotor, in the simulator, in seconds: from what a drone senses to its rotors.

    `--task hover` comes to rest at a point and stays there; `--task track_trajectory` follows random smooth paths.
    Ctrl-C ends the training and keeps the best policy so far.
    """

    task: str = "hover"
    algorithm: Literal["gradient", "ppo", "td3"] = "gradient"
    """First-order gradients through the simulator, or one of its model-free rivals, which train as published: on the
    nominal drone, without latency, whatever --randomise says."""
    randomise: bool = True
    """Vary mass, thrust, inertia and motor delay by up to 20 % (5 % about each of several quadrotors); otherwise only what
    every training varies: latency from 0 to 30 ms (20 more than a drone is expected to have), and disturbances."""
    quadrotor: str = FLEET
    """`crazyflies`: the Crazyflie 2.0, 2.1, 2.1+ and Brushless, all of them with one policy. Or one alone, for a fifth of
    the time: a quadrotor of `sim/quadrotor/data`, or the path of its TOML file."""
    start: Literal["near", "thrown"] = "near"
    """`near`: within 20 cm of the goal, tilted up to 90 degrees; `thrown`: any attitude, 3 m/s, 10 rad/s, more room."""
    fleet: str = ""
    """`any`: one policy with memory that flies any quadrotor, trained on a distribution of them, none of which has a name; or
    another fleet of `sim/quadrotor/data/fleets.toml`. It is judged by distributions, and with each quadrotor by name."""
    told: bool = False
    """With --fleet: the policy is told its quadrotor's numbers, and has to be told them right. `robot evaluate --choose` shows
    what that is worth with a quadrotor of yours."""
    past_actions: int = 16
    """How many of its own decisions the policy sees: 16 make 82 inputs for hovering, 32 make 146."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.fleet:
            self.check_fleet()
        elif self.told:
            raise ValueError("--told: found it without --fleet, allowed with --fleet any")
        if not 1 <= self.past_actions <= 64:
            raise ValueError(f"--past-actions: found {self.past_actions}, allowed: 1 to 64")
        if self.start == "thrown" and self.task != "hover":
            raise ValueError(f"--start: found thrown, allowed with --task {self.task}: near")
        if self.algorithm != "gradient" and self.past_actions != 16:
            raise ValueError(
                f"--past-actions: found {self.past_actions}, allowed with --algorithm {self.algorithm}: 16"
            )
        if self.algorithm != "gradient" and self.task != "hover":
            raise ValueError(f"--algorithm: found {self.algorithm}, allowed with --task {self.task}: gradient")
        if self.algorithm != "gradient" and (self.quadrotor == FLEET or self.start == "thrown"):
            raise ValueError(f"--algorithm: found {self.algorithm}, allowed with --quadrotor {FLEET} or --start thrown: "
                             "gradient")  # fmt: skip

    def check_fleet(self) -> None:
        """Raise ValueError for a fleet that there is not, and for options that have no effect on its training."""
        names = fleet_names()
        if self.fleet not in names:
            raise ValueError(f"--fleet: found {self.fleet!r}, allowed: {', '.join(names)}")
        for name in ("algorithm", "randomise", "quadrotor", "start", "past_actions"):
            found, usual = getattr(self, name), type(self).__dataclass_fields__[name].default
            if found != usual:
                option = f"--{name.replace('_', '-')}"
                raise ValueError(f"{option}: found {found}, allowed with --fleet {self.fleet}: {usual}")
