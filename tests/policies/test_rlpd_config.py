"""Presets for tasks of other sizes and rates."""

import pytest

from policies.rlpd_config import FROM_POLICY, FROM_SCRATCH, RlpdConfig, for_task
from robot.tasks import find_task


@pytest.mark.parametrize("preset", [FROM_POLICY, FROM_SCRATCH])
def test_the_car_gets_the_presets_as_they_are(preset: RlpdConfig) -> None:
    spec = find_task("race_track")
    assert for_task(preset, spec.action_size, spec.decision_s) == preset


def test_more_actions_want_more_entropy_and_faster_ones_look_as_far_ahead() -> None:
    found = for_task(FROM_SCRATCH, 4, 0.01)
    assert (found.entropy_start, found.entropy_end) == (-4.0, -12.0)
    assert (found.entropy_steps, found.prior_share_steps, found.anchor_steps) == (100_000, 30_000, 60_000)
    assert found.settle_steps == 110_000
    assert found.gamma**10 == pytest.approx(FROM_SCRATCH.gamma)
