"""Flights along a path: how far from its set-point a policy flies, beside a PID and an LQR in the same simulator.

The classical controllers are told the path's acceleration as well as its position and velocity, and that acceleration
a little ahead of time, as their motors need it; the PID may tilt further than when it hovers. LEAD_S and PID_TILT_RAD
are what they gain most from, found by trying: without the lead, the PID loses every flight of the faster figure.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from policies.backup.cascaded_pid import CascadedPid, PidGains
from policies.backup.lqr import Lqr
from robot.robots.quadrotor.evaluation.evaluation import Conditions, Feedback, Pilot, batch_for, fly, wilson_interval
from robot.tasks import track_trajectory
from robot.tasks.track_trajectory import LAPS_S
from sim.quadrotor.model import STEP_S, QuadrotorParameters

if TYPE_CHECKING:
    from matplotlib.figure import Figure  # takes half a second to load: whoever trains needs it last

SETTLED_S = 4.0  # thrown starts and the warm-up are over; errors count from here on
JUDGED_LAPS = 2
LEAD_S = {"PID": 0.1, "LQR": 0.12}
PID_TILT_RAD = 0.8
COLOURS = {"policy": "#d1344b", "PID": "#2d6cdf", "LQR": "#1f9d6b"}


@dataclass(frozen=True)
class TrackingFlights:
    """What came of n flights along one path."""

    survived: np.ndarray  # (n,) bool
    position_error_m: np.ndarray  # (n,) mean over the judged laps
    set_points: np.ndarray  # (decisions + 1, 9) of the path: position, velocity, acceleration
    positions: np.ndarray  # (decisions + 1, kept flights, 3), m

    @property
    def survival(self) -> float:
        """Share of the flights that were flown to their end."""
        return float(self.survived.mean())

    @property
    def mean_error_m(self) -> float | None:
        """Mean position error of the flights that survived; None if none did."""
        return float(self.position_error_m[self.survived].mean()) if self.survived.any() else None

    def figures(self) -> dict[str, float | None]:
        """What tables and JSON show."""
        bound = wilson_interval(int(self.survived.sum()), len(self.survived))[0]
        return {"survival": self.survival, "survival_bound": bound, "position_error_m": self.mean_error_m}


class PathFeedback(Feedback):
    """A classical controller that is told the path's acceleration `lead_s` ahead, between those of the observation."""

    def __init__(self, make: Any, lead_s: float) -> None:
        super().__init__(make, track_trajectory)
        self.first, share = divmod(lead_s / track_trajectory.PREVIEW_S, 1.0)
        self.shares = np.array([1.0 - share, share], np.float32) / track_trajectory.ACCELERATION_SCALE

    def act(self, observation: np.ndarray, actions: np.ndarray) -> None:
        row = track_trajectory.ACCELERATION + 3 * int(self.first)
        self.acceleration[:] = self.shares[0] * observation[row : row + 3]
        self.acceleration += self.shares[1] * observation[row + 3 : row + 6]
        super().act(observation, actions)


def pilots_for(policy: Pilot, quadrotor: QuadrotorParameters) -> dict[str, Pilot]:
    """The policy and the controllers that it is compared with, by name."""
    gains = PidGains(tilt_limit_rad=PID_TILT_RAD)
    return {
        "policy": policy,
        "PID": PathFeedback(lambda n: CascadedPid(quadrotor, n, gains), LEAD_S["PID"]),
        "LQR": PathFeedback(lambda n: Lqr(quadrotor, n), LEAD_S["LQR"]),
    }


def fly_path(pilot: Pilot, path: np.ndarray, conditions: Conditions = Conditions(), seed: int = 0, episodes: int = 256,
             keep: int = 0) -> TrackingFlights:  # fmt: skip
    """Fly `episodes` flights along a path, SETTLED_S and JUDGED_LAPS long, and keep the positions of the first `keep`.

    The same arguments give the same flights.
    """
    task, lap_s = track_trajectory, 2.0 * np.pi / float(path[0])
    settled, decisions = round(SETTLED_S / STEP_S), round((SETTLED_S + JUDGED_LAPS * lap_s) / STEP_S)
    batch = batch_for(pilot, conditions, seed, episodes, task, decisions)
    batch.memory[:, -task.PATH_SIZE :] = path[:, None]  # instead of the random paths; all are at rest at the origin yet
    n = batch.n_blocks * batch.lanes
    alive, errors = np.ones(n, np.bool_), np.zeros(n)
    set_points = task.set_points(path, decisions + 1)
    positions = np.empty((decisions + 1, keep, 3), np.float32)
    positions[0] = batch.state[:keep, :3]
    for decision, _ in enumerate(fly(pilot, batch, decisions, alive), 1):
        apart = batch.state_rows[:, :3] - set_points[decision, :3, None]
        if decision > settled:
            errors += np.sqrt((apart * apart).sum(axis=1)).reshape(-1)
        if keep:
            positions[decision] = batch.state[:keep, :3]
    errors /= decisions - settled
    return TrackingFlights(alive[:episodes].copy(), errors[:episodes], set_points, positions)


