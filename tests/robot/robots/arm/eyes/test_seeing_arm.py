"""An arm finds its hole by the camera on its hand, holds when it no longer sees, and goes on when it does: judged by the simulator's truth."""

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("cv2")

from drivers.board_stage import BoardReading
from drivers.emulators.virtual_arm import VirtualArm
from drivers.reading_record import reading_of
from robot.perception.recompute import recompute
from robot.practice.episodic_mind import Reason
from robot.robots.arm.eyes.mind import SeeingInsertionMind
from robot.robots.arm.eyes.wrist_eyes import EYES_FRESH_S
from robot.runtime.skills import Learned
from robot.safety.supervisor import Mode
from sim.arm.insertion import Spread, middle
from tests.robot.robots.arm.eyes.seeing_arm_bench import SeeingArmBench

STANDS_WITHIN_S, STANDS_M_S = 0.6, 0.02  # since pictures are no longer good; the last good one counts for EYES_FRESH_S
Fault = Callable[[VirtualArm], None]


def vice(name: str) -> tuple[Fault, Fault]:
    return (lambda arm: arm.camera.fault(name, True), lambda arm: arm.camera.fault(name, False))


VICES: dict[str, tuple[Fault, Fault]] = {
    "torn out": (lambda arm: arm.camera.unplug(), lambda arm: arm.camera.plug()),
    "late": (lambda arm: arm.camera.be_late(0.3), lambda arm: arm.camera.be_late(0.0)),
    **{name: vice(name) for name in ("frozen", "black", "covered", "torn", "silent")},
}


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SeeingArmBench]:
    bench = SeeingArmBench(tmp_path_factory.mktemp("arm"), 3)
    while len(bench.outcomes) < 3:
        bench.run(1.0)
        assert bench.time_s < 60.0, "it does not insert"
    yield bench
    bench.close()


def test_it_inserts_where_nobody_has_told_it_where_the_hole_is(bench: SeeingArmBench) -> None:
    told = [reading_of(readings["board"], BoardReading).place_m for readings, _ in bench.ticks]
    assert np.abs(np.array([each for each in told if any(each)]) - middle(Spread()).place_m).max() < 1e-5
    assert bench.outcomes.count("success") >= 2 and bench.truth.done >= 1.0


def test_it_knows_the_hole_before_it_begins(bench: SeeingArmBench) -> None:
    while not isinstance(bench.mind.order.skill, Learned):
        bench.run(0.1)
    truth = bench.truth
    off_m = np.abs(bench.mind.hole.place - [truth.hole_x_m, truth.hole_y_m, truth.hole_z_m])
    assert off_m[:2].max() < 0.008  # of up to 0.025 and more


@pytest.mark.parametrize("name", VICES)
def test_it_holds_without_a_new_picture_and_goes_on_with_one(bench: SeeingArmBench, name: str) -> None:
    begins, ends = VICES[name]
    for _ in range(200):
        bench.run(0.1)
        if bench.mind.outputs["mode"] == Mode.RUN and bench.truth.tip_m_s > STANDS_M_S:
            break
    begins(bench.model)
    bench.run(EYES_FRESH_S + STANDS_WITHIN_S)
    held = bench.mind.posture.goal_rad.copy()
    assert bench.mind.outputs["mode"] == Mode.STOP and bench.mind.outputs["reason"] == Reason.BLIND
    bench.run(0.5)
    assert bench.truth.tip_m_s < STANDS_M_S and bench.mind.outputs["mode"] == Mode.STOP
    assert np.abs(bench.mind.posture.goal_rad - held).max() < 0.02 and bench.mind.torque
    ends(bench.model)
    moved_m_s = 0.0
    for _ in range(30):
        bench.run(0.1)
        moved_m_s = max(moved_m_s, bench.truth.tip_m_s)
    assert moved_m_s > STANDS_M_S and bench.truth.overloads == 0.0


def test_a_new_life_of_control_sees_the_hole_that_its_peg_is_in_before_it_draws_it_out(tmp_path: Path) -> None:
    bench = SeeingArmBench(tmp_path, 3)
    for _ in range(4):  # drawn out upright, and not along the hole's axis, the peg jams in one of these
        while not (isinstance(bench.mind.order.skill, Learned) and -0.009 < bench.truth.peg_z_m < -0.003):
            bench.run(0.02)
            assert bench.time_s < 60.0, "it does not insert"
        bench.live()
        moves = bench.truth.moves
        bench.run(3.0)
        assert bench.truth.moves > moves and bench.truth.overloads == 0.0
    bench.close()


def test_the_same_readings_give_the_same_bytes(bench: SeeingArmBench) -> None:
    again = SeeingInsertionMind(bench.told, bench.actor)
    for readings, outputs in bench.ticks:
        again.tick(readings)
        assert again.outputs.tobytes() == outputs.tobytes()


def test_a_picture_of_another_encoder_or_of_the_future_is_none(bench: SeeingArmBench) -> None:
    readings = bench.ticks[-1][0]
    for field, value in (
        ("points", 12),
        ("embedding_age_s", -1.0),
        ("embedding_age_s", np.nan),
        ("embedding_age_s", np.inf),
    ):
        other = readings.copy()
        other["camera"][field] = value
        assert SeeingInsertionMind(bench.told, bench.actor).see(other) is None
    assert SeeingInsertionMind(bench.told, bench.actor).see(readings) is not None


def test_what_was_seen_is_seen_again_and_two_arms_are_equal_to_the_byte(tmp_path: Path) -> None:
    logs = []
    for number in range(2):
        folder, run = tmp_path / f"arm{number}", tmp_path / f"run{number}"
        folder.mkdir()
        run.mkdir()
        bench = SeeingArmBench(folder, 1, keep=run)
        bench.run(3.0)
        bench.close()
        logs.append(b"".join(readings.tobytes() + outputs.tobytes() for readings, outputs in bench.ticks))
        report = recompute(run)
        assert report.equal and report.frames > 60
    assert logs[0] == logs[1]
