"""`robot run` on the virtual Crazyflie: the exported C flies through cflib and a lossy link; and what a cut link does."""

import json
import math

import numpy as np
import pytest

from drivers import crazyflie_link
from drivers.crazyflie import Crazyflie, CrazyflieSettings
from robot.cli import run as verb
from robot.clock import RealClock
from robot.flight import figures
from robot.flight.flight_log import FlightLog, read_flight
from robot.flight.mission import Mission, Phase
from robot.flight.on_board import LOGGED
from robot.flight.run_mission import pilot_for
from robot.flight.virtual_drone import true_place, virtual_drone
from robot.network_of_run import network_of_run


def test_the_policy_flies_its_points_over_a_lossy_link_and_lands(brief_run, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(figures, "STEPS", figures.STEPS[:2])
    assert verb.main([str(brief_run), "--loss", "0.02", "--json"]) == 0
    told = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert told["position_error_m"] < 0.1
    assert told["landed"] is True
    assert told["judged_by"] == "truth"
    folder = tmp_path / told["run"]
    assert json.loads((folder / "summary.json").read_text()) == told
    log, _ = read_flight(folder / "log.mcap")
    flown = log[log["policy_flies"] == 1]
    assert flown["time_s"][-1] - flown["time_s"][0] > 4.9
    assert np.linalg.norm(log["true_position_m"] - log["position_m"], axis=1).max() < 0.3
    assert log["true_position_m"][-1, 2] < 0.02


def test_a_cut_link_levels_the_drone_and_stops_it_within_two_seconds(brief_run, tmp_path, monkeypatch):
    monkeypatch.setattr(crazyflie_link, "GIVE_UP_S", 2.5)
    truths = []
    with virtual_drone(brief_run) as drone, FlightLog(tmp_path / "log.mcap") as log:
        driver = Crazyflie(CrazyflieSettings(drone.uri, extra=LOGGED), RealClock())
        driver.open()

        def watch():
            truths.append(drone.truth())
            return true_place(drone)

        def cut(phase: Phase, share: float) -> None:
            if phase == Phase.POLICY and share > 0.15 and not cuts:
                drone.fault("cut_link", on=True)
                cuts.append(drone.truth().time_s)

        cuts: list[float] = []
        pilot = pilot_for(brief_run, network_of_run(brief_run), "board")
        flown = Mission(driver, pilot, figures.HoverAtPoints(), RealClock(), log, watch, cut).fly()
        driver.close()
    assert "nothing heard" in flown.trouble
    assert not flown.landed, "nobody can tell"
    after = [(truth.time_s - cuts[0], truth) for truth in truths if truth.time_s >= cuts[0]]
    flying = [seconds for seconds, truth in after if truth.state == "FLYING"]
    level = [seconds for seconds, truth in after if truth.state == "LEVEL_OUT"]
    driven = [seconds for seconds, truth in after if truth.force > 0.0]
    assert max(flying) < 0.6
    assert min(level) > 0.4
    assert 1.8 < max(driven) < 2.1
    assert max(tilt_deg(truth) for seconds, truth in after if 0.8 < seconds < 1.9) < 3.0
    assert min(truth.z for seconds, truth in after if seconds < 1.9) > 0.3, "it does not fall before"
    assert truths[-1].z < 0.02


def tilt_deg(truth) -> float:
    """Between the drone's axis and the vertical."""
    return math.degrees(math.acos(min(1.0, 1.0 - 2.0 * (truth.q_x**2 + truth.q_y**2))))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--robot", "crazyflie", "--loss", "0.1"], "--loss: found 0.1"),
        (["--robot", "f1tenth"], r"f1tenth\.toml"),
    ],
)
def test_what_cannot_be_flown_is_refused_by_name(brief_run, arguments, words):
    with pytest.raises(ValueError, match=words):
        verb.main([str(brief_run), *arguments])


def test_a_cars_policy_is_refused():
    from robot.practice.start import SHIPPED_POLICY

    with pytest.raises(ValueError, match="field task is 'race_track', allowed: hover, track_trajectory"):
        verb.main([str(SHIPPED_POLICY)])
