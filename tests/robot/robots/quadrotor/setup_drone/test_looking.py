"""What a drone on the ground tells, and what is made of it."""

import math

import numpy as np
import pytest

from drivers.crazyflie_reading import CrazyflieReading
from robot.commissioning.steps import SetupError
from robot.robots.quadrotor.setup_drone.looking import (
    find_uri,
    in_its_frame,
    lean_of,
    values_of_tests,
    wrong_propellers,
)

USUAL = "radio://0/80/2M/E7E7E7E7E7"
OTHER = "radio://0/80/2M/E7E7E7E701"
SHORT = "radio://0/80/2M"


@pytest.mark.parametrize(
    ("asked", "answer", "found"),
    [
        (USUAL, [USUAL, OTHER], USUAL),
        (USUAL, [OTHER], OTHER),
        (USUAL, [SHORT, OTHER], USUAL),  # as cflib's scan names it
        (USUAL, ["radio://0/90/2M"], "radio://0/90/2M/E7E7E7E7E7"),  # another channel
        (SHORT, [USUAL], SHORT),
        (USUAL, [], USUAL),  # without a dongle, connecting tells why
        ("udp://127.0.0.1:7000", [USUAL], "udp://127.0.0.1:7000"),
    ],
)
def test_the_one_drone_that_answers_is_found(asked: str, answer: list[str], found: str) -> None:
    assert find_uri(asked, lambda _: answer) == found


def test_of_several_drones_none_is_guessed() -> None:
    with pytest.raises(SetupError, match=r"E7E7E7E701, .*E7E7E7E702 do: name one with --uri"):
        find_uri(USUAL, lambda _: [OTHER, OTHER[:-1] + "2"])


def told(**changes: float) -> dict[str, float]:
    good = {f"health.motorVar{axis}M{motor}": 0.6 for motor in range(1, 5) for axis in "XY"}
    good |= {"health.motorPass": 15, "health.batterySag": 0.5, "health.batteryPass": 1}
    return good | {f"health.{name}": value for name, value in changes.items()}


@pytest.mark.parametrize(
    ("changes", "refused"),
    [
        ({}, []),
        ({"motorVarXM2": 6.0, "motorVarYM2": 5.0, "motorPass": 13}, ["propeller_2"]),
        ({"motorPass": 7}, ["propeller_4"]),  # its own limit is another one
        ({"batterySag": 1.4, "batteryPass": 0}, ["battery_sag_v"]),
        ({"batterySag": 0.0}, ["battery_sag_v"]),
        ({"motorVarXM1": float("nan")}, ["propeller_1"]),
    ],
)
def test_what_did_not_pass_is_refused_by_name(changes: dict[str, float], refused: list[str]) -> None:
    values = values_of_tests(told(**changes))
    assert [value.name for value in values if value.refused] == refused
    assert len(wrong_propellers(values)) == sum(name.startswith("propeller") for name in refused)


@pytest.mark.parametrize(("felt_g", "astray_m_s", "named"), [
    ((0.012, 0.0, 1.0), (0.15, 0.0), "+0.0 to Roll Trim and +0.7 to Pitch Trim"),
    ((0.0, -0.012, 1.0), (0.02, -0.15), "-0.7 to Roll Trim and +0.0 to Pitch Trim"),
    ((0.012, 0.0, 1.0), (-0.15, 0.0), ""),  # the estimate goes elsewhere: something else leads it
    ((0.012, 0.0, 1.0), (0.1, 0.15), ""),
    ((0.004, 0.0, 1.0), (0.15, 0.0), ""),  # level enough
    ((0.012, 0.0, 1.0), (0.0, 0.0), ""),  # it goes nowhere
])  # fmt: skip
def test_an_accelerometer_is_blamed_for_an_estimate_that_goes_where_it_leans(
    felt_g: tuple[float, float, float], astray_m_s: tuple[float, float], named: str
) -> None:
    told = lean_of(np.array(felt_g), np.array(astray_m_s))
    assert (named in told) if named else not told


def test_a_velocity_is_told_in_the_frame_of_the_drone() -> None:
    """Its nose to the north, and it goes north: forward."""
    turned = CrazyflieReading(attitude=(math.sqrt(0.5), 0.0, 0.0, math.sqrt(0.5)), velocity_m_s=(0.0, 0.3, 0.0))
    assert in_its_frame(turned) == pytest.approx((0.3, 0.0))
