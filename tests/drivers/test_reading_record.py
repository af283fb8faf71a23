"""Readings as records, and back."""

from dataclasses import dataclass, field

import numpy as np
import pytest

from drivers.base import NEVER_S
from drivers.crazyflie_reading import CrazyflieReading, within_box
from drivers.reading_record import fill, fill_text, forget, reading_fields, reading_of, text_of
from robot.runtime.records import record


@dataclass(frozen=True)
class Reading:
    place_m: tuple[float, float, float] = (0.0, 0.0, 0.0)
    count: int = 0
    speed_m_s: float = 0.0
    more: dict[str, float] = field(default_factory=dict)
    age_s: float = NEVER_S


def test_tuples_come_back_as_they_were_and_dictionaries_are_left_to_the_robot() -> None:
    kind = record(reading_fields(Reading))
    assert "more" not in (kind.names or ())
    one, seen = np.zeros((), kind), Reading((0.1, -0.2, 1e-300), 7, 3.0, {}, 0.02)
    fill(one, seen)
    assert reading_of(one, Reading) == seen
    forget(one)
    assert reading_of(one, Reading).age_s == NEVER_S


def test_a_drones_reading_fits() -> None:
    seen = CrazyflieReading((1.0, 2.0, 3.0), attitude=(0.5, 0.5, 0.5, 0.5), supervisor=255, jolt_age_s=0.01)
    one = np.zeros((), record(reading_fields(CrazyflieReading)))
    fill(one, seen)
    assert reading_of(one, CrazyflieReading) == seen


@pytest.mark.parametrize(
    ("text", "back"), [("", ""), ("lost", "lost"), ("far too long", "far too "), ("\u00e4" * 9, "\u00e4" * 4)]
)
def test_text_is_cut_to_its_field_and_leaves_nothing_behind(text: str, back: str) -> None:
    place = np.full(8, 65, np.uint8)
    fill_text(place, text)
    assert text_of(place) == back


def test_set_points_are_kept_in_their_box() -> None:
    assert within_box((5.0, -5.0, -1.0), 3.0, 2.0) == (3.0, -3.0, 0.0)
    assert within_box((0.5, 0.6, 9.0), 3.0, 2.0) == (0.5, 0.6, 2.0)
