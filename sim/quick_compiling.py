"""Kernels without what nobody asks for, and what takes long to compile.

A slice that does not fit what it is assigned is an error without numbers. Numba writes both shapes into its message, compiles
for that how numbers become text, and puts all of it into every kernel that assigns an array to a slice, and into all
that call it: `m[:, 1] = x` took 4.5 s, and takes 0.3 s.

No kernel has a second entrance, for callers in C.

Numba compares its settings, some thirty thousand times for the kernels of a car, and looked each one up by name for that.
"""

from functools import cache
from typing import Any

from numba.core.compiler import Flags
from numba.core.targetconfig import TargetConfig
from numba.extending import overload
from numba.np import arrayobj


def raise_misfit(_source_shape, _slice_shape):
    """What kernels call in place of Numba's `raise_with_shape_context`."""


@overload(raise_misfit)
def _raise_misfit(_source_shape, _slice_shape):
    def raises(_source_shape, _slice_shape):
        raise ValueError("found an array of another shape than the slice that it is assigned to")

    return raises


arrayobj.raise_with_shape_context = raise_misfit
Flags.options["no_cfunc_wrapper"]._default = True


@cache
def _defaults(kind: type[TargetConfig]) -> dict[str, Any]:
    return {name: option.default for name, option in kind.options.items()}


TargetConfig.values = lambda self: {**_defaults(type(self)), **self._values}  # type: ignore[method-assign]
