"""The fused multiply-add that NumPy lacks; the rest is held to the compiled C in test_c_source.py."""

from fractions import Fraction

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from firmware_export.arithmetic import fused

FLOATS = st.floats(width=32, allow_nan=False, allow_infinity=False, min_value=-(2.0**50), max_value=2.0**50)


def nearest(exact: Fraction) -> np.float32:
    """The float32 nearest to a fraction, halves to even."""
    guess = np.float32(float(exact))
    around = [np.nextafter(guess, np.float32(-np.inf)), guess, np.nextafter(guess, np.float32(np.inf))]
    return min(around, key=lambda one: (abs(Fraction(float(one)) - exact), int(one.view(np.uint32)) & 1))


@given(FLOATS, FLOATS, FLOATS)
def test_it_rounds_once(a: float, b: float, c: float) -> None:
    found = fused(np.float32(a), np.float32(b), np.float32(c))
    assert found == nearest(Fraction(a) * Fraction(b) + Fraction(c))


def test_it_sees_what_double_precision_rounds_away() -> None:
    """1 + 2^-11 + 2^-24 lies half-way between two float32; what is added decides, though a double has no room for it."""
    a = np.float32(1.0 + 2.0**-12)
    below, above = np.float32(1.0 + 2.0**-11), np.float32(1.0 + 2.0**-11 + 2.0**-23)
    tiny = np.array([2.0**-60, 0.0, -(2.0**-60)], np.float32)
    np.testing.assert_array_equal(fused(a, a, tiny), [above, below, below])
    np.testing.assert_array_equal(fused(-a, a, tiny), [-below, -below, -above])


def test_infinities_and_nan_pass() -> None:
    huge = np.array([np.inf, np.nan, 3e38, -np.inf], np.float32)
    with np.errstate(all="ignore"):
        found = fused(huge, np.float32(3e38), np.float32(1.0))
    np.testing.assert_array_equal(found, [np.inf, np.nan, np.inf, -np.inf])
