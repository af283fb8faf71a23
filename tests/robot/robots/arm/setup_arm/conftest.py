"""Shorter set-ups: what takes an arm minutes is tried at fewer poses and places."""

import pytest

from robot.robots.arm.setup_arm import touching, weighing


@pytest.fixture
def shorter(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(weighing, "POSES", weighing.POSES[1:2])
    monkeypatch.setattr(weighing, "STROKE_RAD", 0.15)
    monkeypatch.setattr(touching, "PLACES", 2)
    monkeypatch.setattr(touching, "ENOUGH", 2)
