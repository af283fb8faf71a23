"""A whole session on the virtual car, in lockstep: it learns, it is logged, it replays, it goes on, it is repeatable."""

import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from policies.policy_file import load_policy
from policies.replay import load_folder
from robot.logs.reader import LogReader
from robot.logs.replay import replay
from robot.logs.setups import find_setup, mind_for
from robot.practice.run import practise
from robot.practice.session import Session
from robot.practice.start import starting_policy
from robot.robots.car.options import CarOptions
from robot.robots.car.practising import PractisingCar
from robot.robots.car.records import Phase
from robot.runtime.processes import Child
from robot.runtime.run_folder import setup_path

SHORT = CarOptions(track="oval", start_from="scratch", clock="lockstep", minutes=0.25, seed=5)


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    figures = practise(SHORT, tmp_path_factory.mktemp("runs"))
    return Path(figures["run"]), figures


def test_it_ends_by_itself_and_says_what_happened(session: tuple[Path, dict[str, Any]]) -> None:
    folder, figures = session
    assert figures["failure"] == ""
    assert 15.0 < figures["demo_lap_s"] < 30.0
    assert figures["practice_minutes"] == pytest.approx(0.25, abs=0.01)
    assert figures["missed_ticks"] == 0
    assert figures["updates"] >= 4 * 110  # of 150 decisions, but for a recovery
    assert Path(figures["picture"]).stat().st_size > 20_000
    assert not list((folder / "output").glob("*Error*"))


def test_every_transition_is_on_disk_once_and_in_order(session: tuple[Path, dict[str, Any]]) -> None:
    folder, figures = session
    stored = load_folder(folder / "replay")
    np.testing.assert_array_equal(stored["step"], np.arange(figures["steps"]))
    assert stored["demonstration"][0] == 1
    assert stored["demonstration"][-1] == 0
    assert np.abs(stored["action"]).max() <= 1.0


def test_the_saved_policy_is_not_the_one_it_began_with(session: tuple[Path, dict[str, Any]]) -> None:
    folder, _ = session
    assert not np.array_equal(load_policy(folder / "policy.npz").weights, mind_for(folder, 1).actor.weights)


def test_the_log_replays_byte_for_byte(session: tuple[Path, dict[str, Any]]) -> None:
    folder, _ = session
    report = replay(folder, lambda life: mind_for(folder, life))
    assert report.first_difference is None
    assert report.ticks > 1500


def test_the_log_alone_replays_elsewhere(session: tuple[Path, dict[str, Any]], tmp_path: Path) -> None:
    folder, _ = session
    moved = tmp_path / "moved.mcap"
    moved.write_bytes((folder / "log.mcap").read_bytes())
    assert find_setup(moved, 1) == (moved, setup_path(folder, 1).read_bytes())
    assert replay(moved, lambda life: mind_for(moved, life)).equal


def test_a_changed_weight_of_the_setup_is_found(session: tuple[Path, dict[str, Any]]) -> None:
    folder, _ = session

    def with_another_weight(life: int) -> Any:
        pipeline = mind_for(folder, life)
        pipeline.actor.weights[100] += np.float32(0.01)
        return pipeline

    report = replay(folder, with_another_weight)
    assert report.first_difference is not None
    decided = LogReader(folder).outputs()
    first = decided["tick"][(decided["phase"] == Phase.PRACTISE) & (decided["is_decision"] == 1)][0]
    assert report.first_difference.tick == first


def test_the_same_seed_gives_the_same_session(session: tuple[Path, dict[str, Any]], tmp_path: Path) -> None:
    folder, _ = session
    again = Path(practise(SHORT, tmp_path)["run"])
    assert LogReader(again).outputs().tobytes() == LogReader(folder).outputs().tobytes()
    np.testing.assert_array_equal(load_policy(again / "policy.npz").weights, load_policy(folder / "policy.npz").weights)


def test_a_resumed_session_goes_on_with_memory_optimiser_and_counters(session: tuple[Path, dict[str, Any]]) -> None:
    folder, before = session
    after = practise(replace(SHORT, resume=str(folder), minutes=0.35))
    assert after["run"] == before["run"]
    assert after["practice_minutes"] == pytest.approx(0.35, abs=0.01)
    assert after["demo_lap_s"] == before["demo_lap_s"]
    assert after["updates"] > before["updates"]
    stored = load_folder(folder / "replay")
    np.testing.assert_array_equal(stored["step"], np.arange(after["steps"]))
    assert after["steps"] > before["steps"]


def test_what_ended_a_process_is_told_at_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """And not in a file alone that nobody looks into while another is started."""
    session = Session(SHORT, tmp_path, PractisingCar(SHORT), starting_policy(SHORT))
    session.shared = SimpleNamespace(control=SimpleNamespace(read=lambda: {"outputs": {"practice_s": 3.0}}))  # type: ignore[assignment]
    child = Child(
        "learner", [sys.executable, "-c", "raise FloatingPointError('the loss is nan')"], tmp_path / "words.txt"
    )
    child.start()
    assert child.process is not None and child.process.wait() == 1
    session.processes.children["learner"] = child
    session.processes.count_restart("learner")
    session._note_restart("device", -9)
    told = capsys.readouterr().err.splitlines()
    assert told == ["the learner ended (FloatingPointError: the loss is nan)", "the device ended (exit status -9)"]
    assert [restart["process"] for restart in session.progress.restarts] == ["learner", "device"]
