"""What is believed of a hole that was felt for."""

import numpy as np
import pytest

from robot.robots.arm.setup_arm import touching
from robot.robots.arm.setup_arm.values import OF_CAMERA, OF_HOLE

WRONG_M = np.array([[0.001, 0.0, 0.0], [0.0012, 0.0002, 0.0], [0.0008, -0.0001, 0.0], [0.001, 0.0, 0.0001]])


def test_where_the_hole_is_is_told_where_it_was_found_at_the_boards_last_place():
    values = {value.name: value for value in touching.values_of(WRONG_M, np.array([0.25, 0.01, -0.05]))}
    assert not any(values[name].refused for name in (*OF_CAMERA, *OF_HOLE))
    assert values["hole_x_m"].value == pytest.approx(0.25)


def test_a_hole_that_was_found_elsewhere_alone_is_refused_by_name_and_the_camera_is_believed():
    values = {value.name: value for value in touching.values_of(WRONG_M, np.array([]))}
    assert all(values[name].refused == touching.NOT_FOUND for name in OF_HOLE)
    assert not any(values[name].refused for name in OF_CAMERA)


class Rig:
    """The stage moves the board on; nothing else of an arm is needed here."""

    ready_rad = np.zeros(5)

    def __init__(self):
        self.places = 1
        self.posture = type("Posture", (), {"pose": np.zeros(9), "joint_rad": np.zeros(6)})()

    def next_board(self):
        self.places += 1

    def lead(self, joint_rad):
        pass


def felt(monkeypatch, finds):
    """What comes of it where the search finds the hole at some places, and not at others."""
    board = type("Board", (), {"frame": np.eye(3), "up": np.array([0.0, 0.0, 1.0]), "place": np.zeros(3), "seen": np.zeros(3),
                               "height_m": lambda self, point: 0.0, "lies": lambda self, *heights: None})  # fmt: skip
    rig, answers = Rig(), iter(finds)
    monkeypatch.setattr(touching, "Board", lambda rig, correction_m: board())
    monkeypatch.setattr(touching, "_come", lambda *told: None)
    monkeypatch.setattr(touching, "_touch", lambda *told: np.zeros(3))
    monkeypatch.setattr(touching, "_search", lambda *told: np.full(3, 0.001 * rig.places) if next(answers) else None)
    return touching.feel(rig, lambda share, text: None), rig


def test_a_hole_is_where_it_was_found_last_if_the_board_has_not_moved_on_since(monkeypatch):
    told, rig = felt(monkeypatch, [True] * touching.PLACES)
    assert told["hole_m"] == pytest.approx([0.001 * rig.places] * 3)
    told, _ = felt(monkeypatch, [True] * (touching.PLACES - 1) + [False] * (touching.PATIENCE + 1))
    assert told["hole_m"] == []
