"""Vectors and matrices of numbers that may be expressions: lists, and lists of rows."""

from collections.abc import Sequence

from sim.arm.expressions import Number

Vector = Sequence[Number]
Matrix = Sequence[Vector]


def total(numbers: Sequence[Number]) -> Number:
    """Their sum."""
    result: Number = 0.0
    for x in numbers:
        result = result + x
    return result


def dot(a: Vector, b: Vector) -> Number:
    return total([x * y for x, y in zip(a, b, strict=True)])


def cross(a: Vector, b: Vector) -> list[Number]:
    return [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]]


def add(*vectors: Vector) -> list[Number]:
    return [total(numbers) for numbers in zip(*vectors, strict=True)]


def subtract(a: Vector, b: Vector) -> list[Number]:
    return [x - y for x, y in zip(a, b, strict=True)]


def scale(factor: Number, vector: Vector) -> list[Number]:
    return [factor * x for x in vector]


def transposed(a: Matrix) -> list[list[Number]]:
    return [list(column) for column in zip(*a, strict=True)]


def times(a: Matrix, vector: Vector) -> list[Number]:
    """a vector."""
    return [dot(row, vector) for row in a]


def product(a: Matrix, b: Matrix) -> list[list[Number]]:
    """a b."""
    columns = transposed(b)
    return [[dot(row, column) for column in columns] for row in a]


def crossing(a: Vector) -> list[list[Number]]:
    """The matrix that makes a x b of b."""
    return [[0.0, -a[2], a[1]], [a[2], 0.0, -a[0]], [-a[1], a[0], 0.0]]


def rotation(axis: Sequence[float], cosine: Number, sine: Number) -> list[list[Number]]:
    """About a unit axis (Rodrigues); zeros and ones in the axis leave zeros and ones."""
    turn = crossing(axis)
    return [
        [axis[i] * axis[j] + (float(i == j) - axis[i] * axis[j]) * cosine + turn[i][j] * sine for j in range(3)]
        for i in range(3)
    ]


def rotation_of(quaternion: Vector) -> list[list[Number]]:
    """Of a unit quaternion w, x, y, z."""
    w, x, y, z = quaternion
    return [
        [1.0 - 2.0 * (y * y + z * z), 2.0 * (x * y - w * z), 2.0 * (x * z + w * y)],
        [2.0 * (x * y + w * z), 1.0 - 2.0 * (x * x + z * z), 2.0 * (y * z - w * x)],
        [2.0 * (x * z - w * y), 2.0 * (y * z + w * x), 1.0 - 2.0 * (x * x + y * y)],
    ]


def solve_symmetric(a: Matrix, b: Vector) -> list[Number]:
    """x of a x = b, where a is symmetric and positive definite; reads its lower half. LDL^T, unrolled."""
    n = len(b)
    lower: list[list[Number]] = [[0.0] * n for _ in range(n)]
    diagonal: list[Number] = [0.0] * n
    inverse: list[Number] = [0.0] * n
    for j in range(n):
        diagonal[j] = a[j][j] - total([lower[j][k] * lower[j][k] * diagonal[k] for k in range(j)])
        inverse[j] = 1.0 / diagonal[j]
        for i in range(j + 1, n):
            lower[i][j] = inverse[j] * (a[i][j] - total([lower[i][k] * lower[j][k] * diagonal[k] for k in range(j)]))
    x = list(b)
    for i in range(n):
        for k in range(i):
            x[i] = x[i] - lower[i][k] * x[k]
    x = [x[i] * inverse[i] for i in range(n)]
    for i in reversed(range(n)):
        for k in range(i + 1, n):
            x[i] = x[i] - lower[k][i] * x[k]
    return x
