"""What is broken on an arm: each fault, in one process, with its reason, and that it goes on afterwards."""

import json
from contextlib import closing
from types import SimpleNamespace

import pytest

from drivers.emulators.virtual_arm import VirtualArm
from robot.robots.arm.safety_drive import CAUSES, FALLING_M_S, start_drive
from robot.robots.arm.safety_trials import TRIALS, repair, see
from robot.safety.campaign.stops.lockstep_stops import stop
from robot.safety.campaign.trials import find_trials
from robot.safety.supervisor import Mode
from tests.robot.robots.arm.arm_bench import ARM, bench


def session_of(model):
    """As far as a fault looks at one."""

    def fault(do, **arguments):
        model.obey(json.dumps({"do": do, **arguments}).encode())

    return SimpleNamespace(body=SimpleNamespace(emulator=SimpleNamespace(fault=fault)))


@pytest.mark.parametrize("fault", TRIALS.faults, ids=lambda fault: fault.name)
def test_it_does_as_designed_and_goes_on(tmp_path, fault):
    with bench(tmp_path) as arm:
        arm.run(7.0)
        session = session_of(arm.model)
        fault.begin(session)
        modes = {(int(mind.outputs["mode"]), int(mind.outputs["reason"])) for mind in arm.ticks(1.0)}
        if fault.mode is Mode.RUN:
            assert modes == {(Mode.RUN, 0)}
        else:
            assert (fault.mode, fault.reasons[0]) in modes
            assert arm.truth.tip_m_s < 0.02
        assert fault.end is not None
        fault.end(session)
        arm.run(3.0)
        assert arm.mind.outputs["mode"] == Mode.RUN
        assert arm.truth.tip_worst_m_s < 0.6


def test_the_truth_to_a_judge(tmp_path):
    assert find_trials("arm") is TRIALS
    with bench(tmp_path) as arm:
        assert see(arm.truth) == (pytest.approx(0.0, abs=0.02), False, 0, 0.0, pytest.approx(float("nan"), nan_ok=True))
        strained = arm.truth._replace(time_s=2.0, tip_m_s=0.6, overloads=2)
        assert see(strained).driven and see(strained).touches == 2


def test_each_time_that_a_servo_is_at_its_limit_for_too_long_is_counted_once(tmp_path):
    model = VirtualArm(tmp_path, [*ARM.rest_rad, ARM.hold_rad], 3, {}, [0.0, 0.0, 0.0])
    counts = []
    for duty in [1.0] * 5 + [0.2] + [1.0] * 4:
        model.shafts._duty = [0.0, duty, 0.0, 0.0, 0.0, 0.0]
        model._look(0.125)
        counts.append(model.overloads)
    assert counts == [0, 0, 1, 1, 1, 1, 1, 1, 2, 2]


def test_what_breaks_is_broken_under_control_without_control_and_while_it_ends():
    names = {cause.name for cause in (*TRIALS.stops.going_on, *TRIALS.stops.ending)}
    for broken in ("a servo silent", "voltage drops", "a servo overheats"):
        assert {broken, f"{broken}, kill -9 control", f"{broken}, SIGSTOP control", f"{broken}, Ctrl-C"} <= names


def test_what_was_broken_is_whole_again_afterwards(tmp_path):
    model = VirtualArm(tmp_path, [*ARM.rest_rad, ARM.hold_rad], 3, {}, [0.0, 0.0, 0.0])
    session = session_of(model)
    for do, told in (
        ("servo", {"joint": 2, "on": False}),
        ("overheat", {"joint": 1, "degrees": 66.0}),
        ("supply", {"volts": 9.9}),
    ):
        session.body.emulator.fault(do, **told)
    model.advance(0.1)
    assert model.shafts.bus_v() < 10.0
    repair(session.body.emulator)
    assert all(servo.present and servo.temperature_c == 25.0 for servo in model.chain.servos)
    model.advance(0.2)
    assert model.shafts.bus_v() == pytest.approx(12.0, abs=0.1)


@pytest.mark.parametrize("cause", CAUSES)
def test_whatever_stops_it_nothing_falls(tmp_path, cause):
    with closing(start_drive({"hidden_seed": 3}, 3, True, tmp_path)) as drive:
        while drive.time_s < 5.0 or drive.truth.peg_z_m > 0.002:
            drive.tick()
        told = stop(drive, {cause: CAUSES[cause]}, 0.0)
        assert told["ended"] and told["impact_m_s"] is None and drive.worst_m_s < FALLING_M_S


@pytest.mark.parametrize("apart_s", [0.3, 2.5])
def test_a_servo_that_falls_silent_on_the_way_home_leaves_no_other_alone_with_its_speed(tmp_path, apart_s):
    """Joints that make up for one another: without one, the rest of them would be faster than all together."""
    with closing(start_drive({"hidden_seed": 3}, 3, True, tmp_path)) as drive:
        while drive.time_s < 5.0 or drive.truth.peg_z_m > 0.002:
            drive.tick()
        causes = {name: CAUSES[name] for name in ("emergency stop", "a servo silent")}
        told = stop(drive, causes, apart_s)
        assert told["ended"] and told["impact_m_s"] is None and drive.worst_m_s < FALLING_M_S


def test_where_it_lies_no_board_pushes_it(tmp_path):
    """The board of this seed goes through the peg, were it endless. Let go, an arm sinks onto itself."""
    model = VirtualArm(tmp_path, [*ARM.rest_rad, ARM.hold_rad], 6, {}, [0.0, 0.0, 0.0])
    model.advance(0.1)
    assert model.tip_worst_m_s < 0.15


def test_an_arm_that_is_let_go_where_it_works_falls(tmp_path):
    with closing(start_drive({"hidden_seed": 3}, 3, False, tmp_path)) as drive:
        while drive.time_s < 3.4:
            drive.tick()
        assert stop(drive, {"control killed": CAUSES["control killed"]}, 0.0)["impact_m_s"] > FALLING_M_S
