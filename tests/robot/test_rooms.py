"""Rooms that know no robot: what they share with one goes by the names that it declares."""

import re
from pathlib import Path

import pytest

ROBOT = Path(__file__).parents[2] / "robot"
OF_ROBOTS = re.compile(r"race_track|VescReading|LidarReading|Crazyflie|\blap|\bvesc\b|\blidar\b|\bgrip\b")


@pytest.mark.parametrize(
    "room",
    [
        "runtime",
        "shared_memory",
        "logs",
        "practice",
        "training",
        "evaluation",
        "safety",
        "views",
        "commissioning",
        "perception",
    ],
)
def test_no_robot_is_named(room: str) -> None:
    files = sorted((ROBOT / room).rglob("*.py"))
    assert len(files) > 1
    named = [
        f"{file.name}: {line}" for file in files for line in file.read_text().splitlines() if OF_ROBOTS.search(line)
    ]
    assert named == []


def test_the_pattern_finds_a_robot() -> None:
    assert OF_ROBOTS.search((ROBOT / "robots" / "car" / "devices.py").read_text())
