"""What counts as a fall of a robot that is held up."""

import pytest

from robot.safety.campaign.stops.held_up import HeldUp
from robot.safety.campaign.truth import Seen

HELD_UP = HeldUp(works_m_s=0.5, falls_m_s=0.15, brakes_s=0.3)


def fell(*told, begin_s=1.0):
    """told: (at_s, m/s, whether it works)."""
    rows = [(at_s, Seen(speed_m_s, True, 0, 0.0)) for at_s, speed_m_s, _ in told]
    return HELD_UP.fell_m_s(rows, [works for *_, works in told], begin_s)


def test_at_its_work_it_may_be_as_fast_as_work_is():
    assert fell((1.0, 0.4, True), (1.1, 0.45, True)) is None
    assert fell((1.0, 0.4, True), (1.1, 0.6, True)) == 0.6


def test_who_no_longer_works_brakes_and_is_slow_from_then_on():
    braking = [(1.0, 0.4, True), (1.1, 0.4, False), (1.3, 0.3, False)]
    assert fell(*braking, (1.5, 0.1, False)) is None
    assert fell(*braking, (1.5, 0.2, False), (1.6, 0.18, False)) == 0.2


def test_who_has_begun_to_work_again_is_told_so_a_moment_late():
    standing = [(1.0, 0.4, True), (1.1, 0.0, False), (2.0, 0.0, False)]
    assert fell(*standing, (3.0, 0.3, False), (3.1, 0.3, True)) is None
    assert fell(*standing, (3.0, 0.3, False), (3.3, 0.3, True)) == 0.3


def test_what_was_before_the_stop_is_not_its_fault():
    assert fell((0.2, 0.0, False), (0.9, 0.7, False), (1.0, 0.0, False)) is None
    assert fell((0.2, 0.0, False), (1.0, 0.2, False)) == pytest.approx(0.2)
