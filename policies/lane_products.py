"""Products of small matrices with rows of lanes, as vector instructions: where BLAS would need longer to be called than to multiply.

A tile is TILE rows of the result and STRIP lanes of it, or TILE rows and TILE columns, which stay in registers while the sum
is taken. The last tile of a result overlaps the one before where it would reach beyond the end, so that sizes need not be
multiples, but at least one tile. Sums are of fused multiply-adds in one order: the same bits on every machine.

Numba compiles loops; what it does not do is to keep a tile in registers, so the tiles are written as LLVM's instructions.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.core.imputils import impl_ret_untracked
from numba.extending import intrinsic
from numba.np.arrayobj import make_array

TILE = 4
WIDTH, VECTORS = 16, 2  # numbers in a vector, vectors in a strip
STRIP = WIDTH * VECTORS
STRETCH = 256  # rows
FLOAT, WORD = ir.FloatType(), ir.IntType(64)
VECTOR = ir.VectorType(FLOAT, WIDTH)
written: Any = intrinsic  # untyped: callers leave out the first argument, which is Numba's


def product(matrix, x, out):
    """out (rows, n) = matrix (rows, terms) x (terms, n), all float32; the matrix may be a transposed one."""
    for row in range(0, out.shape[0], TILE):
        for lane in range(0, out.shape[1], STRIP):
            product_tile(matrix, x, out, min(row, out.shape[0] - TILE), min(lane, out.shape[1] - STRIP))


def outer(a, b, out):
    """out (rows, columns) = a (rows, n) b (columns, n)^T, all float32; n: whole vectors of WIDTH."""
    for row in range(0, out.shape[0], TILE):
        for column in range(0, out.shape[1], TILE):
            outer_tile(a, b, out, min(row, out.shape[0] - TILE), min(column, out.shape[1] - TILE))


def product_over_rows(a, b, out):
    """out (rows, columns) = a (n, rows)^T b (n, columns), all float32: in stretches of n that stay in a core's cache."""
    if out.shape[1] < STRIP:
        turned = np.empty((out.shape[1], out.shape[0]), np.float32)
        product_over_rows_in_stretches(b, a, turned)
        out[:] = turned.T
    else:
        product_over_rows_in_stretches(a, b, out)


def product_over_rows_in_stretches(a, b, out):
    """`product_over_rows` of at least STRIP columns."""
    part = np.empty(out.shape, np.float32)
    out[:] = 0.0
    for first in range(0, a.shape[0], STRETCH):
        product(a[first : first + STRETCH].T, b[first : first + STRETCH], part)
        for j in range(out.shape[0]):
            for k in range(out.shape[1]):
                out[j, k] += part[j, k]


def transposed(matrix):
    """A copy whose rows lie one after the other, as `product` reads them."""
    return matrix.T.copy()


class Rows:
    """A two-dimensional array inside a function that is being written."""

    def __init__(self, context: Any, builder: Any, of: types.Array, value: Any) -> None:
        array = make_array(of)(context, builder, value)
        self.builder, self.first = builder, builder.bitcast(array.data, ir.IntType(8).as_pointer())
        self.shape = cgutils.unpack_tuple(builder, array.shape, 2)
        self.strides = cgutils.unpack_tuple(builder, array.strides, 2)

    def at(self, row: Any, column: Any, kind: Any = FLOAT) -> Any:
        """A pointer to the number there, or to the vector that begins there."""
        b = self.builder
        offset = b.add(b.mul(row, self.strides[0]), b.mul(column, self.strides[1]))
        return b.bitcast(b.gep(self.first, [offset]), kind.as_pointer())

    def vector(self, row: Any, column: Any) -> Any:
        """The vector that begins there."""
        return self.builder.load(self.at(row, column, VECTOR), align=4)


