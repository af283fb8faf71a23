"""`robot run` on the virtual Crazyflie: the exported C flies through cflib and a lossy link; and what a cut link does."""

import json
import socket
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pytest

from drivers import crazyflie_link
from drivers.base import LinkLost
from drivers.crazyflie import CrazyflieSettings
from drivers.emulators.virtual_crazyflie import VirtualCrazyflie, VirtualCrazyflieConfig, start_virtual_crazyflie
from drivers.emulators.virtual_motion_capture import VirtualMotionCapture
from drivers.motion_capture import MotionCaptureSettings
from robot.cli import run as verb
from robot.logs.reader import LogReader
from robot.logs.replay import replay
from robot.robots.quadrotor import figures
from robot.robots.quadrotor.devices import devices_of
from robot.robots.quadrotor.drone_file import DroneFile
from robot.robots.quadrotor.flight import Flight
from robot.robots.quadrotor.flown import Flown, Phase
from robot.robots.quadrotor.mission_plot import read_flight
from robot.robots.quadrotor.run_mission import TICKS_S, run_mission, setup_of
from robot.robots.quadrotor.virtual_drone import true_place, virtual_drone
from robot.runtime.clock import RealClock


def fly(
    run: Path, drone: VirtualCrazyflie, folder: Path, show, truth=None, cameras: MotionCaptureSettings | None = None
) -> Flown:
    """A flight on a drone that is disturbed by `show`; its log is replayed."""
    clock, file = RealClock(), DroneFile(True, CrazyflieSettings(drone.uri), cameras)
    devices = devices_of(file, drone.uri, TICKS_S["board"], clock)
    flight = Flight(setup_of(run, file, "board"), devices, clock, truth, show)
    with ExitStack() as stack:
        for device in devices.values():
            stack.callback(device.close)
            device.open()
        flown = flight.fly(folder / "log.mcap")
    assert replay(folder).equal
    return flown


def test_the_policy_flies_its_points_over_a_lossy_link_and_lands(brief_run, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(figures, "STEPS", figures.STEPS[:2])
    assert verb.main([str(brief_run), "--loss", "0.02", "--json"]) == 0
    told = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert told["position_error_m"] < 0.2  # a briefly trained policy, with the vices of Lighthouse
    assert told["landed"] is True
    assert 0.05 < told["touch_down_m_s"] < 1.0
    assert told["judged_by"] == "truth"
    folder = tmp_path / told["run"]
    assert json.loads((folder / "summary.json").read_text()) == told
    log = read_flight(folder)
    flown_s = log.time_s[log.policy_flies]
    assert flown_s[-1] - flown_s[0] > 4.9
    estimate = LogReader(folder).contents(("crazyflie",)).readings["crazyflie"]["position_m"]
    assert np.nanmax(np.linalg.norm(log.position_m - estimate, axis=1)) < 0.3
    assert log.position_m[-1, 2] < 0.02
    report = replay(folder)
    assert report.equal and report.complete and report.ticks == len(estimate)


def test_a_drone_whose_link_is_cut_lands_by_itself_and_nobody_says_that_it_has(brief_run, tmp_path, monkeypatch):
    monkeypatch.setattr(crazyflie_link, "GIVE_UP_S", 4.5)
    truths = []
    with virtual_drone(brief_run) as drone:

        def watch():
            truths.append(drone.truth())
            return true_place(drone)

        def cut(phase: Phase, share: float) -> None:
            if phase == Phase.POLICY and share > 0.15 and not cuts:
                drone.fault("cut_link", on=True)
                cuts.append(drone.truth().time_s)

        cuts: list[float] = []
        flown = fly(brief_run, drone, tmp_path, cut, watch)
    assert "nothing heard" in flown.trouble
    assert flown.took_off
    assert not flown.landed, "nobody can tell"
    assert {truth.state for truth in truths if truth.time_s >= cuts[0]} <= {"FLYING", "LANDED"}, "neither level nor cut"
    assert truths[-1].z < 0.02
    assert 0.05 < truths[-1].impact_m_s < 1.0


def test_a_drone_that_is_struck_down_on_its_way_has_not_landed(brief_run, tmp_path, monkeypatch):
    monkeypatch.setattr(figures, "STEPS", figures.STEPS[:1])
    with virtual_drone(brief_run) as drone:

        def strike(phase: Phase, share: float) -> None:
            if phase == Phase.LANDING and not struck:
                drone.fault("push", x=0.0, y=0.0, z=-0.4)
                struck.append(share)

        struck: list[float] = []
        flown = fly(brief_run, drone, tmp_path, strike)
        truth = drone.truth()
    assert truth.impact_m_s > 2.0
    assert truth.z < 0.02
    assert not flown.landed
    assert "it came down" in flown.trouble or "has crashed" in flown.trouble  # whoever is the first to say so


def test_cameras_as_they_are_are_flown_with_and_markers_that_stay_swapped_end_the_flight(brief_run, tmp_path):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with (
        virtual_drone(brief_run, positioning="none") as drone,
        VirtualMotionCapture(drone, "cf1", ("127.0.0.1", port)) as cameras,
    ):
        flies_s: list[float] = []

        def swap(phase: Phase, share: float) -> None:
            if phase == Phase.POLICY:
                flies_s.append(drone.truth().time_s)
                cameras.cameras.swapped = flies_s[-1] - flies_s[0] > 4.0

        flown = fly(brief_run, drone, tmp_path, swap, None, MotionCaptureSettings("cf1", udp=f"127.0.0.1:{port}"))
        truth = drone.truth()
    assert flies_s[-1] - flies_s[0] > 4.0, "with gaps, lost frames and short swaps"
    assert "motion capture: " in flown.trouble, "no pose that can be, or, after a gap, a frozen one"
    assert truth.z < 0.02
    assert 0.05 < truth.impact_m_s < 1.0


@pytest.mark.parametrize(
    ("firmware", "words"),
    [
        ("2025.09.1", "firmware 2025.09.1 forgets the forces .* allowed: release 2025.12 or later"),
        (
            "2026.08",
            "does not log policy.active, a variable of the app: robot export --to crazyflie, build, robot flash",
        ),
    ],
)
def test_a_drone_that_a_policy_cannot_fly_is_refused_at_connection(brief_run, tmp_path, firmware, words):
    with start_virtual_crazyflie(VirtualCrazyflieConfig(firmware=firmware)) as drone:
        robot = tmp_path / "old.toml"
        robot.write_text(f'virtual = false\n[devices.crazyflie]\ndriver = "crazyflie"\nuri = "{drone.uri}"\n')
        with pytest.raises(LinkLost, match=words) as refused:
            run_mission(brief_run, str(robot), "board", 0.0, 0, {}, lambda phase, share: None, tmp_path / "runs")
    assert "\n" not in str(refused.value)
    assert not (tmp_path / "runs").exists()


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
    from robot.robots.car.practice import SHIPPED_POLICY

    with pytest.raises(ValueError, match="field task is 'race_track', allowed: hover, track_trajectory"):
        verb.main([str(SHIPPED_POLICY)])
