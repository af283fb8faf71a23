"""The set-up of an arm: what somebody else has built is found, or refused by name; over both buses; it goes on where it was left."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from drivers.emulators.arm_wiring import ServoWiring
from robot.commissioning.commissioning import find_commissioning
from robot.commissioning.kinds import called, kind_of
from robot.commissioning.run import set_up
from robot.commissioning.steps import read_found
from robot.commissioning.values import Value
from robot.robots.arm.arm_file import load_arm
from robot.robots.arm.setup_arm.hidden_wiring import FAULTS, hidden_wiring
from robot.robots.arm.setup_arm.joints import JOINTS, LEADER_JOINTS
from robot.robots.arm.setup_arm.options import ArmSetupOptions
from robot.robots.arm.setup_arm.setting_up import SettingUpArm
from robot.robots.arm.setup_arm.values import NAMES, OF_JOINTS, OF_LEADER
from robot.runtime.robot_file import robot_path
from sim.arm.batch import RAD_A_STEP, STEPS_A_TURN
from tests.robot.robots.arm.setup_bench import in_this_process


def begins_anew(servo: ServoWiring, range_rad: tuple[float, float]) -> bool:
    """Whether a servo's turn begins within its joint's range."""
    ends = [
        servo.home_steps + servo.shift_steps + (-1 if servo.backwards else 1) * end / RAD_A_STEP for end in range_rad
    ]
    return min(ends) < 0 or max(ends) > STEPS_A_TURN - 1


def first(fault: str) -> int:
    """The seed of an arm with this fault, and with a servo whose turn begins within its joint's range."""
    return next(
        seed
        for seed in range(1000)
        if (hidden := hidden_wiring(seed)).fault == fault
        and any(begins_anew(servo, joint.range_rad) for servo, joint in zip(hidden.wiring.servos, JOINTS, strict=True))
    )


WITH = {fault: first(fault) for fault in FAULTS}
DYNAMIXEL = (
    robot_path("virtual-arm")
    .read_text()
    .replace('"feetech"', '"dynamixel"')
    .replace("true\n", "true\nlow_v = 4.3\n", 1)
)


def carry_out(folder: Path, **options: Any) -> dict[str, Any]:
    with in_this_process():
        return set_up("arm", find_commissioning("arm"), ArmSetupOptions(**options), True, folder)


def leave(*given: Any) -> None:
    raise KeyboardInterrupt


def held(figures: dict[str, Any]) -> set[str]:
    """Parameters whose intervals hold the truth."""
    return {
        name
        for name, told in figures["parameters"].items()
        if told["interval"][0] <= told["true"] <= told["interval"][1]
    }


def test_an_arm_can_be_set_up_by_its_name():
    assert called()["arm"] == "arm"
    assert kind_of("virtual-arm") == "arm"


@pytest.mark.usefixtures("shorter")
def test_swapped_servos_either_way_anywhere_are_found_and_written(tmp_path):
    figures = carry_out(tmp_path, hidden_seed=WITH["swapped"])
    assert figures["failure"] is None
    assert held(figures) >= {*OF_JOINTS, "stall_n_m", "hole_x_m", "hole_y_m", "hole_z_m"}
    assert figures["touches"] == 0
    arm, wired = load_arm(figures["config"]), hidden_wiring(WITH["swapped"]).wiring.servos
    assert arm.follower.ids == tuple(servo.id for servo in wired)
    assert arm.follower.reversed == tuple(servo.backwards for servo in wired)
    assert arm.wiring_seed == WITH["swapped"]
    assert arm.believed["stall_n_m"] == pytest.approx(figures["parameters"]["stall_n_m"]["value"], abs=1e-4)
    assert f"--robot {figures['config']}" in figures["next"]


@pytest.mark.usefixtures("shorter")
def test_over_the_other_bus_as_well(tmp_path, monkeypatch):
    monkeypatch.setattr(SettingUpArm, "_feel", leave)
    (tmp_path / "other.toml").write_text(DYNAMIXEL)
    doubled = next(seed for seed in range(100) if hidden_wiring(seed, "dynamixel").fault == "doubled")
    figures = carry_out(tmp_path, robot=str(tmp_path / "other.toml"), hidden_seed=doubled)
    assert figures["interrupted"] is True
    assert len(figures["chain"]["doubled"]) == 1
    assert held(figures) >= {*OF_JOINTS, "stall_n_m", "friction_n_m"}


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ("silent", "unless IDs are swapped), of any other ID: is it powered"),
        ("weak", "servo 1: found 7.4 V, allowed: 9.5 to 14.0; is it the right supply?"),
        ("other", "found model 860, allowed: 777 (STS3215)"),
    ],
)
def test_what_nobody_can_set_up_is_refused_by_name_before_anything_moves(tmp_path, fault, words):
    figures = carry_out(tmp_path, hidden_seed=WITH[fault])
    assert words in figures["failure"]
    assert figures["config"] is None
    assert len(figures["refused"]) == 34
    assert "robot setup arm --resume" in figures["next"]