def track(policy: Pilot, conditions: Conditions, seed: int, folder: Path) -> dict[str, float | None]:
    """What `robot train --task track_trajectory` reports beside the figures of random paths; draws tracking.png."""
    pilots = pilots_for(policy, conditions.quadrotor)
    save_tracking_figure(folder / "tracking.png", pilots, conditions, seed)
    return tracking_figures(pilots, conditions, seed)


def figure_name(pilot: str, figure: str, lap_s: float) -> str:
    """How a figure of a pilot's laps is called in JSON."""
    prefix = "" if pilot == "policy" else f"{pilot.lower()}_"
    return f"{prefix}{figure}_{lap_s:g}_s".replace(".", "_")


def tracking_figures(pilots: dict[str, Pilot], conditions: Conditions, seed: int, episodes: int = 256,
                     laps_s: tuple[float, ...] = LAPS_S, waypoints: np.ndarray | None = None,
                     ) -> dict[str, float | None]:  # fmt: skip
    """Mean position errors, as `robot train --json` names them: the policy's, then the others'.

    The path is the figure-of-eight, or the one through waypoints (n, 3), m, flown in each of `laps_s`.
    """
    figures: dict[str, float | None] = {}
    for lap_s in laps_s:
        if waypoints is None:
            path = track_trajectory.figure_of_eight(lap_s)
        else:
            path = track_trajectory.through_waypoints(waypoints, lap_s)
        for name, pilot in pilots.items():
            flights = fly_path(pilot, path, conditions, seed, episodes)
            figures[figure_name(name, "position_error", lap_s) + "_m"] = flights.mean_error_m
            figures[figure_name(name, "survival", lap_s)] = flights.survival
    return figures


def tracking_figure(flights: dict[float, dict[str, TrackingFlights]]) -> "Figure":
    """Path flown over path asked, and error over time, of each pilot's first kept flight: a row for each lap time."""
    import matplotlib
    from matplotlib.figure import Figure

    from robot.views.plot_style import INK, STYLE

    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(11.0, 3.6 * len(flights)), layout="constrained")
        grid = figure.subplots(len(flights), 2, squeeze=False, width_ratios=[1.0, 1.3])
        for (path_axes, error_axes), (lap_s, by_pilot) in zip(grid, flights.items(), strict=True):
            for name, flown in by_pilot.items():
                at, asked = flown.positions[:, 0], flown.set_points[:, :3]
                time_s, settled = STEP_S * np.arange(len(at)), round(SETTLED_S / STEP_S)
                if name == next(iter(by_pilot)):
                    path_axes.plot(asked[settled:, 0], asked[settled:, 1], color=INK, lw=4.0, alpha=0.25, label="asked")
                path_axes.plot(at[settled:, 0], at[settled:, 1], color=COLOURS[name], lw=1.2, label=name)
                error_cm = 100.0 * np.linalg.norm(at - asked, axis=1)
                error_axes.plot(time_s, error_cm, color=COLOURS[name], lw=1.2, label=name)
            path_axes.set(xlabel="x, m", ylabel="y, m", title=f"{lap_s:.1f} s a lap", aspect="equal")
            error_axes.set(xlabel="time, s", ylabel="position error, cm", ylim=(0.0, 40.0))
            error_axes.axvspan(0.0, SETTLED_S, color=INK, alpha=0.06, lw=0.0)
            error_axes.legend(loc="upper right", frameon=False, ncols=len(by_pilot))
        return figure


def save_tracking_figure(file: Path, pilots: dict[str, Pilot], conditions: Conditions, seed: int = 0) -> None:
    """Fly every pilot once from the same start at each of LAPS_S, and draw it."""
    flights = {
        lap_s: {
            name: fly_path(pilot, track_trajectory.figure_of_eight(lap_s), conditions, seed, 16, keep=1)
            for name, pilot in pilots.items()
        }
        for lap_s in LAPS_S
    }
    tracking_figure(flights).savefig(file, dpi=120)
