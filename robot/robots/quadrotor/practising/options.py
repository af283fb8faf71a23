"""What `robot practice` is asked to do with a drone."""

from dataclasses import dataclass
from typing import Literal

from robot.practice.settings import SCRATCH, PracticeConfig

SEED_MAX = 1 << 63


@dataclass(frozen=True)
class DronePracticeOptions(PracticeConfig):
    """A drone practises a figure: it flies, comes down, fits its simulator to the flight, improves its policy there in a few
    seconds, and takes it on board by radio. A policy that flies worse than the best one gives its place back.

    Ctrl-C lands the drone, then saves; `--resume RUN` goes on with the same policies and all that was flown.
    """

    task: Literal["hover", "track_trajectory"] = "hover"
    robot: str = "virtual-crazyflie"
    """A drone of `robot tasks`, or the path of its TOML file. A real one carries `robot export --to crazyflie --kernel int8`."""
    hidden_seed: int | None = None
    """The virtual drone is another one than its file says: mass +-30 %, thrust +-15 % (as far as it can carry itself), inertia and
    motor delay +-40 %, up to 30 ms late, rotors that differ by 5 %, by this seed."""
    quadrotor: str = "crazyflie_2_1"
    """Which Crazyflie it is believed to be: a name in `sim/quadrotor/data`."""
    loss: float = 0.0
    """Share of the virtual drone's packets that is lost, each way."""
    lap_s: float = 5.5
    """Of a figure-of-eight."""
    minutes: float = 3.0
    """Time of flight to practise for."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.hidden_seed is not None and not 0 <= self.hidden_seed < SEED_MAX:
            raise ValueError(f"--hidden-seed: found {self.hidden_seed}, allowed: 0 or more")
        if not 0.0 <= self.loss <= 0.2:
            raise ValueError(f"--loss: found {self.loss}, allowed: 0 to 0.2")
        if self.loss and self.clock == "lockstep":
            raise ValueError(f"--loss: found {self.loss}, allowed with --clock lockstep: 0")
        if not 2.0 <= self.lap_s <= 60.0:
            raise ValueError(f"--lap-s: found {self.lap_s}, allowed: 2 to 60")
        if self.start_from == SCRATCH:
            raise ValueError(
                f"--from: found '{SCRATCH}', allowed: shipped, a run's folder or a policy file: a drone begins in the air"
            )
        if self.gamepad:
            raise ValueError(f"--gamepad: found '{self.gamepad}', allowed: for a robot that can be driven by hand")