def summed(builder: Any, terms: Any, step: int, sums: int, add: Callable[[Any, list[Any]], list[Any]]) -> list[Any]:
    """Vectors, as many as `sums`: 0, and then `add(index, vectors)` for index 0, step, ... below `terms`."""
    before, loop, after = builder.block, builder.append_basic_block("term"), builder.append_basic_block("whole")
    builder.branch(loop)
    builder.position_at_end(loop)
    index, held = builder.phi(WORD), [builder.phi(VECTOR) for _ in range(sums)]
    more = add(index, held)
    following = builder.add(index, WORD(step))
    for phi, zero, value in zip(
        [index, *held], [WORD(0)] + [VECTOR([0.0] * WIDTH)] * sums, [following, *more], strict=True
    ):
        phi.add_incoming(zero, before)
        phi.add_incoming(value, loop)
    builder.cbranch(builder.icmp_signed("<", following, terms), loop, after)
    builder.position_at_end(after)
    return more


def shuffled(builder: Any, a: Any, b: Any, which: list[int]) -> Any:
    """Numbers of two vectors, those of the second counted on from those of the first."""
    return builder.shuffle_vector(a, b, ir.Constant(ir.VectorType(ir.IntType(32), len(which)), which))


def multiply_add(builder: Any) -> Any:
    """The function a b + c, rounded once."""
    kind = ir.FunctionType(VECTOR, [VECTOR] * 3)
    return cgutils.get_or_insert_function(builder.module, kind, f"llvm.fma.v{WIDTH}f32")


@written
def product_tile(_typing, matrix, x, out, row, lane):
    """A tile of `product`, whose first number is out[row, lane]."""

    def write(context, b, signature, arguments):
        weights, seen, result = (
            Rows(context, b, *pair) for pair in zip(signature.args[:3], arguments[:3], strict=True)
        )
        first, lanes = arguments[3], [b.add(arguments[4], WORD(WIDTH * k)) for k in range(VECTORS)]
        rows, fma, nothing = (
            [b.add(first, WORD(j)) for j in range(TILE)],
            multiply_add(b),
            ir.Constant(VECTOR, ir.Undefined),
        )

        def add(term, sums):
            columns = [seen.vector(term, at) for at in lanes]
            one = [b.insert_element(nothing, b.load(weights.at(row, term)), ir.IntType(32)(0)) for row in rows]
            all_lanes = [shuffled(b, weight, nothing, [0] * WIDTH) for weight in one]
            pairs = [(weight, column) for weight in all_lanes for column in columns]
            return [b.call(fma, [*pair, total]) for pair, total in zip(pairs, sums, strict=True)]

        places = [(at_row, at) for at_row in rows for at in lanes]
        for place, total in zip(places, summed(b, seen.shape[0], 1, TILE * VECTORS, add), strict=True):
            b.store(total, result.at(*place, VECTOR), align=4)
        return impl_ret_untracked(context, b, types.none, context.get_dummy_value())

    return types.none(matrix, x, out, types.int64, types.int64), write


@written
def outer_tile(_typing, a, b, out, row, column):
    """A tile of `outer`, whose first number is out[row, column]."""

    def write(context, b, signature, arguments):
        left, right, result = (Rows(context, b, *pair) for pair in zip(signature.args[:3], arguments[:3], strict=True))
        rows, columns = ([b.add(first, WORD(k)) for k in range(TILE)] for first in arguments[3:])
        fma = multiply_add(b)

        def add(lane, sums):
            across, down = ([of.vector(at, lane) for at in places] for of, places in ((left, rows), (right, columns)))
            pairs = [(x, y) for x in across for y in down]
            return [b.call(fma, [*pair, total]) for pair, total in zip(pairs, sums, strict=True)]

        sums = summed(b, left.shape[1], WIDTH, TILE * TILE, add)
        while len(sums) > 1:  # neighbours within each vector are added, and two vectors become one
            halves = [
                [shuffled(b, x, y, list(range(odd, 2 * WIDTH, 2))) for odd in (0, 1)]
                for x, y in zip(sums[::2], sums[1::2], strict=True)
            ]
            sums = [b.fadd(*pair) for pair in halves]
        for k, at in enumerate(rows):
            four = shuffled(b, sums[0], sums[0], list(range(TILE * k, TILE * (k + 1))))
            b.store(four, result.at(at, columns[0], four.type), align=4)
        return impl_ret_untracked(context, b, types.none, context.get_dummy_value())

    return types.none(a, b, out, types.int64, types.int64), write
