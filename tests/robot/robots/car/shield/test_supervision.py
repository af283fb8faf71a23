"""The supervisor: a table from flags to modes, and no throttle where it must stop."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from robot.robots.car.shield.monitors import Flag
from robot.robots.car.shield.supervision import (
    BACKUP_SPEED_M_S,
    FULL_BRAKE_A,
    REASON_TEXTS,
    RECOVERY_SPEED_M_S,
    RULES,
    TABLE,
    Command,
    Reason,
    execute,
)
from robot.safety.supervisor import Mode, State, Supervisor
from robot.tasks.race_track.task import SPEED_MAX_M_S, SPEED_SLEW_M_S2, STEER_MAX_RAD, STEER_SLEW_RAD_S, TICK_S

any_number = st.floats(allow_nan=True, allow_infinity=True)
any_command = st.builds(Command, any_number, any_number, any_number)
sent_command = st.builds(
    Command, st.floats(-STEER_MAX_RAD, STEER_MAX_RAD), st.floats(-1.2, SPEED_MAX_M_S), st.floats(0.0, 40.0)
)
any_flags = st.sets(st.sampled_from(Flag)).map(lambda flags: Flag(sum(flags)))


def after(flags: Flag, quiet_s: float, then: Flag = Flag.NONE) -> State:
    """The state when `flags` were raised at time 0 and `then` at quiet_s."""
    return TABLE.decide(TABLE.decide(TABLE.start, flags, 0.0), then, quiet_s)


@pytest.mark.parametrize(
    ("flag", "mode", "clears_after_s"),
    [
        (Flag.EMERGENCY, Mode.EMERGENCY_STOP, None),
        (Flag.BATTERY_EMPTY, Mode.STOP, None),
        (Flag.RECOVERY_FAILED, Mode.STOP, None),
        (Flag.VESC_LOST, Mode.STOP, 1.0),
        (Flag.LIDAR_LOST, Mode.STOP, 1.0),
        (Flag.LIDAR_STALE, Mode.STOP, 1.0),
        (Flag.LIDAR_FROZEN, Mode.STOP, 1.0),
        (Flag.VALUES_FROZEN, Mode.STOP, 1.0),
        (Flag.VALUES_STALE, Mode.STOP, 0.5),
        (Flag.IMU_STALE, Mode.STOP, 0.5),
        (Flag.POSE_LOST, Mode.STOP, 0.5),
        (Flag.HELD, Mode.STOP, 0.5),
        (Flag.VESC_FAULT, Mode.STOP, 1.0),
        (Flag.COLLISION, Mode.RECOVER, None),
        (Flag.STUCK, Mode.RECOVER, None),
        (Flag.OFF_COURSE, Mode.RECOVER, None),
        (Flag.CORNERED, Mode.RECOVER, None),
        (Flag.DEADLINE, Mode.BACKUP, 2.0),
        (Flag.BATTERY_LOW, Mode.RUN, 5.0),
        (Flag.LEARNER_SILENT, Mode.RUN, 0.0),
    ],
)  # fmt: skip
def test_each_flag_leads_to_its_mode_and_clears_by_its_own_rule(flag, mode, clears_after_s):
    state = TABLE.decide(TABLE.start, flag, 0.0)
    assert state.mode is mode
    assert state.reason.name == flag.name
    if clears_after_s is None:
        assert after(flag, 1e6).mode is mode
    else:
        assert after(flag, clears_after_s).mode is mode
        assert after(flag, clears_after_s + 0.001).reason is Reason.NONE


def test_a_number_that_is_none_stops_for_the_tick_and_drives_slowly_after_it():
    assert TABLE.decide(TABLE.start, Flag.NOT_FINITE, 0.0).mode is Mode.STOP
    assert after(Flag.NOT_FINITE, 0.02).mode is Mode.BACKUP
    assert after(Flag.NOT_FINITE, 0.51).mode is Mode.RUN


def test_a_recovery_ends_what_it_was_begun_for_and_nothing_else():
    assert after(Flag.COLLISION | Flag.STUCK, 3.0, Flag.RECOVERED).mode is Mode.RUN
    assert after(Flag.COLLISION | Flag.BATTERY_EMPTY, 3.0, Flag.RECOVERED).mode is Mode.STOP
    assert after(Flag.COLLISION, 3.0, Flag.RECOVERY_FAILED).reason is Reason.RECOVERY_FAILED


def test_a_collision_in_the_tick_in_which_a_recovery_ends_asks_for_another():
    assert after(Flag.COLLISION, 3.0, Flag.COLLISION | Flag.RECOVERED).mode is Mode.RECOVER


def test_of_two_equally_severe_reasons_the_first_in_the_table_is_given():
    assert TABLE.decide(TABLE.start, Flag.VESC_LOST | Flag.LIDAR_LOST, 0.0).reason is Reason.VESC_LOST


def test_a_stop_interrupts_a_recovery_which_then_goes_on():
    state = TABLE.decide(TABLE.decide(TABLE.start, Flag.COLLISION, 0.0), Flag.LIDAR_STALE, 1.0)
    assert state.mode is Mode.STOP
    assert TABLE.decide(state, Flag.NONE, 2.1).mode is Mode.RECOVER


def test_since_is_when_the_mode_began():
    state = TABLE.decide(TABLE.start, Flag.DEADLINE, 1.0)
    assert TABLE.decide(state, Flag.NONE, 2.0).since_s == 1.0
    assert TABLE.decide(state, Flag.NONE, 3.5).since_s == 3.5


@given(st.lists(st.tuples(any_flags, st.floats(0.0, 5.0)), max_size=20))
def test_the_mode_is_never_milder_than_any_raised_flag_asks_for(history):
    state, now = TABLE.start, 0.0
    for flags, elapsed in history:
        now += elapsed
        state = TABLE.decide(state, flags, now)
        assert state.mode >= max((rule.mode for rule in RULES if rule.flag & flags), default=Mode.RUN)
        assert (state.reason is Reason.NONE) <= (state.mode is Mode.RUN)


@given(any_flags, any_flags)
def test_nothing_leaves_an_emergency_stop(flags, later):
    state = TABLE.decide(TABLE.decide(TABLE.start, flags | Flag.EMERGENCY, 0.0), later, 1e9)
    assert state.mode is Mode.EMERGENCY_STOP


@given(st.sampled_from(Mode), any_command, sent_command)
def test_whatever_is_proposed_what_is_sent_is_finite_and_within_the_limits(mode, proposed, last):
    sent = execute(mode, proposed, last)
    assert abs(sent.steer_rad) <= STEER_MAX_RAD
    assert abs(sent.speed_m_s) <= SPEED_MAX_M_S
    assert 0.0 <= sent.brake_a <= FULL_BRAKE_A
    assert sent.brake_a == 0.0 or sent.speed_m_s == 0.0
    assert abs(sent.steer_rad - last.steer_rad) <= STEER_SLEW_RAD_S * TICK_S + 1e-12
    if sent.brake_a == 0.0:
        assert abs(sent.speed_m_s - last.speed_m_s) <= SPEED_SLEW_M_S2 * TICK_S + 1e-12


@given(st.sampled_from(Mode), any_command, st.floats(0.05, STEER_MAX_RAD))
def test_the_wheels_are_told_to_turn_no_further_than_they_can(mode, proposed, reach_rad):
    assert abs(execute(mode, proposed, Command(0.0, 1.0), reach_rad).steer_rad) <= reach_rad
    held = execute(Mode.RUN, Command(STEER_MAX_RAD, 1.0), Command(reach_rad, 1.0), reach_rad)
    assert held.steer_rad == reach_rad


@given(any_command, sent_command)
def test_no_throttle_in_a_stop_from_its_first_tick(proposed, last):
    for mode in (Mode.STOP, Mode.EMERGENCY_STOP):
        sent = execute(mode, proposed, last)
        assert sent.speed_m_s == 0.0
        assert sent.brake_a > 0.0


def test_a_stop_brakes_as_hard_as_proposed_and_fully_where_nothing_is():
    assert execute(Mode.STOP, Command(0.0, 0.0, 25.0), Command(0.0, 3.0)).brake_a == 25.0
    assert execute(Mode.STOP, Command(0.0, 3.0), Command(0.0, 3.0)).brake_a == FULL_BRAKE_A
    assert execute(Mode.EMERGENCY_STOP, Command(0.1, 0.0, 25.0), Command(0.1, 3.0)) == Command(0.1, 0.0, 25.0)


@pytest.mark.parametrize("broken", [Command(math.nan, 3.0), Command(0.1, math.inf), Command(0.1, 3.0, math.nan)])
def test_a_command_that_is_not_finite_brakes(broken):
    assert execute(Mode.RUN, broken, Command(0.1, 3.0)).brake_a == FULL_BRAKE_A


def test_backup_and_recovery_are_slow_and_only_recovery_goes_back():
    assert execute(Mode.BACKUP, Command(0.0, 5.0), Command(0.0, 1.0)).speed_m_s == BACKUP_SPEED_M_S
    assert execute(Mode.BACKUP, Command(0.0, -1.0), Command(0.0, 0.0)).speed_m_s == 0.0
    assert execute(Mode.RUN, Command(0.0, -1.0), Command(0.0, 0.0)).speed_m_s == 0.0
    assert execute(Mode.RECOVER, Command(0.0, -5.0), Command(0.0, -1.1)).speed_m_s == -RECOVERY_SPEED_M_S


def test_a_good_command_passes_unchanged():
    assert execute(Mode.RUN, Command(0.11, 3.1), Command(0.1, 3.0)) == Command(0.11, 3.1)


def test_the_supervisor_keeps_the_state_between_ticks():
    supervisor = Supervisor(TABLE)
    assert supervisor.decide(Flag.VESC_LOST, 0.0) is Mode.STOP
    assert supervisor.decide(Flag.NONE, 0.5) is Mode.STOP
    assert supervisor.reason is Reason.VESC_LOST
    assert execute(supervisor.state.mode, Command(0.0, 3.0), Command(0.0, 3.0)).speed_m_s == 0.0
    assert supervisor.decide(Flag.NONE, 1.5) is Mode.RUN


def test_every_reason_has_a_text_and_every_flag_that_matters_a_rule():
    assert set(REASON_TEXTS) == set(Reason)
    ruled = Flag.NONE
    for rule in RULES:
        ruled |= rule.flag
        assert rule.reason in REASON_TEXTS
    assert set(Flag) - set(ruled) == {Flag.RECOVERED}
