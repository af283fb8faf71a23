"""Loops in a map: the closed way round an island of walls that a car would race on.

Pieces of wall that no car fits between count as one. Every cell belongs to the piece of wall that is nearest (a
generalised Voronoi diagram); the border between the cells of some islands and all other cells is a loop round those
islands, as far as can be from every wall. Side rooms and dead ends have no such border: they drop out by themselves.
"""

import math
from dataclasses import dataclass

import numpy as np
from numba import njit
from scipy.ndimage import binary_erosion, binary_fill_holes, distance_transform_edt, find_objects, label

from sim.distance_field import OccupancyGrid, signed_distance

PASSABLE_M = 0.3  # clearance at least, from the middle of the car
SMALL_M = 0.5  # smaller things stand in the way of a loop, but nobody races round them
AMPLE_M = 1.0  # more clearance than this makes a loop no better
LOOP_MIN_M = 2.0  # a loop's longer side at least; saves looking into every closet
STARTS = 12  # islands from which the search for the best set begins
OUTER = 1  # the label of the wall that surrounds everything


@dataclass(frozen=True)
class Region:
    """A connected piece of free space, and the borders between the cells nearest to each piece of its walls."""

    piece: np.ndarray  # (h, w) int32, label of the nearest piece of wall
    border: np.ndarray  # (labels + 1, labels + 1) edges of cells along the border between two pieces
    clearance: np.ndarray  # (labels + 1, labels + 1) m, the least along that border
    surrounds: bool  # all else: it runs along the edge of the grid


def find_loop(grid: OccupancyGrid, start: tuple[float, float] | None = None) -> np.ndarray:
    """The best loop of the map as corners (m, 2) of cells: column, row, where cell (0, 0) has its centre at (0, 0).

    Best is length times least clearance, the latter counted up to AMPLE_M. Small things in the way make no loop of their
    own: each is passed on the side where there is more room. Counter-clockwise, rows counted upwards. With `start`
    (column, row), only loops through the point of any loop that is nearest to it. Raises ValueError.
    """
    inside = _inside_best_loop(_without_small_things(grid), grid.resolution_m, start)
    if inside is not None:
        inside = _past_small_things(inside, grid.distance_m)
    if inside is None:
        raise ValueError(
            f"map {grid.name}: found no closed loop, allowed: free space round an island of walls, with {PASSABLE_M} m "
            "or more from the middle of the way to any wall"
        )
    return _trace(np.pad(binary_fill_holes(inside), 1)) - 1.5


def _without_small_things(grid: OccupancyGrid) -> np.ndarray:
    """Distances to the nearest wall, (h, w) m, as if nothing smaller than SMALL_M were there."""
    things, _ = label(grid.occupied, structure=np.ones((3, 3)))
    extent = [max(part.stop - part.start for part in box) * grid.resolution_m for box in find_objects(things)]
    is_wall = np.concatenate([[False], np.array(extent) >= SMALL_M])
    return signed_distance(is_wall[things], grid.resolution_m)


def _inside_best_loop(
    distance_m: np.ndarray, resolution_m: float, start: tuple[float, float] | None
) -> np.ndarray | None:
    """The cells inside of the best loop, (h, w) bool, if there is a loop."""
    regions = _regions(distance_m, resolution_m)
    # In an outline drawing, what lies around the outline is free too, but nobody races there.
    regions = [region for region in regions if not region.surrounds] or regions
    through = (OUTER, OUTER)
    if start is not None and regions:
        region, through = min(((r, *_nearest_border(r, start)) for r in regions), key=lambda found: found[2])[:2]
        regions = [region]
    best, best_score = None, 0.0
    for region in regions:
        islands, score = _best_islands(region, through)
        if score > best_score:
            best, best_score = np.isin(region.piece, np.flatnonzero(islands)), score
    return best


def _past_small_things(inside: np.ndarray, distance_m: np.ndarray) -> np.ndarray | None:
    """The cells inside of the loop that keeps clear of everything: a thing is inside if most of it was `inside` before."""
    passable, _ = label(np.pad(distance_m >= PASSABLE_M, 1))
    along = passable[1:-1, 1:-1][inside & ~binary_erosion(inside)]
    if not along.any():
        return None
    free = passable == np.bincount(along[along > 0]).argmax()
    walls, piece = _walls(free)
    share = np.bincount(walls.ravel(), np.pad(inside, 1).ravel()) / np.maximum(np.bincount(walls.ravel()), 1)
    is_inside = share > 0.5
    is_inside[[0, OUTER]] = False
    parts, _ = label(is_inside[piece])
    sizes = np.bincount(parts.ravel())
    return parts == 1 + sizes[1:].argmax() if len(sizes) > 1 else None


def _regions(distance_m: np.ndarray, resolution_m: float) -> list[Region]:
    passable, _ = label(np.pad(distance_m >= PASSABLE_M, 1))
    edge = math.ceil(PASSABLE_M / resolution_m) + 3  # so far from the grid's edge, which counts as solid, cells pass
    regions = []
    for k, box in enumerate(find_objects(passable), start=1):
        if max(part.stop - part.start for part in box) * resolution_m < LOOP_MIN_M:
            continue
        free = passable == k
        walls, piece = _walls(free)
        if walls.max() < 2:
            continue
        border, clearance = _borders(piece, distance_m, walls.max())
        frame = np.concatenate([free[edge], free[-edge], free[:, edge], free[:, -edge]])
        regions.append(Region(piece, border, clearance, surrounds=bool(frame.mean() > 0.5)))
    return regions


