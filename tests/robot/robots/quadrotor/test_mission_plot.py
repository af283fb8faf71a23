"""`robot plot` of a flight: what it takes for a flight, and that it draws what was logged."""

from pathlib import Path

import matplotlib.figure
import numpy as np
import pytest

from robot.logs.mcap_file import DamagedLog, RefusedLog
from robot.logs.writer import LogWriter
from robot.robots.quadrotor.flight import TRUTH, TRUTH_TOPIC
from robot.robots.quadrotor.mission_plot import is_flight, plot_flight, read_flight
from robot.robots.quadrotor.records import records_of

RECORDINGS = Path(__file__).parents[3] / "recordings"
RECORDS = records_of("hover")


def fly(folder: Path, true_x_m: float | None = None) -> Path:
    """Log a flight of 3 s: the policy has the rotors in the middle one, and should be at the origin."""
    path = folder / "log.mcap"
    with LogWriter(path, RECORDS, 3) as log:
        for tick in range(1, 151):
            readings, outputs, truth = (
                np.zeros((), RECORDS.readings),
                np.zeros((), RECORDS.outputs),
                np.zeros((), TRUTH),
            )
            for record in (readings, outputs, truth):
                record["tick"], record["time_s"] = tick, 100.0 + 0.02 * tick
            readings["crazyflie"]["position_m"] = 0.1, 0.0, 0.5
            outputs["figures"]["goal_m"] = truth["goal_m"] = 0.0, 0.0, 0.5
            outputs["figures"]["policy_flies"] = 50 <= tick < 100
            log.add_readings(readings[None])
            log.add_outputs(outputs[None])
            if true_x_m is not None:
                truth["position_m"] = true_x_m, 0.0, 0.5
                log.add_beside(TRUTH_TOPIC, truth)
            if tick % 50 == 0:
                log.flush()
    return path


def test_a_flight_is_told_from_a_drive(tmp_path):
    fly(tmp_path)
    assert is_flight(tmp_path)
    assert not is_flight(RECORDINGS / "laps")
    assert not is_flight(tmp_path / "nothing")


@pytest.mark.parametrize(("true_x_m", "told"), [(0.03, "error by the truth: mean 3.0 cm"),
                                                (None, "error by the estimate: mean 10.0 cm")])  # fmt: skip
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


def test_a_log_without_an_end_is_read_to_its_last_chunk(tmp_path):
    path = fly(tmp_path)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    assert 0 < len(read_flight(tmp_path).time_s) < 150
    assert is_flight(tmp_path)


def test_a_damaged_or_foreign_log_is_refused(tmp_path):
    path = fly(tmp_path)
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    with pytest.raises(DamagedLog, match=r"log\.mcap"):
        read_flight(tmp_path)
    path.write_text("hello")
    with pytest.raises(RefusedLog, match=r"log\.mcap: not an MCAP file"):
        is_flight(tmp_path)


def test_a_log_without_a_tick_is_no_flight(tmp_path):
    with LogWriter(tmp_path / "log.mcap", RECORDS, 3):
        pass
    assert not is_flight(tmp_path)
    with pytest.raises(ValueError, match="found no record of a flight"):
        read_flight(tmp_path)
