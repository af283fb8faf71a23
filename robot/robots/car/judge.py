"""How a policy that drives a car is judged: laps in the simulator under conditions that it did not choose, or on devices."""

from dataclasses import dataclass
from typing import Annotated, Literal

import tyro

from robot.evaluation.judge import EvaluateConfig, Judge
from robot.practice.settings import SHIPPED
from robot.runtime.joining import later

LAPS_MAX = 1000
USUAL_ROBOT = "virtual-car"


@dataclass(frozen=True)
class CarEvaluateConfig(EvaluateConfig):
    """Judge a policy that drives a car, without learning and without exploring, by its laps.

    In the simulator the policy drives alone, with the errors that an estimate has: the car of the run (or the one of
    --hidden-seed), the nominal one, and cars with other grip, delay and trim, beside the policy that comes with the project. With
    `--robot virtual-car` it drives the emulated devices, with all that drives a real car: estimate, brake, demonstration lap.
    --start, --clock and --no-predictive-brake are about devices, and mean `--robot virtual-car` where no robot is named.
    """

    run: Annotated[str, tyro.conf.Positional] = SHIPPED
    """A run's folder (its best.npz, or its policy.npz if there is none), a policy file, or `shipped`."""
    track: str = "default"
    """A built-in track (see `robot tasks`); otherwise the run's own."""
    map: str = ""
    """A ROS map_server YAML file instead of a built-in track."""
    loop: int = 0
    """Which loop of a map that has several; the terminal names them."""
    start: Annotated[tuple[float, float, float] | None, tyro.conf.arg(metavar="X Y YAW_DEG")] = None
    """Where the car stands on the map, m, m, degrees: looked at first, and verified. A virtual car is put there."""
    laps: int = 10
    clock: Literal["realtime", "lockstep"] | None = None
    """Of the virtual car: `lockstep`, the usual one, does not depend on this machine."""
    hidden_seed: int | None = None
    """Give the car a mass, grip, delay and trim that nobody is told; otherwise the run's own."""
    hidden_tyres: Literal["alike", "apart"] = "alike"
    """`apart`: front and rear tyres of the car of --hidden-seed are different ones, each with 0.6 to 1.1 of the nominal grip."""
    predictive_brake: bool = True

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.hidden_tyres == "apart" and self.hidden_seed is None:
            raise ValueError("--hidden-tyres: found 'apart', allowed: with --hidden-seed; a run's own car is as it was")
        if not 1 <= self.laps <= LAPS_MAX:
            raise ValueError(f"--laps: found {self.laps}, allowed: 1 to {LAPS_MAX}")
        if not self.robot and (self.start is not None or self.clock is not None or not self.predictive_brake):
            object.__setattr__(self, "robot", USUAL_ROBOT)


JUDGING = "robot.robots.car.judging"
JUDGE = Judge(later(JUDGING, "in_simulator"), CarEvaluateConfig, later(JUDGING, "on_devices"))
