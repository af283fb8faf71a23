"""How stops of real sessions are judged, counted and shown; the stops themselves are made by `robot safety --stops`."""

import json
import os
import signal
import sys
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from robot.cli.safety import SafetyConfig, keep_run, main
from robot.robots.car.safety_trials import PROCESS_CAUSES, STOPS, TRIALS
from robot.runtime.left_behind import is_alive
from robot.safety.campaign.stops import lockstep_stops as lockstep_module
from robot.safety.campaign.stops import process_stops as process_module
from robot.safety.campaign.stops.causes import ENDING, GOING_ON
from robot.safety.campaign.stops.process_stops import job_on, judge
from robot.safety.campaign.stops.stop_figures import figures_of, rows_of
from robot.safety.campaign.stops.stoppable_session import PID_FILE, Options
from robot.safety.campaign.stops.stops import Stop
from robot.safety.campaign.trials import Rig, tried_robots
from robot.safety.campaign.truth import Seen

GOOD = Stop("Ctrl-C", {"track": "oval", "grip_share": 0.9}, 4.0, None, 0.2, None, True, 0)
COUNTED = STOPS.counted


def seen(
    at_s: float, driven: bool = True, speed: float = 4.0, touches: int = 0, turned: float = 0.0
) -> tuple[float, Seen]:
    return at_s, Seen(speed, driven, touches, turned)


def test_the_throttle_is_off_from_the_first_moment_at_which_nothing_drives_it():
    rows = [seen(0.9, False), seen(1.0), seen(1.05), seen(1.12, False), seen(1.2, False, 0.0)]
    told = judge(rows, 1.0)
    assert told == {"speed_m_s": 4.0, "throttle_off_ms": pytest.approx(120.0), "impact_m_s": None, "turned_rad": 0.0,
                    "emulator_late_ms": None}  # fmt: skip
    assert judge([seen(1.0), seen(2.0)], 1.0)["throttle_off_ms"] is None


def test_a_touch_is_as_hard_as_the_car_came_and_one_before_the_stop_does_not_count():
    rows = [seen(0.5, speed=6.0), seen(0.6, speed=5.0, touches=1), seen(1.0, speed=3.0, touches=1),
            seen(1.1, speed=2.5, touches=1), seen(1.2, speed=0.1, touches=2)]  # fmt: skip
    assert judge(rows, 1.0)["impact_m_s"] == pytest.approx(3.0)
    assert judge(rows[:4], 1.0)["impact_m_s"] is None


def test_a_stop_tells_how_long_the_emulated_robot_was_late_since_it_was_asked_for():
    rows = [
        (at_s, Seen(4.0, True, 0, 0.0, late_s)) for at_s, late_s in ((9.9, 3.0), (10.0, 3.1), (10.5, 3.1), (11.0, 3.48))
    ]
    assert judge(rows, 10.0)["emulator_late_ms"] == pytest.approx(380.0)
    assert judge(rows[:3], 10.0)["emulator_late_ms"] == pytest.approx(0.0)
    late = replace(GOOD, emulator_late_ms=380.0, scheduling="nice -15")
    figures = figures_of([GOOD], [GOOD, late], COUNTED)
    assert (figures["emulator_late_ms_max"], figures["emulator_scheduling"]) == (380.0, "nice -15")
    alone = figures_of([GOOD], [], COUNTED)
    assert alone["emulator_late_ms_max"] is alone["emulator_scheduling"] is None


def test_what_stands_has_not_spun():
    rows = [seen(1.0, turned=0.3), seen(1.1, False, 1.0, turned=2.0), seen(1.2, False, 0.01, turned=3.0)]
    assert judge(rows, 1.0)["turned_rad"] == 2.0


def test_figures_count_and_nothing_that_went_wrong_is_as_promised():
    assert figures_of([GOOD], [GOOD], COUNTED)["as_promised"]
    assert figures_of([GOOD], [replace(GOOD, throttle_off_ms=150.0)], COUNTED)["throttle_off_ms_max"] == 150.0
    for wrong in ({"impact_m_s": 0.4}, {"ended": False}, {"left_behind": 1}, {"turned_rad": 2.0},
                  {"throttle_off_ms": 201.0}):  # fmt: skip
        figures = figures_of([GOOD], [replace(GOOD, **wrong)], COUNTED)
        assert not figures["as_promised"], wrong
    touched = [replace(GOOD, impact_m_s=0.4)], [replace(GOOD, impact_m_s=1.5)]
    assert figures_of(*touched, COUNTED)["worst_impact_m_s"] == 1.5


def test_a_robot_counts_what_should_not_be_in_figures_of_its_own():
    spun = replace(GOOD, turned_rad=2.0)
    believed = figures_of([spun], [], COUNTED)
    assert (believed["spins"], believed["spins_at_believed_grip"], believed["as_promised"]) == (1, 1, False)
    on_ice = figures_of([replace(spun, variant={"grip_share": 0.5})], [], COUNTED)
    assert (on_ice["spins"], on_ice["spins_at_believed_grip"], on_ice["as_promised"]) == (1, 0, True)
    assert "spins_at_believed_grip" not in figures_of([spun], [], {})


def test_robots_that_nobody_could_reach_are_shown_by_themselves():
    lost = replace(GOOD, cause="motor controller's cable", impact_m_s=3.0, in_reach=False)
    figures = figures_of([], [GOOD, lost], COUNTED)
    assert (figures["stops"], figures["collisions"]) == (2, 0)
    assert (figures["out_of_reach"], figures["out_of_reach_collisions"]) == (1, 1)
    assert any("out of reach" in row and "3.00 m/s" in row for row in rows_of([], [GOOD, lost]))