def test_new_servos_that_all_have_one_id_are_named_one_by_one_and_it_goes_on_where_it_was_left(tmp_path, monkeypatch):
    with monkeypatch.context() as meanwhile:  # when servos have been told their shifts, and it is not written down
        meanwhile.setattr(SettingUpArm, "_lay_down", leave)
        left = carry_out(tmp_path, hidden_seed=WITH["new"])
    assert left["interrupted"] is True
    assert left["chain"]["alone"] == [1, 2, 3, 4, 5]
    folder = Path(left["folder"])
    monkeypatch.setattr(SettingUpArm, "_weigh", leave)
    again = carry_out(tmp_path, resume=str(folder))
    assert again["folder"] == left["folder"]
    assert again["interrupted"] is True
    assert held(again) == set(OF_JOINTS)
    assert [again["parameters"][name]["value"] for name in OF_JOINTS[::4]] == [1, 2, 3, 4, 5, 6]


def test_a_leader_is_told_by_hands_as_well_and_written(tmp_path, monkeypatch):
    wrong = robot_path("virtual-arm-leader").read_text()
    at = wrong.index("[devices.leader]")
    wrong = wrong[:at] + wrong[at:].replace("2048, 2048]", "2048, 2000]", 1).replace("false]", "true]", 1)
    (tmp_path / "leads.toml").write_text(wrong)
    monkeypatch.setattr(SettingUpArm, "_weigh", leave)
    figures = carry_out(tmp_path, robot=str(tmp_path / "leads.toml"), hidden_seed=WITH["swapped"])
    assert held(figures) == {*OF_JOINTS, *OF_LEADER}
    assert figures["parameters"]["leader_trigger_range_rad"]["value"] == pytest.approx(1.5, abs=0.05)
    folder = Path(figures["folder"])
    with SettingUpArm(ArmSetupOptions(robot=str(tmp_path / "leads.toml")), folder) as setting_up:
        told = read_found(folder, setting_up.steps)
        hole = {"values": [vars(Value(name, 0.0, 0.0, 0.0, "unknown")) for name in NAMES if name not in OF_JOINTS]}
        written = setting_up._write(told | {"board": hole}, lambda *told: None)
    leader = load_arm(written["config"]).leader
    assert leader.ids == (1, 2, 3, 4, 5, 6) and not any(leader.reversed)
    assert leader.home_steps == pytest.approx([2048] * 6, abs=10)
    assert np.array(leader.high_rad) - leader.low_rad == pytest.approx(
        [joint.whole_rad for joint in LEADER_JOINTS], abs=0.1
    )


def test_a_servo_that_the_leader_lacks_is_named(tmp_path, monkeypatch):
    turned = SettingUpArm._turn

    def unplugged(self, joint, end):
        self._emulator.model.leader_chain.servos[3].present = False
        turned(self, joint, end)

    monkeypatch.setattr(SettingUpArm, "_turn", unplugged)
    figures = carry_out(tmp_path, robot="virtual-arm-leader")
    assert "leader: found servos 1, 2, 3, 5, 6, allowed: 1, 2, 3, 4, 5, 6; plug all in again" in figures["failure"]
    assert set(OF_LEADER) <= set(figures["refused"])


def test_one_that_is_left_before_its_first_step_has_found_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr(SettingUpArm, "_ports", leave)
    figures = carry_out(tmp_path)
    assert figures["interrupted"] is True
    assert figures["parameters"] == {}


def test_options_that_do_not_fit_are_refused(tmp_path):
    real = tmp_path / "real.toml"
    real.write_text(robot_path("virtual-arm").read_text().replace("virtual = true", "virtual = false"))
    for options, words in (
        ({"robot": str(real), "hidden_seed": 1}, "--hidden-seed: found 1, allowed: with a virtual arm alone"),
        ({"hidden_seed": -1}, "--hidden-seed: found -1"),
        ({"robot": str(real), "yes": True}, "--yes: found it, allowed: with a virtual arm alone"),
    ):
        with pytest.raises(ValueError, match=words):
            SettingUpArm(ArmSetupOptions(**options), tmp_path)  # type: ignore[arg-type]
