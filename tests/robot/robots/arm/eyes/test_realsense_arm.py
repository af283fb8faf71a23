"""An arm whose hand has a RealSense inserts by it, holds in motion for whatever that does, and goes on: judged by the simulator's truth."""

from collections.abc import Callable, Iterator

import pytest

pytest.importorskip("pyrealsense2")
pytest.importorskip("cv2")

from robot.practice.episodic_mind import Reason
from robot.robots.arm.eyes.wrist_eyes import EYES_FRESH_S
from robot.safety.supervisor import Mode
from tests.robot.robots.arm.eyes.realsense_arm_bench import LATENCY_S, RealSenseArmBench

STANDS_WITHIN_S, STANDS_M_S = 0.6, 0.02
Act = Callable[[RealSenseArmBench], None]


def vice(name: str) -> tuple[Act, Act]:
    return (
        lambda bench: setattr(bench.real.sensor.vices, name, True),
        lambda bench: setattr(bench.real.sensor.vices, name, False),
    )


def late(seconds: float) -> Act:
    return lambda bench: setattr(bench.real.sensor.vices, "late_s", LATENCY_S + seconds)


VICES: dict[str, tuple[Act, Act]] = {
    "torn out": (lambda bench: bench.real.unplug(), lambda bench: bench.real.plug()),
    "late": (late(0.3), late(0.0)),
    **{name: vice(name) for name in ("frozen", "black", "covered", "torn", "silent")},
}


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealSenseArmBench]:
    bench = RealSenseArmBench(tmp_path_factory.mktemp("arm"), 3)
    while bench.outcomes.count("success") < 2:
        bench.run(1.0)
        assert bench.time_s < 60.0, "it does not insert"
    yield bench
    bench.close()


@pytest.mark.parametrize("name", VICES)
def test_it_holds_without_a_new_picture_and_goes_on_with_one(bench: RealSenseArmBench, name: str) -> None:
    begins, ends = VICES[name]
    for _ in range(200):
        bench.run(0.1)
        if bench.mind.outputs["mode"] == Mode.RUN and bench.truth.tip_m_s > STANDS_M_S:
            break
    begins(bench)
    bench.run(EYES_FRESH_S + STANDS_WITHIN_S)
    assert (bench.mind.outputs["mode"], bench.mind.outputs["reason"]) == (Mode.STOP, Reason.BLIND)
    bench.run(0.5)
    assert bench.truth.tip_m_s < STANDS_M_S and bench.mind.outputs["mode"] == Mode.STOP and bench.mind.torque
    ends(bench)
    moved_m_s = 0.0
    for _ in range(30):
        bench.run(0.1)
        moved_m_s = max(moved_m_s, bench.truth.tip_m_s)
    assert moved_m_s > STANDS_M_S and bench.truth.overloads == 0.0