def test_a_robot_that_no_session_drives_is_driven_by_a_command_in_the_terminals_foreground(tmp_path):
    wait_s = "import os, time; open('works', 'w').close(); time.sleep(60)"
    rig = Rig(SimpleNamespace(), command=(sys.executable, "-c", wait_s))
    folder = tmp_path / "run"
    with job_on(rig, lambda emulated: None, Options(str(folder), "", {}, {}, False, True, rig.command)) as job:
        assert process_module.wait((folder / "works").exists, 20.0), (folder / "terminal.txt").read_text()
        job.session_pid = int((folder / PID_FILE).read_text())
        job.before = job.processes()
        assert job.before == {"session": job.session_pid}
        job.type(b"\x03")
        assert process_module.wait(lambda: not is_alive(job.session_pid), 5.0)
    assert "KeyboardInterrupt" in (folder / "terminal.txt").read_text()


def test_which_robot_is_tried_can_be_told_by_its_name_and_real_ones_are_not():
    assert {"virtual-car": "car", "virtual-crazyflie": "quadrotor"}.items() <= tried_robots().items()
    for arguments, words in (
        (
            ["--robot", "crazyflie", "--stops", "3"],
            "--robot: found 'crazyflie', allowed: virtual-car, virtual-camera-car, virtual-crazyflie, virtual-arm",
        ),
        (
            ["--robot", "virtual-crazyflie"],
            "--stops: found 0, allowed with a quadrotor, whose faults are stops: 1 or more",
        ),
        (
            ["--robot", "virtual-car", "--task", "hover", "--stops", "3"],
            "--task: found 'hover', allowed with --robot virtual-car",
        ),
    ):
        with pytest.raises(ValueError, match=words):
            main(arguments)


def test_causes_are_told_apart_and_who_is_hurt_must_stop():
    every = [*GOING_ON, *PROCESS_CAUSES, *ENDING]
    names = {cause.name for cause in every}
    assert len(names) == len(every)
    assert {cause.name for cause in every if cause.out_of_reach} == {
        "motor controller's cable",
        "motor controller silent",
    }
    assert [cause.name for cause in every if cause.hurts and not cause.stops] == ["kill -9 both guardians"]
    assert names >= {"Ctrl-C", "Ctrl-\\", "Ctrl-Z", "hang-up", "SIGSTOP control", "kill -9 control and a guardian"}


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"stops": -1}, r"--stops: found -1, allowed: 0 or more"),
        ({"without_repairs": True}, r"--without-repairs: found without --stops"),
        ({"stops": 5, "track": "oval"}, r"--track, --kills, --from: found with --stops"),
    ],
)
def test_options_that_would_have_no_effect_are_refused(wrong, words):
    with pytest.raises(ValueError, match=words):
        SafetyConfig(**wrong)


@pytest.mark.parametrize(
    "end", [lambda: os.kill(os.getpid(), signal.SIGTERM), lambda: signal.raise_signal(signal.SIGINT)]
)
def test_what_ends_it_early_leaves_the_figures_so_far_in_the_last_line(monkeypatch, capsys, end):
    def two_stops(stops, moving_m_s, count, seed, report, verified):
        report(GOOD)
        report(replace(GOOD, impact_m_s=0.4))
        end()

    monkeypatch.setattr(lockstep_module, "lockstep_stops", two_stops)
    monkeypatch.setattr(process_module, "process_stops", lambda *_: pytest.fail("it goes on"))
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            main(["--stops", "1000", "--json"])
    finally:
        signal.signal(signal.SIGINT, before)
    figures = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (figures["stops"], figures["collisions"], figures["complete"], figures["as_promised"]) == (
        2,
        1,
        False,
        False,
    )


@pytest.mark.parametrize(
    ("told", "kept"),
    [
        ({}, 0),
        ({"impact_m_s": 0.6}, 1),
        ({"impact_m_s": 0.6, "in_reach": False}, 0),
        ({"turned_rad": 3.0}, 1),
        ({"ended": False}, 1),
    ],
)
def test_the_run_of_a_session_in_which_a_stop_went_wrong_is_kept(told, kept, monkeypatch, tmp_path, capsys):
    """Whoever looks for the cause has nothing else: the same seed brings other moments."""

    @contextmanager
    def one_session(rig, repair, options):
        Path(options.folder).mkdir()
        Path(options.folder, "log.mcap").write_bytes(b"ticks")
        yield SimpleNamespace(folder=Path(options.folder))

    good = {
        "cause": "Ctrl-C",
        "speed_m_s": 4.0,
        "impact_m_s": None,
        "turned_rad": 0.1,
        "throttle_off_ms": None,
        "ended": True,
    }
    monkeypatch.setattr(process_module, "job_on", one_session)
    monkeypatch.setattr(process_module, "stop_and_go_on", lambda *_: iter([good, good | told]))
    monkeypatch.chdir(tmp_path)
    stops = replace(STOPS, rig=lambda *_: Rig(SimpleNamespace(close=lambda: None)))
    process_module.process_stops(TRIALS, stops, "race_track", 2, 0, lambda stop: None, keep_run)
    assert [log.read_bytes() for log in tmp_path.glob("runs/safety/*/log.mcap")] == kept * [b"ticks"]
    assert ("its run is kept: runs/safety/" in "".join(capsys.readouterr())) is bool(kept)
