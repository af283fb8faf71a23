"""The benchmark of the control loop, with sessions of a second."""

from robot.bench import loop


def test_sessions_with_and_without_the_learner_are_measured() -> None:
    figures = loop.run(seconds=1.0, pairs=1)
    assert figures["ticks"] >= 40
    assert 0.0 < figures["late_p50_us"] <= figures["late_p99_us"] <= figures["late_p999_us"]
    assert figures["extra_misses_per_1000"] <= figures["misses_per_1000"]
