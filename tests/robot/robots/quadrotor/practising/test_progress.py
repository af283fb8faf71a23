"""What is known of a policy's flights."""

from pathlib import Path

import numpy as np

from robot.robots.quadrotor.practising.progress import DroneProgress, figures_of, lines_of_truth


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


def test_a_policy_s_flights_have_the_voltage_that_was_noted_or_none() -> None:
    progress = DroneProgress()
    progress.episodes = [
        {"version": 1, "outcome": "success", "battery_v": 3.8},
        {"version": 1, "outcome": "taken-over", "battery_v": 3.7},
        {"version": 1, "outcome": "success"},
    ]
    assert (
        progress.batteries_v(1)[0] == 3.8 and np.isnan(progress.batteries_v(1)[1]) and len(progress.batteries_v(1)) == 2
    )


def test_a_battery_is_spent_where_a_policy_lacks_the_thrust_that_it_has_had() -> None:
    def flights(*flown: tuple[int, float]) -> bool:
        progress = DroneProgress()
        progress.episodes = [{"version": version, "at_full": at_full} for version, at_full in flown]
        return progress.battery_is_spent

    assert flights((0, 0.0), (1, 0.0), (1, 0.18))
    assert not flights((0, 0.0), (1, 0.18))  # a new policy: it may be that
    assert not flights((0, 0.27), (0, 0.4))  # it never had it: another battery does not help
    assert not flights((1, 0.0), (1, 0.05))


def test_a_person_is_told_how_it_flew_from_where_it_stood_and_what_it_could_not_know(tmp_path: Path) -> None:
    def flight(true_m: float | None, from_ground_m: float | None) -> dict[str, object]:
        return {"version": 0, "outcome": "success", "merit": 0.02, "practice_s": 20.0, "baseline": True, "landed": True,
                "touch_down_m_s": 0.3, "true_error_m": true_m, "from_ground_m": from_ground_m}  # fmt: skip

    virtual, real = DroneProgress(), DroneProgress()
    virtual.episodes = [flight(0.025, 0.017), flight(0.05, 0.05), flight(0.037, 0.016), flight(0.036, 0.015)]
    real.episodes = [flight(None, None)]
    told = lines_of_truth(figures_of(virtual, tmp_path, 1.0, "hover"))
    assert "first 1.7 cm, last three 1.6 cm" in told[0] and "2.5 and 3.7 cm" in told[1]
    assert lines_of_truth(figures_of(real, tmp_path, 1.0, "hover")) == []  # of a real drone nobody knows the truth
