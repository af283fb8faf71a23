"""`robot plot` of a flight: what it takes for a flight, and that it draws what was logged."""

from pathlib import Path

import matplotlib.figure
import numpy as np
import pytest

from robot.robots.quadrotor.flight_log import FLIGHT, LOG_FILE, FlightLog, is_flight
from robot.robots.quadrotor.mission_plot import plot_flight

RECORDINGS = Path(__file__).parents[3] / "recordings"


def fly(folder: Path, true_x_m: float) -> None:
    """Log a flight of 3 s: the policy has the rotors in the middle one, and should be at the origin."""
    with FlightLog(folder / LOG_FILE) as log:
        for tick in range(150):
            record = np.zeros((), FLIGHT)
            record["tick"], record["time_s"] = tick, 0.02 * tick
            record["position_m"] = 0.1, 0.0, 0.5
            record["true_position_m"] = true_x_m, 0.0, 0.5
            record["goal_m"] = 0.0, 0.0, 0.5
            record["policy_flies"] = 50 <= tick < 100
            log.add(record)


def test_a_flight_is_told_from_a_drive(tmp_path):
    fly(tmp_path, 0.03)
    assert is_flight(tmp_path)
    assert not is_flight(RECORDINGS / "laps")
    assert not is_flight(tmp_path / "nothing")


@pytest.mark.parametrize(("true_x_m", "told"), [(0.03, "error by the truth: mean 3.0 cm"),
                                                (np.nan, "error by the estimate: mean 10.0 cm")])  # fmt: skip
def test_the_error_is_the_truths_where_there_is_one_and_only_the_policys(tmp_path, monkeypatch, true_x_m, told):
    fly(tmp_path, true_x_m)
    drawn = []
    save = matplotlib.figure.Figure.savefig
    monkeypatch.setattr(
        matplotlib.figure.Figure, "savefig", lambda self, *a, **k: (drawn.append(self), save(self, *a, **k))
    )
    assert plot_flight(tmp_path).read_bytes().startswith(b"\x89PNG")
    error = next(axes for axes in drawn[0].axes if axes.get_ylabel() == "error, cm")
    assert error.get_title() == told
    assert np.isfinite(error.lines[0].get_ydata()).sum() == 50
