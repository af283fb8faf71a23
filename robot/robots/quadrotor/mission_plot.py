"""The picture of a flight on a Crazyflie: where it flew beside where it should have been, errors, height."""

from io import BytesIO
from pathlib import Path
from typing import NamedTuple

import numpy as np

from policies.array_file import write_bytes_atomically
from robot.logs.reader import LogReader, read_beside
from robot.robots.quadrotor.flight import LOG_FILE, TRUTH, TRUTH_TOPIC
from robot.views.say import NO_END, say

PICTURE = "picture.png"


class FlightRecord(NamedTuple):
    """A flight as its log has it, a row a tick: position_m is the truth's where there is one, NaN in ticks without."""

    time_s: np.ndarray  # (n,), since the first tick
    phase: np.ndarray  # (n,)
    position_m: np.ndarray  # (n, 3)
    set_point_m: np.ndarray  # (n, 3), NaN where none was sent
    goal_m: np.ndarray  # (n, 3), NaN while unjudged
    policy_flies: np.ndarray  # (n,) bool
    by_truth: bool


def is_flight(run: Path) -> bool:
    """Whether a run's folder has the log of a flight, and not of practice. Raises ValueError as `LogReader`."""
    if not (run / LOG_FILE).is_file():
        return False
    for batch in LogReader(run).batches():
        if len(batch.readings):
            return "crazyflie" in (batch.readings.dtype.names or ())
    return False


def read_flight(run: Path) -> FlightRecord:
    """The flight in a run's folder. Raises ValueError for a log without one, and as `LogReader`."""
    log = LogReader(run).contents(("tick", "time_s", "crazyflie"))
    if not len(log.readings) or not len(log.outputs):
        raise ValueError(f"{run / LOG_FILE}: found no record of a flight")
    if not log.complete:
        say(NO_END.format(run))
    _, here, there = np.intersect1d(log.readings["tick"], log.outputs["tick"], return_indices=True)
    readings, outputs = log.readings[here], log.outputs[there]
    figures = outputs["figures"]
    position_m, goal_m = readings["crazyflie"]["position_m"], figures["goal_m"].copy()
    truth = read_beside(run / LOG_FILE, TRUTH_TOPIC, TRUTH)
    if len(truth):
        position_m, goal_m = np.full(position_m.shape, np.nan), np.full(goal_m.shape, np.nan)
        _, told, ticks = np.intersect1d(truth["tick"], readings["tick"], return_indices=True)
        position_m[ticks], goal_m[ticks] = truth["position_m"][told], truth["goal_m"][told]
    return FlightRecord(
        readings["time_s"] - readings["time_s"][0], outputs["phase"], position_m, figures["set_point_m"], goal_m,
        figures["policy_flies"] == 1, bool(len(truth)),
    )  # fmt: skip


def plot_flight(run: Path) -> Path:
    """Write RUN/picture.png and return its path. Raises ValueError for a log without a record."""
    from matplotlib.figure import Figure

    flight = read_flight(run)
    flown, policy = flight.position_m, flight.policy_flies
    time_s, goal = flight.time_s, np.where(policy[:, None], flight.goal_m, np.nan)
    error_cm = 100.0 * np.linalg.norm(flown - goal, axis=1)

    figure = Figure(figsize=(11, 5.5), layout="constrained")
    above, *stack = figure.subplot_mosaic([["above", "error"], ["above", "height"]], width_ratios=[1.0, 1.2]).values()
    above.plot(flown[:, 0], flown[:, 1], color="0.8", lw=1, label="take-off and landing")
    above.plot(goal[:, 0], goal[:, 1], "--", color="tab:green", label="where it should be")
    shown = np.where(policy[:, None], flown, np.nan)
    above.plot(shown[:, 0], shown[:, 1], color="tab:blue", lw=1, label="the policy flies")
    above.set(xlabel="x, m", ylabel="y, m", title="from above")
    above.axis("equal")
    above.legend(loc="upper right", fontsize=8)
    error, height = stack
    error.plot(time_s, error_cm, color="tab:orange")
    mean = f"mean {np.nanmean(error_cm):.1f} cm" if np.isfinite(error_cm).any() else "the policy never flew"
    error.set(ylabel="error, cm", title=f"error by {'the truth' if flight.by_truth else 'the estimate'}: {mean}")
    height.plot(time_s, flown[:, 2], color="tab:blue")
    height.plot(time_s, goal[:, 2], "--", color="tab:green")
    height.set(xlabel="seconds", ylabel="height, m")
    for axes in stack:
        axes.fill_between(
            time_s, 0, 1, where=policy, transform=axes.get_xaxis_transform(), color="tab:blue", alpha=0.08
        )
        axes.set_xlim(time_s[0], time_s[-1])
    data = BytesIO()
    figure.savefig(data, format="png", dpi=110)
    write_bytes_atomically(run / PICTURE, [data.getvalue()])
    return run / PICTURE
