"""What is known of a policy's flights."""

import numpy as np

from robot.robots.quadrotor.practising.progress import DroneProgress


def test_where_a_policy_stayed_is_told_by_whole_flights_that_noted_it() -> None:
    progress = DroneProgress()
    progress.episodes = [
        {"version": 1, "outcome": "success", "merit": 0.03},  # of a run before that was noted
        {"version": 1, "outcome": "success", "merit": 0.02, "lean_m": [0.01, 0.0, 0.0]},
        {"version": 1, "outcome": "failure", "merit": 0.5, "lean_m": [0.4, 0.0, 0.0]},
        {"version": 2, "outcome": "success", "merit": 0.01, "lean_m": [0.0, 0.02, 0.0]},
    ]
    assert np.array_equal(progress.leans_m(1), [[0.01, 0.0, 0.0]])
    assert progress.errors_m(1) == [0.03, 0.02]
