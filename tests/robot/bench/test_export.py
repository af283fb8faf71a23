"""The exported C against what others' C costs, on the same emulated processor."""

import numpy as np

from robot.bench import export
from tests.firmware_export.toolchain import needs_arm_gcc


@needs_arm_gcc
def test_ours_takes_less_than_a_plain_loop_and_than_emlearn() -> None:
    figures = export.run()
    ours, rivals = ("fma", "muladd", "int8"), ("naive", "naive_unrolled", "emlearn", "emlearn_unrolled")
    for rival in rivals:
        assert figures[rival]["error"] < 1e-4  # it computes the same network
        for name in ours:
            assert figures[name]["instructions"] < figures[rival]["instructions"]
            assert figures[name]["cycles_model"] < figures[rival]["cycles_model"]
    assert figures["naive_over_fma"] > 2.0
    assert figures["emlearn_over_fma"] > 2.0


def test_emlearn_does_not_change_numpy_for_others() -> None:
    """It lets underflow raise, when it is imported."""
    assert np.geterr()["under"] == "ignore"
