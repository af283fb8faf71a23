"""The campaign's arm with a camera on its hand: it holds for whatever its camera does, and the drive that a stop was forked from goes on."""

import json
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

pytest.importorskip("cv2")

from drivers.emulators.virtual_arm import VirtualArm
from robot.practice.episodic_mind import Reason
from robot.robots.arm.arm_file import load_arm
from robot.robots.arm.eyes.safety_drive import OF_EYES, start_seeing
from robot.robots.arm.eyes.safety_trials import EYES, FAULTS, LOCKSTEP, VIRTUAL
from robot.robots.arm.safety_drive import FALLING_M_S, MOVES_M_S, real_file
from robot.robots.arm.safety_trials import TRIALS
from robot.safety.campaign.stops.lockstep_stops import forked, stop
from robot.safety.campaign.trials import tried_robots
from robot.safety.supervisor import Mode
from tests.robot.robots.arm.eyes.seeing_arm_bench import SeeingArmBench

OF_ARM = TRIALS.of(VIRTUAL)


def session_of(model: VirtualArm) -> Any:
    """As far as a fault looks at one."""

    def fault(do: str, **arguments: Any) -> None:
        model.obey(json.dumps({"do": do, **arguments}).encode())

    return SimpleNamespace(body=SimpleNamespace(emulator=SimpleNamespace(fault=fault)))


def test_an_arm_with_a_camera_is_tried_with_trials_of_its_own() -> None:
    assert tried_robots()[VIRTUAL] == "arm"
    assert OF_ARM is not TRIALS and TRIALS.of("virtual-arm") is TRIALS
    assert set(EYES) == set(OF_EYES) and set(EYES) | set(TRIALS.stops.lockstep.causes) == set(LOCKSTEP.causes)  # type: ignore[union-attr]
    names = {cause.name for cause in OF_ARM.stops.going_on}  # type: ignore[union-attr]
    assert {name for eye in EYES for name in (eye, f"{eye}, kill -9 control")} <= names


def test_it_holds_for_whatever_its_camera_does_in_motion(tmp_path: Path) -> None:
    with closing(start_seeing({"hidden_seed": 3}, 3, True, tmp_path)) as drive:
        for name in EYES:
            while drive.time_s < 5.0 or drive.truth.tip_m_s < 3.0 * MOVES_M_S or not drive.works:
                drive.tick()
                assert drive.time_s < 60.0, "it does not work"
            told = forked(drive, {name: LOCKSTEP.causes[name]}, 0.0)
            assert told["ended"] and told["impact_m_s"] is None and told["speed_m_s"] > 3.0 * MOVES_M_S, name
            drive.tick()
            assert drive.works, name


@pytest.mark.parametrize("name", EYES)
def test_what_stops_it_is_that_it_does_not_see(tmp_path: Path, name: str) -> None:
    with closing(start_seeing({"hidden_seed": 4}, 4, True, tmp_path)) as drive:
        while drive.time_s < 5.0 or drive.truth.tip_m_s < MOVES_M_S or not drive.works:
            drive.tick()
        told = stop(drive, {name: LOCKSTEP.causes[name]}, 0.0)
        assert (drive.mind.outputs["mode"], drive.mind.outputs["reason"]) == (Mode.STOP, Reason.BLIND)
        assert told["ended"] and drive.worst_m_s < FALLING_M_S and drive.mind.torque


def test_an_arm_that_is_let_go_where_it_works_falls(tmp_path: Path) -> None:
    with closing(start_seeing({"hidden_seed": 3}, 3, False, tmp_path)) as drive:
        while drive.time_s < 4.0:
            drive.tick()
        assert stop(drive, {"control killed": LOCKSTEP.causes["control killed"]}, 0.0)["impact_m_s"] > FALLING_M_S


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> SeeingArmBench:
    bench = SeeingArmBench(tmp_path_factory.mktemp("arm"), 3)
    bench.run(6.0)
    return bench


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_each_fault_does_as_designed_and_what_was_broken_is_whole_again(bench: SeeingArmBench, fault: Any) -> None:
    session = session_of(bench.model)
    fault.begin(session)
    bench.run(1.0)
    assert (bench.mind.outputs["mode"], bench.mind.outputs["reason"]) == (fault.mode, fault.reasons[0])
    OF_ARM.stops.repair(session.body.emulator)  # type: ignore[union-attr]
    bench.run(2.5)
    assert bench.mind.outputs["mode"] == Mode.RUN
    fault.begin(session)
    bench.run(1.0)
    assert fault.end is not None
    fault.end(session)
    bench.run(2.5)
    assert bench.mind.outputs["mode"] == Mode.RUN and bench.truth.overloads == 0.0


def test_the_judges_arm_is_read_as_a_real_one_at_its_ports(tmp_path: Path) -> None:
    ports = {"follower": "/a", "board": "/b", "camera": "/c"}
    (tmp_path / "arm.toml").write_text(real_file(VIRTUAL, ports))
    arm = load_arm(str(tmp_path / "arm.toml"))
    assert not arm.virtual and (arm.follower.port, arm.board.port) == ("/a", "/b")
    assert getattr(arm.camera, "source", "") == "pipe:/c"
