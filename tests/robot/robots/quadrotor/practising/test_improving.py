"""When a policy that practice has made is worth a flight."""

from pathlib import Path

import numpy as np
import pytest

from policies.policy_file import load_policy
from robot.robots.quadrotor.evaluation.evaluation import Conditions, Network
from robot.robots.quadrotor.evaluation.judgement import Figures
from robot.robots.quadrotor.evaluation.tracking import fly_path
from robot.robots.quadrotor.practising import improving
from robot.robots.quadrotor.practising.fit import Fitted
from robot.robots.quadrotor.practising.improving import ESTIMATE, JUDGED_SEED, SPREAD, Improved, as_flown, improve
from robot.tasks import track_trajectory
from sim.quadrotor.model import load_parameters

POLICY = Path(__file__).parents[4] / "recordings" / "policies" / "track_trajectory.npz"


def figures(survival: float, error_m: float | None) -> Figures:
    return {"survival": survival, "position_error_m": error_m}  # type: ignore[typeddict-item]


@pytest.mark.parametrize(
    ("after", "beaten", "worth"),
    [
        ((0.9, 0.0089), 0, True),
        ((0.9, 0.0091), 0, False),
        ((0.9, 0.0089), 1, False),  # the simulator has promised that much in vain
        ((0.9, 0.0080), 1, True),
        ((0.92, 0.02), 5, True),  # who survives more often is
        ((0.88, 0.001), 0, False),
        ((0.0, None), 0, False),
    ],
)
def test_it_has_to_promise_more_for_each_promise_that_was_not_kept(
    after: tuple[float, float | None], beaten: int, worth: bool
) -> None:
    assert Improved(None, figures(0.9, 0.01), figures(*after), 0, 0.0).is_better(beaten) is worth  # type: ignore[arg-type]


def test_a_policy_for_paths_is_judged_by_the_figure_that_is_flown(monkeypatch: pytest.MonkeyPatch) -> None:
    """At the lap that is asked for: a fast one may ask for more thrust than random paths do."""
    monkeypatch.setattr(improving, "ITERATIONS", 1)
    monkeypatch.setattr(improving, "JUDGED_FLIGHTS", 32)
    policy, quadrotor = load_policy(POLICY), load_parameters("crazyflie_2_0")
    fitted = Fitted(quadrotor, 1.0, 1.0, 1.0, 0.005, (0.0, 0.0, 0.0), (0.0, 0.0, 0.0), 0.0, 0.0)
    found = improve(policy.weights, policy.layers, "track_trajectory", fitted, 1, 3.5)
    under = Conditions(as_flown(quadrotor), SPREAD, track_trajectory.STARTS, ESTIMATE)

    def flown(lap_s: float) -> Figures:
        path = track_trajectory.figure_of_eight(lap_s)
        return fly_path(
            Network(policy.weights, policy.layers, track_trajectory), path, under, JUDGED_SEED, 32
        ).figures()

    assert found.before == flown(3.5) != flown(5.5)
    assert found.updates == 1 and not np.array_equal(found.weights, policy.weights)
