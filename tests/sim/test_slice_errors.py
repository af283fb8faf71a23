"""An array that does not fit a slice is refused, and no kernel carries what it takes to write both shapes down."""

import numpy as np
import pytest
from numba import njit

from sim import slice_errors  # noqa: F401


@njit
def put(row, matrix):
    matrix[:, 1] = row


def test_what_fits_is_assigned_and_what_does_not_is_refused() -> None:
    matrix = np.zeros((3, 2))
    put(np.arange(3.0), matrix)
    np.testing.assert_array_equal(matrix, [[0.0, 0.0], [0.0, 1.0], [0.0, 2.0]])
    with pytest.raises(ValueError, match="another shape"):
        put(np.arange(4.0), matrix)
    with pytest.raises(ValueError, match="another shape"):
        put(np.arange(2.0), matrix)


def test_no_text_is_put_together_in_kernels() -> None:
    put(np.arange(3.0), np.zeros((3, 2)))
    (compiled,) = put.overloads.values()
    names = [function.name for function in compiled.library._final_module.functions]
    assert names and not [name for name in names if "unicode" in name]