def _walls(free: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Pieces of wall round `free` cells (h + 2, w + 2), labelled from 1 = OUTER, 0 where free; and the nearest piece to
    each cell (h, w)."""
    walls, _ = label(~free, structure=np.ones((3, 3)))
    walls = np.where(walls == walls[0, 0], OUTER, np.where(walls == OUTER, walls[0, 0], walls)).astype(np.int32)
    rows, columns = distance_transform_edt(free, return_distances=False, return_indices=True)
    return walls, walls[rows, columns][1:-1, 1:-1]


@njit(cache=True)
def _borders(piece, distance_m, labels):
    border = np.zeros((labels + 1, labels + 1))
    clearance = np.full((labels + 1, labels + 1), np.inf)
    height, width = piece.shape
    for i in range(height):
        for j in range(width):
            for other_i, other_j in ((i + 1, j), (i, j + 1)):
                if other_i == height or other_j == width or piece[i, j] == piece[other_i, other_j]:
                    continue
                a, b = piece[i, j], piece[other_i, other_j]
                least = min(clearance[a, b], distance_m[i, j], distance_m[other_i, other_j])
                border[a, b] += 1
                border[b, a] += 1
                clearance[a, b] = clearance[b, a] = least
    return border, clearance


def _nearest_border(region: Region, start: tuple[float, float]) -> tuple[tuple[int, int], float]:
    """The two pieces whose border is nearest to a place in cells, and how far that is."""
    piece = region.piece
    found: tuple[tuple[int, int], float] = ((OUTER, OUTER), math.inf)
    for down, right in ((1, 0), (0, 1)):
        here = piece[: piece.shape[0] - down, : piece.shape[1] - right]
        there = piece[down:, right:]
        rows, columns = np.nonzero(here != there)
        if len(rows):
            distance = np.hypot(columns - start[0], rows - start[1])
            k = int(np.argmin(distance))
            if distance[k] < found[1]:
                pair = int(here[rows[k], columns[k]]), int(there[rows[k], columns[k]])
                found = pair, float(distance[k])
    return found


def _best_islands(region: Region, through: tuple[int, int]) -> tuple[np.ndarray, float]:
    """The set of islands, bool (labels + 1,), whose loop scores best, and its score: steepest ascent from several sets.

    A loop must part the two pieces of `through`, if they differ.
    """
    labels = len(region.border) - 1
    every = np.arange(labels + 1) > OUTER
    largest = np.argsort(-region.border[:, every].sum(axis=0))[:STARTS] + OUTER + 1
    best, best_score = every, 0.0
    for start in [every, *(np.arange(labels + 1) == island for island in largest)]:
        islands = start.copy()
        score = _climb(islands, region.border, region.clearance, *through)
        if score > best_score:
            best, best_score = islands, score
    return best, best_score


@njit(cache=True)
def _climb(islands, border, clearance, a, b):
    """Add or take away one island at a time while the loop round them gets better, in place; return its score."""
    score = _score(islands, border, clearance, a, b)
    while True:
        best, flip = score, 0
        for k in range(2, len(islands)):
            islands[k] = not islands[k]
            other = _score(islands, border, clearance, a, b)
            islands[k] = not islands[k]
            if other > best:
                best, flip = other, k
        if flip == 0:
            return score
        islands[flip] = not islands[flip]
        score = best


@njit(cache=True)
def _score(islands, border, clearance, a, b):
    """Length in cells times clearance of the loop round the islands; 0 if it is not one, or does not part a and b."""
    if a != b and islands[a] == islands[b]:
        return 0.0
    n = len(islands)
    reached = np.zeros(n, np.bool_)
    for side in (True, False):  # the islands must hang together, and so must all the rest
        first = 0
        for k in range(1, n):
            if islands[k] == side:
                first = k
                break
        if first == 0:
            return 0.0
        reached[first] = True
        stack = [first]
        while len(stack) > 0:
            here = stack.pop()
            for k in range(1, n):
                if not reached[k] and islands[k] == side and border[here, k] > 0:
                    reached[k] = True
                    stack.append(k)
    length, least = 0.0, np.inf
    for k in range(1, n):
        if not reached[k]:
            return 0.0
        for other in range(1, n):
            if islands[k] and not islands[other] and border[k, other] > 0:
                length += border[k, other]
                least = min(least, clearance[k, other])
    return length * min(least, AMPLE_M)


@njit(cache=True)
def _trace(inside):
    """The outline of the cells `inside` (h, w), which leave a frame free, as corners (m, 2): counter-clockwise."""
    width = inside.shape[1]
    start = 0
    while not inside[start // width, start % width]:
        start += 1
    x, y, direction = start % width, start // width, 0  # along the lower edge of the lowest row's first cell
    corners = []
    while True:
        corners.append((x, y))
        step_x, step_y = (1, 0, -1, 0)[direction], (0, 1, 0, -1)[direction]
        x, y = x + step_x, y + step_y
        # The cells ahead, to the left and to the right of the corner now reached.
        left = inside[y + (step_y - 1 + step_x) // 2, x + (step_x - 1 - step_y) // 2]
        right = inside[y + (step_y - 1 - step_x) // 2, x + (step_x - 1 + step_y) // 2]
        if not left:
            direction = (direction + 1) % 4
        elif right:
            direction = (direction + 3) % 4
        if x == start % width and y == start // width:
            break
    return np.array(corners).astype(np.float64)
