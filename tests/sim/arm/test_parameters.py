"""Parameter files: what is refused, by file and field."""

import pytest

from sim.arm.parameters import DATA, arm_of, read_arm, so101

TEXT = (DATA / "so101.toml").read_text()


def test_the_so_101_is_six_joints_whose_axes_are_coordinate_axes():
    arm = so101()
    assert [table.name for table in arm.file.links] == ["shoulder", "upper_arm", "lower_arm", "wrist", "gripper", "jaw"]
    assert all(sorted(map(abs, link.axis)) == [0.0, 0.0, 1.0] for link in arm.links)
    assert sum(table.mass_kg for table in arm.file.links) == pytest.approx(0.485, abs=0.001)


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("mass_kg = 0.103", "mass_kg = -0.103", "links.upper_arm.mass_kg: found -0.103, allowed: above 0"),
        ("mass_kg = 0.103", "", "links.1.mass_kg: found nothing"),
        ("mass_kg = 0.103", 'mass_kg = "heavy"', "links.1.mass_kg: found 'heavy'"),
        ("mass_kg = 0.103", "mass_kg = 0.103\ncolour = 3", "links.1.colour"),
        ("range_rad = [-1.745, 1.745]", "range_rad = [1.745, -1.745]", "links.upper_arm.range_rad"),
        ("quaternion = [0.5, -0.5, -0.5, -0.5]", "quaternion = [0.5, -0.5, -0.5, 0.0]", "found a length of 0.866"),
        ("centre_m = [-0.0898471", "centre_m = [nan", "links.upper_arm.centre_m"),
        ("centre_m = [-0.0898471, -0.00838224, 0.0184089]", "centre_m = [0.0, 0.0]", "links.1.centre_m"),
        ("4.08002e-05, 0.000147318, 0.000142487", "4.08002e-05, 0.000147318, 0.9", "found principal moments"),
        ("stall_n_m = 2.94", "stall_n_m = 0.0", "servo.stall_n_m: found 0.0, allowed: above 0"),
        ('link = "jaw"', 'link = "claw"', "pads.link: found 'claw'"),
        ('name = "wrist"', 'name = "jaw"', "found the same name twice"),
        ("[servo]", "[motor]", "motor"),
    ],
)
def test_what_cannot_be_is_refused_by_file_and_field(tmp_path, old, new, told):
    assert old in TEXT
    path = tmp_path / "arm.toml"
    path.write_text(TEXT.replace(old, new, 1))
    with pytest.raises(ValueError) as error:
        read_arm(path)
    assert str(error.value).startswith(f"{path}: ")
    assert told in str(error.value)


def test_an_arm_without_servos_or_hand_says_what_is_missing():
    from dataclasses import replace

    arm = arm_of(replace(so101().file, servo=None, tool=None))
    with pytest.raises(ValueError, match="SO-101: servo: found nothing"):
        _ = arm.servo
    with pytest.raises(ValueError, match="SO-101: tool: found nothing"):
        _ = arm.tool
