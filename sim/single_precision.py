"""Equations in single precision: recompile plain scalar functions so that LLVM can run them on eight cars at once.

Equations are written once, as plain functions with float literals and `math`. Numba types a literal as float64, so one
`1.0` would pull a float32 computation back to float64, half as wide; and `math.sin` is a call into libm, which no
loop vectoriser can cross. `specialise` copies a function with float32 literals and `sim.lane_math` in place of `math`.
"""

import hashlib
import inspect
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from types import FunctionType, ModuleType
from typing import Any

import numpy as np
from numba import njit
from numba.core.dispatcher import Dispatcher

from sim import lane_math

# NaN and infinity keep their meaning, and sums their order: it might differ from one compilation to the next.
OPTIONS: dict[str, Any] = {"error_model": "numpy", "fastmath": {"contract", "arcp", "nsz", "afn"}}
# For what is only called from other compiled code: a wrapper for Python would take longer to compile than the function.
INLINED: dict[str, Any] = OPTIONS | {"forceinline": True, "no_cpython_wrapper": True, "no_cfunc_wrapper": True}


@dataclass(frozen=True)
class Target:
    """Where specialised functions run: how those that others call are compiled, and what stands in for `math`."""

    compiled: Callable[[FunctionType], Any]
    maths: ModuleType


CPU = Target(njit(**INLINED), lane_math)


_compiled: dict[tuple[Target, FunctionType, str], Any] = {}  # what kernels of this process share: they differ in little


@dataclass(frozen=True)
class _Orders:
    homes: frozenset[str]  # modules whose functions are plain Python, and whose names `supplied` replaces
    supplied: dict[str, Any]
    target: Target
    copies: dict[FunctionType, tuple[Any, str]] = field(default_factory=dict)  # what others call, compiled once each


def specialise(
    function: Callable[..., Any], target: Target = CPU, modules: tuple[ModuleType, ...] = (), /, **supplied: Any
) -> FunctionType:
    """A plain copy, to be compiled with OPTIONS, of a function of a module, in which every float constant is float32.

    The functions of ours that it calls are copied in the same way, and compiled. `supplied` replaces module-level names
    in `function` and in the functions of its module and of `modules`: numbers become compile-time constants. Raises
    ValueError for a closure.

    The copy's name ends in a digest of all code, constants and options that went into it. Numba's cache on disk, which knows a
    function by its name and would miss an edit in a callee's file, can thus never serve a stale kernel.
    """
    homes = frozenset((_source(function).__module__, *(module.__name__ for module in modules)))
    return _copy(_source(function), _Orders(homes, supplied, target))


def _source(function: Callable[..., Any]) -> FunctionType:
    plain = function.py_func if isinstance(function, Dispatcher) else function
    assert isinstance(plain, FunctionType)
    return plain


def _copy(source: FunctionType, orders: _Orders) -> FunctionType:
    code = source.__code__
    if source.__closure__:
        raise ValueError(f"{source.__qualname__}: found a closure; only functions of a module can be specialised")
    digest = hashlib.sha256(code.co_code)
    digest.update(f"{sorted(OPTIONS['fastmath'])}".encode())
    namespace = dict(source.__globals__)
    if source.__module__ in orders.homes:
        namespace |= orders.supplied
    for name in code.co_names:
        if name in namespace:
            namespace[name], identity = _translate(namespace[name], orders)
            digest.update(f"{name} = {identity}\n".encode())
    literals = [_translate(value, orders) for value in code.co_consts]
    digest.update("\n".join(identity for _, identity in literals[1:]).encode())  # the first one is the docstring
    name = f"{source.__name__}_{digest.hexdigest()[:16]}"
    code = code.replace(co_consts=tuple(value for value, _ in literals), co_name=name)
    copy = FunctionType(code, namespace, name, source.__defaults__)
    copy.__qualname__ = name  # by which Numba knows it
    return copy


def _translate(value: Any, orders: _Orders) -> tuple[Any, str]:
    """The single-precision counterpart of a global or a literal, and a text that identifies it."""
    if isinstance(value, Dispatcher) or (isinstance(value, FunctionType) and value.__module__ in orders.homes):
        source = _source(value)
        if source not in orders.copies:
            copy = _copy(source, orders)
            name = orders.target, source, copy.__name__
            if name not in _compiled:
                _compiled[name] = orders.target.compiled(copy)
            orders.copies[source] = _compiled[name], copy.__name__
        return orders.copies[source]
    if isinstance(value, float):
        return np.float32(value), repr(value)
    if isinstance(value, np.ndarray):
        single = value.astype(np.float32) if value.dtype == np.float64 else value
        return single, hashlib.sha256(single.tobytes()).hexdigest()
    if value is math:
        return orders.target.maths, inspect.getsource(lane_math)
    if isinstance(value, int | str | np.generic | None):
        return value, repr(value)
    return value, getattr(value, "__name__", repr(value))
