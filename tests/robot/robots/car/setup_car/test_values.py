"""Values are believed with an interval, or refused by name."""

import math

import pytest

from robot.robots.car.setup_car.values import measured, yes_or_no


def test_an_interval_has_four_standard_deviations_and_a_floor() -> None:
    value = measured("servo_offset", 0.5, 0.002, 0.005)
    assert (value.low, value.high, value.refused) == (pytest.approx(0.487), pytest.approx(0.513), "")
    assert value.text == "0.5 ± 0.013"
    assert yes_or_no("mirrored", True).text == "yes"


@pytest.mark.parametrize(
    ("name", "value", "sigma", "words"),
    [
        ("erpm_per_m_s", -4000.0, 1.0, ""),
        ("erpm_per_m_s", -90000.0, 1.0, "not plausible"),
        ("servo_gain", 0.01, 0.0001, "not plausible"),
        ("servo_offset", 0.95, 0.001, "not plausible"),
        ("mount_x_m", 2.0, 0.001, "not plausible"),
        ("actuation_s", 0.1, math.inf, "not identifiable"),
        ("actuation_s", math.nan, 0.001, "not identifiable"),
        ("mount_y_m", 0.0, 0.1, "not identifiable"),
        ("erpm_per_m_s", 4000.0, 200.0, "not identifiable"),
    ],
)
def test_what_cannot_be_or_is_not_known_is_refused(name: str, value: float, sigma: float, words: str) -> None:
    refused = measured(name, value, sigma, 0.0).refused
    assert words in refused
    assert bool(words) == bool(refused)
