"""The fault campaign: what it measures and how it judges; whole sessions are broken by `robot safety` itself."""

import time

import pytest

from robot.cli.safety import SafetyConfig
from robot.robots.car.safety_trials import FAULTS
from robot.safety.campaign.campaign import KILLED, Outcome, ThrottleWatch, Trial, kill_faults
from robot.safety.campaign.trials import find_trials
from robot.safety.campaign.truth import Seen
from robot.safety.supervisor import Mode

DRIVEN = Seen(3.0, True, 0, 0.0)


def test_the_throttle_is_at_zero_from_the_moment_that_nothing_drives_it():
    seen = [DRIVEN]
    watch = ThrottleWatch(lambda: seen[0])
    time.sleep(0.02)
    assert watch.zero_ms is None
    seen[0] = DRIVEN._replace(driven=False)  # braking
    while watch.zero_ms is None:
        time.sleep(0.001)
    watch.end()
    assert watch.zero_ms >= 20.0


def test_a_throttle_that_never_falls_is_no_figure():
    watch = ThrottleWatch(lambda: DRIVEN)
    watch.end()
    assert watch.zero_ms is None


def test_figures_count_what_went_as_designed_and_name_the_slowest():
    outcome = Outcome(
        trials=[
            Trial("kill -9 control", 1.0, zero_throttle_ms=50.0, back_after_s=4.0, as_designed=True),
            Trial("kill -9 control", 9.0, zero_throttle_ms=90.0, back_after_s=3.0, as_designed=True),
            Trial("car parked nose-in", 20.0, as_designed=False),
        ],
        transitions=100,
        transitions_lost=1,
    )
    figures = outcome.figures()
    assert figures["faults"]["kill -9 control"] == {
        "trials": 2, "as_designed": 2, "zero_throttle_ms": 90.0, "back_after_s": 4.0,
    }  # fmt: skip
    assert figures["faults"]["car parked nose-in"]["as_designed"] == 0
    assert figures["as_designed"] is False
    assert figures["transitions_lost"] == 1


def test_damaged_transitions_are_never_as_designed():
    good = Trial("kill -9 recorder", 1.0, back_after_s=0.1, as_designed=True)
    assert Outcome([good]).figures()["as_designed"] is True
    assert Outcome([good], transitions_damaged=1).figures()["as_designed"] is False


def test_every_fault_says_what_must_follow_and_stops_have_a_limit():
    for fault in [*FAULTS, *map(kill_faults, KILLED)]:
        assert fault.designed
        assert bool(fault.reasons) == (fault.mode is not Mode.RUN)
        if fault.mode is Mode.STOP:
            assert fault.zero_throttle_ms is not None


def test_a_robot_that_brings_no_trials_is_refused_with_those_that_do():
    with pytest.raises(ValueError, match=r"robot: found 'submarine', allowed: .*safety_trials.py"):
        find_trials("submarine")


@pytest.mark.parametrize("kills", [-1, 26])
def test_a_wrong_number_of_kills_is_refused(kills):
    with pytest.raises(ValueError, match=r"--kills: found .*allowed: 0 to 25"):
        SafetyConfig(kills=kills)
