"""The file that a set-up writes: what was found stands in it, all else as its owner had it, and each field has its effect."""

import json

import numpy as np
import pytest

from drivers.emulators.arm_wiring import ArmWiring, ServoWiring, read_wiring, write_wiring
from robot.commissioning.values import Value
from robot.robots.arm.arm_file import load_arm
from robot.robots.arm.options import ArmOptions
from robot.robots.arm.practice import PractisingArm
from robot.robots.arm.setup_arm.file import is_arm_file, of_camera, of_motors, text_of, within_range, write_arm_file
from robot.robots.arm.setup_arm.hidden_wiring import hidden_wiring
from robot.runtime.robot_file import robot_path

LOW, HIGH = [-1.88, -1.7, -1.65, -1.6, -2.7, -0.15], [1.88, 1.7, 1.62, 1.6, 2.7, 1.7]
VALUES = [
    Value("stall_n_m", 2.7, 2.6, 2.8),
    Value("friction_n_m", 0.06, 0.05, 0.07),
    Value("gain_n_m_rad", 90.0, 10.0, 170.0, "not identifiable"),
    Value("camera_x_m", 0.002, 0.001, 0.003),
    Value("camera_y_m", -0.001, -0.002, 0.0),
    Value("camera_z_m", 0.003, -0.01, 0.016, "not identifiable"),
]


def written(folder, **changes):
    tables = {"follower": {"ids": [1, 3, 2, 4, 5, 6]}, "board": {"offset_m": of_camera(VALUES)}}
    text = text_of("virtual-arm", of_motors(VALUES) | changes, tables, VALUES)
    return write_arm_file(folder / "arm.toml", text)


def test_what_is_believed_is_written_and_what_is_refused_is_a_remark(tmp_path):
    arm = written(tmp_path)
    assert arm.follower.ids == (1, 3, 2, 4, 5, 6)
    assert arm.believed == {"stall_n_m": 2.7, "friction_n_m": 0.06}
    assert arm.board.offset_m == (0.002, -0.001, 0.0)
    assert "# gain_n_m_rad: not identifiable" in (tmp_path / "arm.toml").read_text()
    assert arm.rest_rad == load_arm("virtual-arm").rest_rad


def test_a_lens_is_found_from_the_new_file_as_well(tmp_path):
    mine, new = tmp_path / "mine.toml", tmp_path / "new"
    new.mkdir()
    mine.write_text('lens = "lens.toml"\n' + robot_path("virtual-camera-arm").read_text())
    arm = write_arm_file(new / "arm.toml", text_of(str(mine), {}, {}, []))
    assert new / arm.lens == tmp_path / "lens.toml"


def test_postures_give_way_to_an_arm_s_own_range_a_little():
    arm = load_arm("virtual-arm")
    told = within_range(arm, LOW, HIGH)
    assert told["rest_rad"][2] == 1.62
    assert told["ready_rad"] == list(arm.ready_rad)
    with pytest.raises(
        ValueError, match=r"rest_rad: found 1\.63 for joint 2, allowed: what it reaches, -1\.65 to 1\.40"
    ):
        within_range(arm, LOW, [*HIGH[:2], 1.4, *HIGH[3:]])


def test_practice_starts_the_arm_that_was_set_up(tmp_path, monkeypatch):
    wiring = ArmWiring(tuple(ServoWiring(servo, home_steps=2000 + servo) for servo in (1, 3, 2, 4, 5, 6)))
    write_wiring(tmp_path / "servos.json", wiring)
    assert read_wiring(tmp_path / "servos.json") == wiring
    written(tmp_path, wiring_seed=7, wiring=str(tmp_path / "servos.json"))
    started = {}

    def start(clock, joint_rad, seed, rows, offset_m, world, camera_m, wiring, leader, turn_rad):
        started.update(rows=rows, offset_m=offset_m, wiring=wiring)

    monkeypatch.setattr("robot.robots.arm.practice.start_virtual_arm", start)
    robot = str(tmp_path / "arm.toml")
    PractisingArm(ArmOptions(robot=robot)).body.emulate()
    assert started == {
        "rows": hidden_wiring(7).rows,
        "offset_m": hidden_wiring(7).offset_m,
        "wiring": str(tmp_path / "servos.json"),
    }
    with pytest.raises(ValueError, match="--hidden-seed: found 3, allowed: with a file without wiring_seed"):
        PractisingArm(ArmOptions(robot=robot, hidden_seed=3))


@pytest.mark.parametrize(
    ("told", "words"),
    [
        ('{"servos": [{"id": 1}]}', "servos: found 1, allowed: 6"),
        (json.dumps({"servos": [{"id": servo} for servo in (1, 2, 3, 4, 5, 300)]}), "id: found 300, allowed: 0 to 252"),
        ('{"supply": 0.0}', "supply: found 0.0, allowed: above 0"),
    ],
)
def test_servos_that_cannot_be_are_refused_with_their_file(tmp_path, told, words):
    (tmp_path / "servos.json").write_text(told)
    with pytest.raises(ValueError, match=rf"servos\.json: .*{words}"):
        read_wiring(tmp_path / "servos.json")


def test_the_simulator_that_practice_begins_with_believes_what_was_measured(tmp_path, monkeypatch):
    from robot.robots.arm.training import practising

    seen = {}

    class Seen(Exception):
        pass

    def look(count, seed, rows, offset_m, undo):
        seen.update(rows)
        raise Seen

    monkeypatch.setattr(practising, "Insertions", look)
    with pytest.raises(Seen):
        practising.simulated(np.zeros(1, np.float32), (1,), 0, written(tmp_path).believed)
    assert np.abs(seen["stall_n_m"] / 2.7 - 1.0).max() <= practising.MEASURED_SHARE
    assert np.abs(seen["friction_n_m"] / 0.06 - 1.0).max() <= practising.MEASURED_SHARE


def test_arms_are_told_from_other_robots():
    assert is_arm_file("virtual-arm")
    assert not is_arm_file("virtual-car")
    assert robot_path("virtual-arm").is_file()


def test_what_cannot_be_is_refused_by_name(tmp_path):
    for change, words in (
        ({"stall_n_m": -1.0}, "stall_n_m: found -1.0, allowed: above 0"),
        ({"wiring": "/nowhere.json"}, "wiring: found '/nowhere.json'"),
        ({"wiring_seed": -1}, "wiring_seed: found -1"),
        ({"virtual": False, "wiring_seed": 1}, "allowed with virtual = true alone"),
    ):
        with pytest.raises(ValueError, match=words):
            written(tmp_path, **change)
