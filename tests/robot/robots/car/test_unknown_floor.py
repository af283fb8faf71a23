"""A floor that no corner has been driven on: at first at a speed from which ice would leave a way out, then as fast as it bears."""

from pathlib import Path

import pytest

from robot.robots.car.estimation.tracker import Estimate
from robot.robots.car.mind import FLOOR_UNKNOWN, UNKNOWN_FLOOR_M_S, Pipeline
from robot.robots.car.safety_drive import start
from robot.robots.car.shield.predictive_brake import AS_PROPOSED


@pytest.mark.parametrize(("track", "grip_share"), [("oval", 1.0), ("ell", 0.45)])
def test_until_a_corner_has_shown_what_the_floor_holds_it_is_slow(
    track: str, grip_share: float, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    estimates: list[Estimate] = []
    fastest_m_s = Pipeline.fastest_m_s

    def watched(pipeline: Pipeline, estimate: Estimate) -> float:
        estimates.append(estimate)
        return fastest_m_s(pipeline, estimate)

    monkeypatch.setattr(Pipeline, "fastest_m_s", watched)
    drive = start(track, 3, 7, grip_share, True, tmp_path)
    pipeline, asked_m_s = drive.pipeline, {True: 0.0, False: 0.0}
    try:
        while drive.time_s < 12.0:
            drive.tick()
            if pipeline.is_decision and estimates:
                shares = zip(estimates[-1].grip_shares, estimates[-1].least_grip_shares, strict=True)
                unknown = max(share - least for share, least in shares) > FLOOR_UNKNOWN
                asked_m_s[unknown] = max(asked_m_s[unknown], pipeline.goal[1])
                if unknown and pipeline.decisions.proposed[1] > pipeline.executed[1]:
                    assert pipeline.brake_reason != AS_PROPOSED  # it counts as changed
    finally:
        drive.vesc.close()
        drive.lidar.close()
    assert asked_m_s[True] == pytest.approx(UNKNOWN_FLOOR_M_S)
    assert asked_m_s[False] > UNKNOWN_FLOOR_M_S + 0.5
