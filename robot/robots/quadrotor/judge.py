"""How a policy that flies is judged: a thousand flights in the simulator, beside a PID and an LQR, or flights on devices."""

from dataclasses import dataclass
from pathlib import Path

from robot.evaluation.judge import EvaluateConfig, Judge
from robot.runtime.joining import later
from robot.tasks.track_trajectory import LAPS_S

EPISODES_MAX, LAP_MAX_S = 1_000_000, 600.0


@dataclass(frozen=True)
class FlightEvaluateConfig(EvaluateConfig):
    """Judge a policy that flies a quadrotor.

    In the simulator: a thousand flights of 5 s from fresh starts beside a PID and an LQR, nominal and under conditions that they
    did not choose; tables here, a heat map in the run's folder. With `--robot virtual-crazyflie` (or `crazyflie`): whole
    flights as `robot run` flies them, the policy on board, judged by what the drone did.
    """

    quadrotor: str = ""
    """A quadrotor of `sim/quadrotor/data`, or the path of its TOML file; otherwise the first that it was trained for. What it does
    in the simulator on each of the Crazyflies is shown besides."""
    episodes: int = 0
    """Flights; 0: a thousand in the simulator, one on devices."""
    lap_s: tuple[float, ...] = LAPS_S
    """In the simulator, a policy that follows paths also flies figures-of-eight in so many seconds a lap ..."""
    waypoints: str = ""
    """... or the smooth path through the points of this file, and back to the first: x y z, m, a line each."""
    choose: bool = False
    """Say which policy to take for a quadrotor (`--quadrotor`, or the one of `--robot`): RUN's, which flies any (as
    `policies/shipped/any_quadrotor.npz`); one that is told what the quadrotor's file says; or its own after half a minute of
    flight. All three fly drones that differ from the file, in the simulator."""
    video: str = ""
    """Render one flight of each in the simulator, from the same start, to this .mp4 or .gif file."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 <= self.episodes <= EPISODES_MAX:
            raise ValueError(f"--episodes: found {self.episodes}, allowed: 1 to {EPISODES_MAX}")
        if not self.lap_s or not all(0.0 < lap_s <= LAP_MAX_S for lap_s in self.lap_s):
            raise ValueError(f"--lap-s: found {self.lap_s}, allowed: more than 0, at most {LAP_MAX_S:g}")
        if self.video and Path(self.video).suffix not in (".mp4", ".gif"):
            raise ValueError(f"--video: found {self.video!r}, allowed: a name that ends in .mp4 or .gif")
        for option, given in (
            ("--lap-s", self.lap_s != LAPS_S),
            ("--waypoints", self.waypoints),
            ("--video", self.video),
        ):
            if self.robot and given:
                raise ValueError(f"{option}: found it with --robot {self.robot}, allowed in the simulator alone")
            if self.choose and given:
                raise ValueError(f"{option}: found it with --choose, allowed without")


JUDGING = "robot.robots.quadrotor.judging"
JUDGE = Judge(later(JUDGING, "in_simulator"), FlightEvaluateConfig, later(JUDGING, "on_devices"))
