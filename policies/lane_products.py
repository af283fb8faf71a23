"""Products of small matrices with rows of lanes, as vector instructions: where BLAS would need longer to be called than to multiply.

A tile is TILE or TALL rows of the result and STRIP lanes of it, or TILE rows and TILE columns, which stay in registers while the
sum is taken. The last tile of a result overlaps the one before where it would reach beyond the end, so that sizes need not be
multiples, but at least one tile of TILE rows. Sums are of fused multiply-adds in one order: the same bits on every machine.

Numba compiles loops; what it does not do is to keep a tile in registers, so the tiles are written as LLVM's instructions.
"""

from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.core.imputils import impl_ret_untracked
from numba.extending import intrinsic
from numba.np.arrayobj import make_array

TILE, TALL = 4, 8  # rows: as many sums have to be under way as hide how long one takes
WIDTH, VECTORS = 16, 2  # numbers in a vector, vectors in a strip
STRIP = WIDTH * VECTORS
FLOAT, WORD = ir.FloatType(), ir.IntType(64)
VECTOR = ir.VectorType(FLOAT, WIDTH)
written: Any = intrinsic  # untyped: callers leave out the first argument, which is Numba's


def product(matrix, x, out):
    """out (rows, n) = matrix (rows, terms) x (terms, n), all float32; the matrix may be a transposed one."""
    rows, lanes = out.shape
    if rows >= TALL:
        for row in range(0, rows, TALL):
            for lane in range(0, lanes, STRIP):
                tall_tile(matrix, x, out, min(row, rows - TALL), min(lane, lanes - STRIP))
    else:
        for row in range(0, rows, TILE):
            for lane in range(0, lanes, STRIP):
                low_tile(matrix, x, out, min(row, rows - TILE), min(lane, lanes - STRIP))


def outer(a, b, out):
    """out (rows, columns) = a (rows, n) b (columns, n)^T, all float32; n: whole vectors of WIDTH.

    Or the sum of such: a (some, rows, n), b (some, columns, n). Few sums over long rows are quickest.
    """
    for row in range(0, out.shape[0], TILE):
        for column in range(0, out.shape[1], TILE):
            outer_tile(a, b, out, min(row, out.shape[0] - TILE), min(column, out.shape[1] - TILE))


class Rows:
    """A two-dimensional array inside a function that is being written."""

    def __init__(self, builder: Any, first: Any, shape: list[Any], strides: list[Any]) -> None:
        self.builder, self.first, self.shape, self.strides = builder, first, shape, strides

    def at(self, row: Any, column: Any, kind: Any = FLOAT) -> Any:
        """A pointer to the number there, or to the vector that begins there."""
        b = self.builder
        offset = b.add(b.mul(row, self.strides[0]), b.mul(column, self.strides[1]))
        return b.bitcast(b.gep(self.first, [offset]), kind.as_pointer())

    def vector(self, row: Any, column: Any) -> Any:
        """The vector that begins there."""
        return self.builder.load(self.at(row, column, VECTOR), align=4)


class Stack:
    """An array of some such arrays, one after the other; a two-dimensional one is a single one of them."""

    def __init__(self, context: Any, builder: Any, of: types.Array, value: Any) -> None:
        array = make_array(of)(context, builder, value)
        self.builder, self.data = builder, builder.bitcast(array.data, ir.IntType(8).as_pointer())
        self.shape = cgutils.unpack_tuple(builder, array.shape, of.ndim)
        self.strides = cgutils.unpack_tuple(builder, array.strides, of.ndim)
        self.count = self.shape[0] if of.ndim == 3 else WORD(1)

    def __getitem__(self, index: Any) -> Rows:
        """One of them."""
        first = self.data
        if len(self.shape) == 3:
            first = self.builder.gep(first, [self.builder.mul(index, self.strides[0])])
        return Rows(self.builder, first, self.shape[-2:], self.strides[-2:])


def zeros(sums: int) -> list[Any]:
    """Vectors."""
    return [VECTOR([0.0] * WIDTH)] * sums


def summed(
    builder: Any, terms: Any, step: int, begin: list[Any], add: Callable[[Any, list[Any]], list[Any]]
) -> list[Any]:
    """Vectors: those of `begin`, and then `add(index, vectors)` for index 0, step, ... below `terms`."""
    before, loop, after = builder.block, builder.append_basic_block("term"), builder.append_basic_block("whole")
    builder.branch(loop)
    builder.position_at_end(loop)
    index, held = builder.phi(WORD), [builder.phi(VECTOR) for _ in begin]
    more = add(index, held)
    following = builder.add(index, WORD(step))
    for phi, first, value in zip([index, *held], [WORD(0), *begin], [following, *more], strict=True):
        phi.add_incoming(first, before)
        phi.add_incoming(value, builder.block)  # where `add` has ended: it may have loops of its own
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


def product_tile(height: int) -> Any:
    """A tile of `product`, so many rows high, whose first number is out[row, lane]."""

    @written
    def tile(_typing, matrix, x, out, row, lane):
        def write(context, b, signature, arguments):
            weights, seen, result = (
                Stack(context, b, *pair)[WORD(0)] for pair in zip(signature.args[:3], arguments[:3], strict=True)
            )
            first, lanes = arguments[3], [b.add(arguments[4], WORD(WIDTH * k)) for k in range(VECTORS)]
            rows, fma, nothing = (
                [b.add(first, WORD(j)) for j in range(height)],
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
            for place, total in zip(places, summed(b, seen.shape[0], 1, zeros(height * VECTORS), add), strict=True):
                b.store(total, result.at(*place, VECTOR), align=4)
            return impl_ret_untracked(context, b, types.none, context.get_dummy_value())

        return types.none(matrix, x, out, types.int64, types.int64), write

    return tile


low_tile, tall_tile = product_tile(TILE), product_tile(TALL)


@written
def outer_tile(_typing, a, b, out, row, column):
    """A tile of `outer`, whose first number is out[row, column]."""

    def write(context, b, signature, arguments):
        lefts, rights, results = (
            Stack(context, b, *pair) for pair in zip(signature.args[:3], arguments[:3], strict=True)
        )
        result = results[WORD(0)]
        rows, columns = ([b.add(first, WORD(k)) for k in range(TILE)] for first in arguments[3:])
        fma = multiply_add(b)

        def add_all(which, sums):
            left, right = lefts[which], rights[which]

            def add(lane, sums):
                across, down = (
                    [of.vector(at, lane) for at in places] for of, places in ((left, rows), (right, columns))
                )
                pairs = [(x, y) for x in across for y in down]
                return [b.call(fma, [*pair, total]) for pair, total in zip(pairs, sums, strict=True)]

            return summed(b, left.shape[1], WIDTH, sums, add)

        sums = summed(b, lefts.count, 1, zeros(TILE * TILE), add_all)
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
