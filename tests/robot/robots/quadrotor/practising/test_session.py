"""A drone practises: it flies better than before, goes on where it was, and all of it can be decided again."""

import json
import math
import re
import signal
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from policies.policy_file import load_policy
from robot.logs.replay import replay
from robot.practice.progress import load_progress
from robot.practice.run import practise
from robot.robots.quadrotor import figures as shapes
from robot.robots.quadrotor.flight import Flight
from robot.robots.quadrotor.practising import improving, session
from robot.robots.quadrotor.practising.options import DronePracticeOptions
from robot.robots.quadrotor.practising.progress import DroneProgress
from robot.robots.quadrotor.run_mission import LANDING_SIGNALS

SEED = 50  # a drone that the shipped policy does not hold
OPTIONS = DronePracticeOptions(clock="lockstep", hidden_seed=SEED, minutes=0.25)


@pytest.fixture(scope="module")
def few() -> Iterator[pytest.MonkeyPatch]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(improving, "ITERATIONS", 60)
        patch.setattr(improving, "JUDGED_FLIGHTS", 64)
        patch.setattr(shapes, "STEPS", np.array([[0.0, 0.0, 0.0], [0.3, 0.0, 0.0]]))
        yield patch


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory, few: pytest.MonkeyPatch) -> Path:
    """A run of two flights, the second with a policy that practice has made."""
    return Path(practise(OPTIONS, tmp_path_factory.mktemp("runs"))["run"])


def test_the_first_policy_lost_the_drone_and_the_second_does_not(run: Path) -> None:
    figures = json.loads((run / "summary.json").read_text())
    progress = load_progress(run, DroneProgress)
    first, second = progress.episodes
    assert (first["version"], first["outcome"], first["baseline"]) == (0, "taken-over", True)
    assert (second["version"], second["outcome"], second["baseline"]) == (1, "success", False)
    assert second["true_error_m"] < first["true_error_m"]
    assert all(3.0 < flight["battery_v"] < 4.2 for flight in (first, second))
    assert figures["crashes"] == 0 and figures["policy_version"] == 1 and figures["upload_packets"] < 600
    assert figures["merit_last"] == round(second["merit"], 3)


def test_its_log_is_decided_again_byte_by_byte_flight_by_flight(run: Path) -> None:
    report = replay(run)
    assert report.equal and report.complete and report.ticks > 1000


def test_it_goes_on_from_its_best_policy_and_lands_when_it_is_told_to_stop(run: Path, few: pytest.MonkeyPatch) -> None:
    before, stops, tick, made = load_progress(run, DroneProgress), [], Flight._tick, session.Stop.__init__
    versions = []

    def interrupted(flight: Flight, log: object) -> None:
        if flight.mind.mission.flies and not versions:
            versions.append(load_policy(run / "policy.npz").metadata["version"])
            stops[0](signal.SIGINT, None)
        tick(flight, log)  # type: ignore[arg-type]

    def remembered(stop: session.Stop) -> None:
        made(stop)
        stops.append(stop)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(session.Stop, "__init__", remembered)
        patch.setattr(Flight, "_tick", interrupted)
        figures = practise(replace(OPTIONS, resume=str(run), minutes=5.0))
    after = load_progress(run, DroneProgress)
    assert versions == [1] and figures["failure"] == ""
    assert len(after.episodes) == 2  # a flight that was ended says nothing of its policy
    assert after.practice_s > before.practice_s + 5.0
    assert len(list(run.glob("log*.mcap"))) == 3 and replay(run).equal


def test_it_ends_without_learning_where_the_battery_is_spent(tmp_path: Path, few: pytest.MonkeyPatch) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(DroneProgress, "battery_is_spent", property(lambda _: True))
        figures = practise(replace(OPTIONS, minutes=5.0), tmp_path)
    assert len(load_progress(Path(figures["run"]), DroneProgress).episodes) == 1
    assert figures["failure"] == "" and figures["policies_tried"] == 0


@pytest.mark.parametrize("number", LANDING_SIGNALS)
def test_whatever_ends_a_process_lands_the_flight_and_ends_the_session_however_often(number: signal.Signals) -> None:
    class Flying:
        interrupted = False

    before = signal.getsignal(number)
    with session.stopping() as stop:
        stop.flight = Flying()  # type: ignore[assignment]
        for _ in range(2):
            signal.raise_signal(number)
        assert stop.asked and stop.flight.interrupted  # type: ignore[union-attr]
    assert signal.getsignal(number) is before


def test_refused_flights_teach_nothing_and_end_the_session_with_their_reason(
    run: Path, few: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    before, learned = load_progress(run, DroneProgress), []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(shapes, "STEPS", np.array([[0.0, 0.0, 0.0], [9.0, 0.0, 0.0]]))
        patch.setattr(session.DroneSession, "learn", lambda one: learned.append(one.refused))
        figures = practise(replace(OPTIONS, resume=str(run), minutes=5.0))
    after = load_progress(run, DroneProgress)
    assert "no room to fly" in figures["failure"]
    assert after.refused == before.refused + session.REFUSED_MAX
    assert not learned and after.updates == before.updates and after.versions == before.versions
    assert capsys.readouterr().err.count("no flight: no room") == session.REFUSED_MAX


@pytest.mark.parametrize(("lap_s", "tilt_deg"), [(60.0, 35.0), (5.5, 35.0), (3.5, 52.9), (2.0, 60.0)])
def test_a_fast_path_may_tilt_the_drone_as_far_as_it_has_to_and_a_little_more(lap_s: float, tilt_deg: float) -> None:
    limits = session.limits_for(replace(OPTIONS, task="track_trajectory", lap_s=lap_s))
    assert limits == session.LIMITS | {"policy.tiltDeg": pytest.approx(tilt_deg, abs=0.5)}
    assert session.limits_for(OPTIONS) == session.LIMITS


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"hidden_seed": -1}, "--hidden-seed: found -1"),
        ({"loss": 0.5}, "--loss: found 0.5"),
        ({"clock": "lockstep", "loss": 0.1}, "--loss: found 0.1, allowed with --clock lockstep: 0"),
        ({"start_from": "scratch"}, "--from: found 'scratch'"),
        ({"start_from": "nowhere"}, "nowhere: no such policy file"),
        ({"task": "track_trajectory"}, "task: found 'hover', allowed: 'track_trajectory'"),
        ({"lap_s": math.nan}, "--lap-s: found nan"),
        ({"quadrotor": "kite"}, "quadrotor: found 'kite'"),
        ({"robot": "crazyflie", "hidden_seed": 3}, "--hidden-seed: found 3, allowed: with a virtual drone"),
    ],
)
def test_what_does_not_fit_is_refused_in_a_line(options: dict[str, Any], said: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=re.escape(said)):
        practise(DronePracticeOptions(**options), tmp_path)


def test_a_run_whose_samples_are_damaged_is_refused_by_name(run: Path) -> None:
    path = sorted((run / "samples").glob("*.npz"))[0]
    whole = path.read_bytes()
    path.write_bytes(whole[:-30])
    with pytest.raises(ValueError, match=r"flight-0001\.npz"):
        practise(replace(OPTIONS, resume=str(run), minutes=30.0))
    path.write_bytes(whole)
