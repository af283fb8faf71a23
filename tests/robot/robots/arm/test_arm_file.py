"""An arm's file: what it may say, and what is refused by name."""

from pathlib import Path

import pytest

from robot.robots.arm.arm_file import load_arm
from robot.runtime.robot_file import robot_path

TEXT = robot_path("virtual-arm").read_text()


def written(folder: Path, text: str) -> str:
    path = folder / "arm.toml"
    path.write_text(text)
    return str(path)


def test_the_virtual_arm():
    arm = load_arm("virtual-arm")
    assert arm.virtual and arm.follower.ids == (1, 2, 3, 4, 5, 6)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            ("virtual = true", "virtual = true\nrest_rad = [0.0, -1.8, 0.0, 0.0, 0.0]"),
            "rest_rad: found -1.8 for joint 1",
        ),
        (
            ("virtual = true", "virtual = true\nready_rad = [0.0, nan, 0.0, 0.0, 0.0]"),
            "ready_rad: found nan for joint 1",
        ),
        (("virtual = true", "virtual = true\nhold_rad = 2.0"), "hold_rad: found 2.0"),
        (("virtual = true", "virtual = true\nbox_low_m = [0.5, 0.0, 0.0]"), "box_low_m, box_high_m: found 0.5"),
        (("virtual = true", "virtual = true\nspeed = 1.0"), "speed"),
        (("virtual = true", "virtual = true\ncamera_m = 0.1"), "camera_m: found 0.1, allowed: 0 to 0.02"),
        (("virtual = true", "virtual = false\ncamera_m = 0.003"), "camera_m: found 0.003, allowed: with a virtual arm"),
        (
            ("virtual = true", "virtual = true\ncamera_turn_rad = -0.1"),
            "camera_turn_rad: found -0.1, allowed: 0 to 0.2",
        ),
        (
            ("virtual = true", "virtual = false\ncamera_offset_m = 0.005"),
            "camera_offset_m: found 0.005, allowed: with a virtual arm",
        ),
        (('driver = "board_stage"', 'driver = "vesc"'), "devices.board"),
        (
            (
                "virtual = true",
                "virtual = true\ncamera_m = 0.003\n[devices.camera]\ndriver = 'camera'\nsource = 'pipe:x'",
            ),
            "camera_m: found 0.003, allowed: without [devices.camera]",
        ),
        (
            ("virtual = true", "virtual = true\n[devices.camera]\ndriver = 'realsense'"),
            "devices.camera: driver: found 'realsense', allowed of a virtual arm: camera",
        ),
    ],
)
def test_what_cannot_be_is_refused_by_name(tmp_path, change, said):
    with pytest.raises(ValueError, match=r"arm\.toml") as refused:
        load_arm(written(tmp_path, TEXT.replace(*change)))
    assert said in str(refused.value)


def test_an_arm_of_five_servos_is_refused(tmp_path):
    text = "\n".join(
        line.rsplit(",", 1)[0] + "]" if line.startswith(("ids", "home", "reversed", "low_rad", "high_rad")) else line
        for line in TEXT.splitlines()
    )
    with pytest.raises(ValueError, match=r"devices\.follower: ids: found 5, allowed: 6"):
        load_arm(written(tmp_path, text))
