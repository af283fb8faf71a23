"""A computer made of a folder: what it lacks is found, and told how to be had."""

import os
import pwd
from dataclasses import replace
from pathlib import Path

import pytest

from robot.commissioning.machine import Machine, checks_of, user_name


@pytest.fixture
def good(tmp_path: Path) -> Machine:
    rule = tmp_path / "usr/lib/udev/rules.d/60-serial.rules"
    rule.parent.mkdir(parents=True)
    rule.touch()
    return Machine(
        root=tmp_path, work=tmp_path, user="ada", superuser=False, groups={"dialout": ["ada"]}, in_force=["ada", "dialout"],
        may_be_realtime=lambda: True, free_b=lambda path: 10**11, now_s=lambda: 1.8e9,
    )  # fmt: skip


def wrong(machine: Machine) -> dict[str, str]:
    return {check.name: check.remedy for check in checks_of(machine) if not check.ok}


def test_a_computer_that_is_ready_needs_no_remedy(good: Machine) -> None:
    assert wrong(good) == {}
    assert all(check.remedy == "" for check in checks_of(good))


@pytest.mark.parametrize(
    ("changes", "name", "remedy"),
    [
        ({"groups": {"dialout": []}, "in_force": ["ada"]}, "serial group", "sudo usermod -aG dialout ada"),
        ({"groups": {"uucp": []}, "in_force": ["ada"]}, "serial group", "sudo usermod -aG uucp ada"),
        ({"in_force": ["ada"]}, "serial group", "log out and in again"),
        ({"groups": {}, "in_force": ["ada"]}, "serial group", "sudo groupadd dialout"),
        ({"may_be_realtime": lambda: False}, "real-time priority", "ada - rtprio 60"),
        ({"root": Path("/nowhere")}, "udev rules", "udev"),
        ({"free_b": lambda path: 10**8}, "disk", "make room"),
        ({"work": Path("/proc")}, "disk", "a folder of your own"),
        ({"now_s": lambda: 0.0}, "clock", "timedatectl"),
    ],
)
def test_what_is_missing_is_found_with_its_remedy(good: Machine, changes: dict, name: str, remedy: str) -> None:
    found = wrong(replace(good, **changes))
    assert list(found) == [name]
    assert remedy in found[name]


def test_a_folder_that_is_gone_is_no_traceback(good: Machine) -> None:
    def gone(path: Path) -> int:
        raise FileNotFoundError(2, "No such file or directory")

    assert list(wrong(replace(good, free_b=gone))) == ["disk"]


def test_a_remedy_names_who_runs_this_whatever_su_has_left_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("USER", "somebody else")
    assert Machine().user == user_name() == pwd.getpwuid(os.geteuid()).pw_name
    monkeypatch.setattr(os, "geteuid", lambda: 4_000_000_000)
    assert Machine().user == "4000000000"


def test_this_computer_can_be_looked_at() -> None:
    assert [check.name for check in checks_of(Machine())] == [
        "serial group", "real-time priority", "udev rules", "disk", "clock",
    ]  # fmt: skip
