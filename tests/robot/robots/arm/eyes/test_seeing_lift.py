"""An arm finds its block by the camera on its hand and lifts it, looks for it where it is gone, and holds when it no longer sees: judged by truth."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("cv2")

from drivers.board_stage import BoardReading
from drivers.reading_record import reading_of
from robot.practice.episodic_mind import Reason
from robot.robots.arm.eyes.lifting import LOOKS_S, SeeingLiftMind
from robot.robots.arm.eyes.wrist_eyes import EYES_FRESH_S
from robot.runtime.skills import Learned
from robot.tasks.lift import HELD_M
from sim.arm.around_block import HALF_M
from tests.robot.robots.arm.eyes.seeing_arm_bench import SeeingArmBench

TABLE_M = -0.04
LIFTS_WITHIN_S = 15.0  # from a first look on
CORNER_M = [0.31, 0.14, TABLE_M + HALF_M]  # out of the camera's sight, and of the hand's reach


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[SeeingArmBench]:
    """A script lifts, so that nothing has to be learned first."""
    bench = SeeingArmBench(tmp_path, 3, task="lift_by_camera", demonstrations=10)
    yield bench
    bench.close()


def mind_of(bench: SeeingArmBench) -> SeeingLiftMind:
    assert isinstance(bench.mind, SeeingLiftMind)
    return bench.mind


def block_m(bench: SeeingArmBench) -> np.ndarray:
    return np.array([bench.truth.hole_x_m, bench.truth.hole_y_m, bench.truth.hole_z_m])


def off_m(bench: SeeingArmBench) -> float:
    return float(np.linalg.norm(mind_of(bench).block.place - block_m(bench)))


def until_raised(bench: SeeingArmBench, by_m: float) -> None:
    end_s = bench.time_s + LIFTS_WITHIN_S
    while block_m(bench)[2] < TABLE_M + HALF_M + by_m:
        bench.run(0.02)
        assert bench.time_s < end_s, "it does not lift"


def until_it_begins(bench: SeeingArmBench) -> None:
    while not isinstance(bench.mind.order.skill, Learned):
        bench.run(0.02)
        assert bench.time_s < 60.0, "it does not begin"


def test_it_lifts_what_nobody_has_told_it_of_and_puts_it_down_elsewhere(bench: SeeingArmBench) -> None:
    beside_m, places = [], []
    while bench.mind.to_show > 7:
        before = bench.mind.order.skill
        bench.run(0.02)
        assert bench.time_s < 40.0, "it does not lift"
        if bench.mind.order.skill is not before and isinstance(bench.mind.order.skill, Learned):
            beside_m.append(off_m(bench))
            places.append(block_m(bench))
    told = [reading_of(readings["board"], BoardReading).place_m for readings, _ in bench.ticks]
    assert np.abs(np.diff([each for each in told if any(each)], axis=0)).max() == 0.0, (
        "the stage tells one place, always"
    )
    assert bench.truth.done == 3 and bench.truth.moves == 0, "nobody helped"
    assert max(beside_m) < 0.006 and np.linalg.norm(places[1] - places[0]) > 0.003
    assert bench.truth.load_worst < 0.6


def test_while_it_carries_it_knows_where_the_block_is(bench: SeeingArmBench) -> None:
    until_raised(bench, 0.02)
    assert mind_of(bench).block.gripped and off_m(bench) < 0.01


@pytest.mark.parametrize("seen", [False, True])
def test_a_block_that_was_taken_away_is_looked_for_and_then_brought(bench: SeeingArmBench, seen: bool) -> None:
    """Before the arm has seen it, or after that."""
    if seen:
        until_it_begins(bench)
    bench.model.shafts.batch.put("block_m", CORNER_M)
    while bench.truth.moves < 1.0:
        bench.run(0.1)
        assert bench.time_s < LOOKS_S + 2.0 * LIFTS_WITHIN_S
    until_raised(bench, 0.04)


def test_a_block_that_slips_from_the_hand_is_no_success(bench: SeeingArmBench) -> None:
    until_raised(bench, 0.015)
    place = block_m(bench)
    bench.model.shafts.batch.put("block_m", [place[0], place[1], TABLE_M + HALF_M])
    bench.model.shafts.batch.put("block_m_s", np.zeros(3))
    for _ in range(100):
        bench.run(0.02)
        if block_m(bench)[2] < TABLE_M + HALF_M + 0.03:
            assert bench.mind.to_show == 10, "it said that it had lifted"
    assert off_m(bench) < 0.01


@pytest.mark.parametrize("vice", ["frozen", "black", "silent", "torn"])
def test_without_pictures_it_holds_what_it_has_and_goes_on_when_there_are_new_ones(
    bench: SeeingArmBench, vice: str
) -> None:
    until_raised(bench, 0.02)
    bench.model.camera.fault(vice, True)
    bench.run(EYES_FRESH_S + 0.6)
    assert bench.mind.outputs["reason"] == Reason.BLIND
    high_m = block_m(bench)[2]
    bench.run(1.0)
    assert block_m(bench)[2] == pytest.approx(high_m, abs=0.002)
    assert np.linalg.norm(bench.truth[1:4]) < HELD_M, "it has dropped it"
    bench.model.camera.fault(vice, False)
    bench.run(1.0)
    assert bench.mind.outputs["reason"] != Reason.BLIND
    until_raised(bench, 0.03)


def test_another_life_looks_for_its_block_again(bench: SeeingArmBench) -> None:
    until_it_begins(bench)
    bench.live()
    assert mind_of(bench).block.pictures == 0
    bench.run(0.5)
    until_it_begins(bench)
    assert mind_of(bench).knows_block and off_m(bench) < 0.006
