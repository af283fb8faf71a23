"""The campaign's drive of a car with a camera: it stops for whatever its camera does, and the drive that it was forked from goes on."""

from pathlib import Path

import pytest

pytest.importorskip("cv2")
pytest.importorskip("torch")

from policies.policy_file import save_policy
from robot.robots.car.eyes import safety_drive as subject
from robot.robots.car.eyes.safety_trials import EYES, LOCKSTEP
from robot.robots.car.eyes.seeing_driver import LAYERS
from robot.safety.campaign.stops.lockstep_stops import forked
from robot.safety.campaign.trials import find_trials, tried_robots
from robot.safety.supervisor import Mode
from robot.tasks.race_track.by_camera import SPEC
from tests.robot.robots.car.eyes.seeing_rig import always, sees_all_free


def test_a_car_with_a_camera_is_tried_with_trials_of_its_own() -> None:
    assert tried_robots()[subject.ROBOT] == "car"
    trials = find_trials("car")
    assert trials.of(subject.ROBOT) is not trials and trials.of("virtual-car") is trials
    assert set(EYES) <= set(LOCKSTEP.causes) and not any("lidar" in name for name in LOCKSTEP.causes)


def test_it_stops_for_whatever_its_camera_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "encoder.onnx").write_bytes(sees_all_free())
    save_policy(tmp_path / "policy.npz", always(0.02, 2.0), LAYERS, SPEC.name, 10.0)
    monkeypatch.setattr(subject, "SHIPPED_SEEING_POLICY", tmp_path / "policy.npz")
    folder = tmp_path / "car"
    folder.mkdir()
    drive = subject.start_seeing({"track": "oval", "hidden_seed": 3, "grip_share": 1.0}, 0, True, folder)
    while drive.time_s < 2.2:
        drive.tick()
    assert drive.practises and drive.seen().speed_m_s > 1.8
    for name, cause in subject.OF_EYES.items():
        told = forked(drive, {name: cause}, 0.0)
        assert told["ended"] and told["impact_m_s"] is None, name
        drive.tick()
        assert drive.pipeline.mode is Mode.RUN and drive.seen().speed_m_s > 1.8
    drive.close()
