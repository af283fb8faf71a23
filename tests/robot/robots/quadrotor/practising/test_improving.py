"""When a policy that practice has made is worth a flight."""

import pytest

from robot.robots.quadrotor.evaluation.judgement import Figures
from robot.robots.quadrotor.practising.improving import Improved


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
