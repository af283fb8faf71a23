"""Equations recompiled in single precision: same values, float32 throughout, and a name that tells versions apart."""

import math
from types import FunctionType

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numba import njit

from sim import lane_math
from sim.car import model as car
from sim.single_precision import OPTIONS, specialise

SCALE = 2.5
WIDE = car.load_parameters().packed()
NARROW = WIDE.astype(np.float32)
derivative = njit(**OPTIONS)(specialise(car.body_derivative))


def scaled(x: float) -> float:
    return SCALE * math.sin(x)


def halved(x: float) -> float:
    return 0.5 * x


def both(x: float) -> float:
    return scaled(x) + halved(x)


@given(angle=st.floats(-20.0, 20.0, width=32))
@settings(deadline=None)
def test_sine_and_cosine_are_close_to_libm_s(angle: float) -> None:
    allowed = 3e-7 + 2e-7 * abs(angle) / math.pi
    assert lane_math.sin(np.float32(angle)) == pytest.approx(math.sin(angle), abs=allowed)
    assert lane_math.cos(np.float32(angle)) == pytest.approx(math.cos(angle), abs=allowed)


@given(v_x=st.floats(-6, 8), v_y=st.floats(-2, 2), yaw_rate=st.floats(-6, 6), steer=st.floats(-0.4, 0.4))
@settings(deadline=None)
def test_the_car_s_equations_agree_in_both_precisions(v_x: float, v_y: float, yaw_rate: float, steer: float) -> None:
    wide = car.body_derivative(v_x, v_y, yaw_rate, steer, 1.0, WIDE)
    narrow = derivative(*np.float32([v_x, v_y, yaw_rate, steer, 1.0]), NARROW)
    np.testing.assert_allclose(narrow, wide, rtol=1e-4, atol=2e-4)


def test_nothing_is_left_in_double_precision() -> None:
    derivative(*np.float32([1.0, 0.1, 0.2, 0.1, 1.0]), NARROW)
    signatures = [overload.signature for overload in derivative.overloads.values()]
    assert all("float64" not in str(signature) for signature in signatures)
    assert "sd\t" not in derivative.inspect_asm(derivative.signatures[0]).partition("cpython")[0]


def test_the_name_changes_with_a_constant_of_the_function_or_of_what_it_calls() -> None:
    plain = specialise(scaled)
    assert plain.__name__ == specialise(scaled).__name__
    assert plain.__name__ != specialise(scaled, SCALE=3.0).__name__
    assert njit(**OPTIONS)(specialise(scaled, SCALE=3.0))(np.float32(0.5)) == pytest.approx(3 * math.sin(0.5), rel=1e-6)


def test_kernels_share_what_is_the_same_in_both_and_nothing_else() -> None:
    one, other = specialise(both).__globals__, specialise(both, SCALE=3.0).__globals__
    assert one["halved"] is other["halved"]
    assert one["scaled"] is not other["scaled"]


def test_a_closure_is_refused() -> None:
    factor = 2.0

    def closure(x: float) -> float:
        return factor * x

    assert isinstance(closure, FunctionType)
    with pytest.raises(ValueError, match="found a closure"):
        specialise(closure)


def test_other_options_of_the_compiler_give_another_name(monkeypatch: pytest.MonkeyPatch) -> None:
    before = specialise(scaled).__name__
    monkeypatch.setitem(OPTIONS, "fastmath", OPTIONS["fastmath"] | {"reassoc"})
    assert specialise(scaled).__name__ != before, "the cache on disk would serve a kernel of the old options"


def test_sums_keep_their_order_and_nan_and_infinity_their_meaning() -> None:
    assert not OPTIONS["fastmath"] & {"reassoc", "nnan", "ninf", "fast"}
