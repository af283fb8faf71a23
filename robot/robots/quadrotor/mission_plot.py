"""The picture of a flight on a Crazyflie: where it flew beside where it should have been, errors, height."""

from io import BytesIO
from pathlib import Path

import numpy as np

from policies.array_file import write_bytes_atomically
from robot.robots.quadrotor.flight_log import LOG_FILE, read_flight

PICTURE = "picture.png"


def plot_flight(run: Path) -> Path:
    """Write RUN/picture.png and return its path. Raises ValueError for a log without a record."""
    from matplotlib.figure import Figure

    flight, _ = read_flight(run / LOG_FILE)
    if not len(flight):
        raise ValueError(f"{run / LOG_FILE}: found no record of a flight")
    by_truth = bool(np.isfinite(flight["true_position_m"]).all(axis=1).any())
    flown = flight["true_position_m"] if by_truth else flight["position_m"]
    policy = flight["policy_flies"] == 1
    time_s, goal = flight["time_s"], np.where(policy[:, None], flight["goal_m"], np.nan)
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
    error.set(ylabel="error, cm", title=f"error by {'the truth' if by_truth else 'the estimate'}: {mean}")
    height.plot(time_s, flown[:, 2], color="tab:blue")
    height.plot(time_s, goal[:, 2], "--", color="tab:green")
    height.set(xlabel="seconds since arming", ylabel="height, m")
    for axes in stack:
        axes.fill_between(
            time_s, 0, 1, where=policy, transform=axes.get_xaxis_transform(), color="tab:blue", alpha=0.08
        )
        axes.set_xlim(time_s[0], time_s[-1])
    data = BytesIO()
    figure.savefig(data, format="png", dpi=110)
    write_bytes_atomically(run / PICTURE, [data.getvalue()])
    return run / PICTURE
