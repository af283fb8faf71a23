"""An array that does not fit a slice is refused, and kernels carry nothing that nobody asks for."""

import numpy as np
import pytest
from numba import cfunc, njit
from numba.core.compiler import Flags

from sim import quick_compiling  # noqa: F401


@njit
def put(row, matrix):
    matrix[:, 1] = row


def test_what_fits_is_assigned_and_what_does_not_is_refused() -> None:
    matrix = np.zeros((3, 2))
    put(np.arange(3.0), matrix)
    np.testing.assert_array_equal(matrix, [[0.0, 0.0], [0.0, 1.0], [0.0, 2.0]])
    for size in (2, 4):
        with pytest.raises(ValueError, match="another shape"):
            put(np.arange(float(size)), matrix)


def test_no_text_is_put_together_in_kernels_and_no_entrance_is_made_for_c() -> None:
    put(np.arange(3.0), np.zeros((3, 2)))
    (compiled,) = put.overloads.values()
    names = [function.name for function in compiled.library._final_module.functions]
    assert names and not [name for name in names if "unicode" in name or name.startswith("cfunc.")]


def test_who_wants_an_entrance_for_c_has_it() -> None:
    assert cfunc("float64(float64)")(lambda x: 2.0 * x).ctypes(4.0) == 8.0


def test_settings_are_what_was_set_and_else_their_defaults() -> None:
    flags = Flags()
    flags.nrt, flags.auto_parallel = True, {"fusion": True}
    assert flags.values() == {name: getattr(flags, name) for name in Flags.options}
    assert flags == flags.copy() != Flags()
