"""Loops in a map: the closed way round an island of walls that a car would race on.

Pieces of wall that no car fits between count as one. Every cell belongs to the piece of wall that is nearest (a
generalised Voronoi diagram); the border between the cells of some islands and all other cells is a loop round those
islands, as far as can be from every wall. Side rooms and dead ends have no such border: they drop out by themselves.

The best loop is what a person would call the course: a lane between long walls that face each other. A way through a
hall full of pillars may be many times longer, but there any two pieces of wall face each other for a few metres only.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import scipy
from numba import njit

from sim.closed_line import gaussian, smoothed, turns
from sim.distance_field import OccupancyGrid, distance_to_solid
from sim.tracks.island_sets import OUTER, climb, hang_together, score_of

PASSABLE_M = 0.22  # clearance at least, from the middle of the car
SMALL_M = 0.5  # smaller things stand in the way of a loop, but nobody races round them
FACING_M = 1.5  # from the middle between two walls; further apart they count less as a lane's, by the square
LOOP_MIN_M = 2.0  # a loop's longer side at least; saves looking into every closet
LARGE = 12  # islands from which the search for the best set begins, and that change sides with what they cut off
DOORS_M = (0.8, 0.5)  # clearance; islands with less between them begin as one, too
SHORT, NARROW = 1.2, 0.25  # border and clearance of a crossing, as shares of the gap between the islands
TURNS_BACK_RAD = 1.5  # of a loop round both, in the crossing's two corners together


@dataclass(frozen=True)
class Region:
    """A connected piece of free space, and which pieces of its walls are neighbours: whose cells have a border.

    Neighbours of piece k, and what there is along the border with each: entries first[k] to first[k + 1] of the others.
    """

    box: tuple[slice, slice]  # of the grid: rows, columns; a cell more than the free space on every side
    piece: np.ndarray  # (h, w) int32 within the box, label of the nearest piece of wall
    first: np.ndarray  # (labels + 2,) int64
    neighbour: np.ndarray  # (m,) int64
    border: np.ndarray  # (m,) edges of cells along the border
    facing: np.ndarray  # (m,) the same, less where the two are more than FACING_M from it
    clearance: np.ndarray  # (m,) m, the least along it

    @property
    def labels(self) -> int:
        return len(self.first) - 2

    def neighbours(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """As the kernels take them."""
        return self.first, self.neighbour, self.border, self.facing, self.clearance


@dataclass(frozen=True)
class Loop:
    """A closed way round some islands of a region."""

    region: Region
    islands: np.ndarray  # bool (labels + 1,)
    score: float  # see `sim.tracks.island_sets`


def find_loops(
    grid: OccupancyGrid, start: tuple[float, float] | None = None, tell: Callable[[str], None] = lambda step: None
) -> list[Loop]:
    """The map's loops, the best first: those that no island makes better, and those round single islands.

    Best is long, ample up to a metre, and a lane (`sim.tracks.island_sets`). With `start` (column, row), only loops through the point
    of any loop that is nearest to it. `tell` hears of every step. Raises ValueError if there is none.
    """
    tell("distances to the walls")
    distance_m = _without_small_things(grid)
    regions = _regions(distance_m, grid.resolution_m, tell)
    through = (OUTER, OUTER)
    if start is not None and regions:
        region, through = min(((r, *_nearest_border(r, start)) for r in regions), key=lambda found: found[2])[:2]
        regions = [region]
    loops = []
    for region in regions:
        tell(f"loops round {region.labels - 1} islands")
        loops += _loops_of(region, through)
    if not loops:
        raise ValueError(_no_loop(grid))
    return sorted(loops, key=lambda loop: -loop.score)


def _no_loop(grid: OccupancyGrid) -> str:
    return (
        f"map {grid.name}: found no closed loop, allowed: free space round an island of walls, with {PASSABLE_M} m "
        "or more from the middle of the way to any wall"
    )


def outline(grid: OccupancyGrid, loop: Loop) -> np.ndarray:
    """A loop as corners (m, 2) of cells: column, row, where cell (0, 0) has its centre at (0, 0).

    Small things in the way make no loop of their own: each is passed on the side where there is more room.
    Counter-clockwise, rows counted upwards. Raises ValueError if they block the way.
    """
    rows, columns = loop.region.box
    past = _past_small_things(loop.islands[loop.region.piece], grid.distance_m[loop.region.box])
    if past is None:
        raise ValueError(_no_loop(grid))
    return _trace(np.pad(scipy.ndimage.binary_fill_holes(past), 1)) - 1.5 + (columns.start, rows.start)


def rough_outline(loop: Loop) -> np.ndarray:
    """A loop as corners (m, 2) of cells, as `outline` gives them, but straight through small things."""
    rows, columns = loop.region.box
    return _trace(np.pad(loop.islands[loop.region.piece], 1)) - 1.5 + (columns.start, rows.start)


def crossing_of(grid: OccupancyGrid, region: Region) -> tuple[float, float] | None:
    """Where the lanes of a figure-eight cross (column, row), if the region is one; None for any other region.

    A figure-eight has two islands. Its crossing lies between them, about as far from the walls beside; a loop round
    both would turn back there, away from the other one's half.
    """
    if region.labels != 3:
        return None
    rows, columns = region.box
    solid = grid.distance_m[region.box] <= 0.0
    one, two = (np.argwhere(solid & (region.piece == k)).astype(float) for k in (2, 3))
    if not len(one) or not len(two):
        return None
    apart, nearest = (np.asarray(found) for found in scipy.spatial.cKDTree(two).query(one))
    k = int(np.argmin(apart))
    gap, middle = float(apart[k]), 0.5 * (one[k] + two[nearest[k]])
    between = np.linspace(one[k], two[nearest[k]], round(gap) + 2)[1:-1].round().astype(int)
    if solid[between[:, 0], between[:, 1]].sum() * grid.resolution_m >= SMALL_M:  # the two are rooms apart
        return None
    clear = float(grid.distance_m[region.box][round(middle[0]), round(middle[1])]) / grid.resolution_m
    first, last = region.first[2], region.first[3]
    shared = float(region.border[first:last][region.neighbour[first:last] == 3].sum())
    if shared > SHORT * gap or clear < NARROW * gap:
        return None
    place = (float(middle[1] + columns.start), float(middle[0] + rows.start))
    if shared == 0.0:
        return place
    both = rough_outline(Loop(region, np.arange(4) >= 2, 0.0))
    line = smoothed(both, gaussian(0.3 / grid.resolution_m))
    near = np.sqrt(((line - place) ** 2).sum(axis=1)) < 1.5 * gap
    return place if turns(line)[near].sum() < -TURNS_BACK_RAD else None


def _without_small_things(grid: OccupancyGrid) -> np.ndarray:
    """Distances to the nearest wall, (h, w) m, as if nothing smaller than SMALL_M were there."""
    things, _ = scipy.ndimage.label(grid.occupied, structure=np.ones((3, 3)))
    extent = [
        max(part.stop - part.start for part in box) * grid.resolution_m for box in scipy.ndimage.find_objects(things)
    ]
    is_wall = np.concatenate([[False], np.array(extent) >= SMALL_M])
    return grid.distance_m if is_wall[1:].all() else distance_to_solid(is_wall[things], grid.resolution_m)


def _past_small_things(inside: np.ndarray, distance_m: np.ndarray) -> np.ndarray | None:
    """The cells inside of the loop that keeps clear of everything: a thing is inside if most of it was `inside` before."""
    passable, _ = scipy.ndimage.label(np.pad(distance_m >= PASSABLE_M, 1))
    along = passable[1:-1, 1:-1][inside & ~scipy.ndimage.binary_erosion(inside)]
    if not along.any():
        return None
    free = passable == np.bincount(along[along > 0]).argmax()
    walls, piece = _walls(free)
    share = np.bincount(walls.ravel(), np.pad(inside, 1).ravel()) / np.maximum(np.bincount(walls.ravel()), 1)
    is_inside = share > 0.5
    is_inside[[0, OUTER]] = False
    parts, _ = scipy.ndimage.label(is_inside[piece])
    sizes = np.bincount(parts.ravel())
    return parts == 1 + sizes[1:].argmax() if len(sizes) > 1 else None


def _regions(distance_m: np.ndarray, resolution_m: float, tell: Callable[[str], None]) -> list[Region]:
    """The connected pieces of free space that have an island; what surrounds all else only if no other has one: in an
    outline drawing, what lies around the outline is free too, but nobody races there."""
    passable, count = scipy.ndimage.label(np.pad(distance_m >= PASSABLE_M, 1))
    edge = math.ceil(PASSABLE_M / resolution_m) + 3  # so far from the grid's edge, which counts as solid, cells pass
    edge = min(edge, min(passable.shape) - 1)
    frame = np.concatenate([passable[edge], passable[-edge - 1], passable[:, edge], passable[:, -edge - 1]])
    around = [k for k in range(1, count + 1) if (frame == k).mean() > 0.5]
    large = {
        k: found
        for k, found in enumerate(scipy.ndimage.find_objects(passable), start=1)
        if max(part.stop - part.start for part in found) * resolution_m >= LOOP_MIN_M
    }
    regions: list[Region] = []
    for group in ([k for k in large if k not in around], [k for k in large if k in around]):
        for number, k in enumerate(group if not regions else [], start=1):
            tell(f"walls of free space {number} of {len(group)}")
            region = _region(passable, k, large[k], distance_m)
            regions += [] if region is None else [region]
    return regions


def _region(passable: np.ndarray, k: int, found: tuple[slice, ...], distance_m: np.ndarray) -> Region | None:
    """Piece k of the `passable` cells (h + 2, w + 2), which lies in the box `found`; None if it has no island."""
    # A cell more on every side is all that the region's walls can be told apart by.
    box = (slice(found[0].start - 1, found[0].stop + 1), slice(found[1].start - 1, found[1].stop + 1))
    walls, piece = _walls(passable[box] == k)
    if walls.max() < 2:
        return None
    inner = (slice(box[0].start, box[0].stop - 2), slice(box[1].start, box[1].stop - 2))
    return Region(inner, piece, *_neighbours(piece, distance_m[inner], int(walls.max())))


def _walls(free: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Pieces of wall round `free` cells (h + 2, w + 2), labelled from 1 = OUTER, 0 where free; and the nearest piece to
    each cell (h, w)."""
    walls, _ = scipy.ndimage.label(~free, structure=np.ones((3, 3)))
    walls = np.where(walls == walls[0, 0], OUTER, np.where(walls == OUTER, walls[0, 0], walls)).astype(np.int32)
    rows, columns = scipy.ndimage.distance_transform_edt(free, return_distances=False, return_indices=True)
    return walls, walls[rows, columns][1:-1, 1:-1]


def _neighbours(piece: np.ndarray, distance_m: np.ndarray, labels: int) -> tuple[np.ndarray, ...]:
    """Which pieces have a border, as in `Region`."""
    one, two, least = [], [], []
    for here, there in ((np.s_[1:], np.s_[:-1]), (np.s_[:, 1:], np.s_[:, :-1])):
        rows, columns = np.nonzero(piece[here] != piece[there])
        for a, b in ((here, there), (there, here)):  # each border is written down for both of its pieces
            one.append(piece[a][rows, columns])
            two.append(piece[b][rows, columns])
            least.append(np.minimum(distance_m[a][rows, columns], distance_m[b][rows, columns]))
    pair = np.concatenate(one).astype(np.int64) * (labels + 1) + np.concatenate(two)
    order = np.argsort(pair, kind="stable")
    pairs, at, counts = np.unique(pair[order], return_index=True, return_counts=True)
    apart_m = np.concatenate(least)[order].astype(float)
    share = np.minimum(1.0, (FACING_M / np.maximum(apart_m, FACING_M)) ** 2)
    facing, clearance = (
        how.reduceat(what, at) if len(at) else np.empty(0) for how, what in ((np.add, share), (np.minimum, apart_m))
    )
    first = np.searchsorted(pairs, np.arange(labels + 2) * (labels + 1))
    return first, pairs % (labels + 1), counts.astype(float), facing, clearance


def _nearest_border(region: Region, start: tuple[float, float]) -> tuple[tuple[int, int], float]:
    """The two pieces whose border is nearest to a place in cells, and how far that is."""
    piece = region.piece
    row, column = start[1] - region.box[0].start, start[0] - region.box[1].start
    found: tuple[tuple[int, int], float] = ((OUTER, OUTER), math.inf)
    for down, right in ((1, 0), (0, 1)):
        here = piece[: piece.shape[0] - down, : piece.shape[1] - right]
        there = piece[down:, right:]
        rows, columns = np.nonzero(here != there)
        if len(rows):
            distance = np.sqrt((columns - column) ** 2 + (rows - row) ** 2)
            k = int(np.argmin(distance))
            if distance[k] < found[1]:
                pair = int(here[rows[k], columns[k]]), int(there[rows[k], columns[k]])
                found = pair, float(distance[k])
    return found


def _loops_of(region: Region, through: tuple[int, int]) -> list[Loop]:
    """Loops of a region: steepest ascent from several sets of islands, then every single island; each set once.

    A loop must part the two pieces of `through`, if they differ.
    """
    neighbours, labels = region.neighbours(), region.labels
    every = np.arange(labels + 1) > OUTER
    facing = np.add.reduceat(np.append(region.facing, 0.0), np.minimum(region.first[:-1], len(region.facing)))
    facing[np.diff(region.first) == 0] = 0.0
    largest = np.argsort(-facing[every], kind="stable")[:LARGE] + OUTER + 1
    starts = [every, *(np.arange(labels + 1) == island for island in largest)]
    for door_m in DOORS_M:
        room = _rooms(region, door_m)
        outside = np.bincount(room, facing)
        outside[room[: OUTER + 1]] = 0.0
        starts += [room == r for r in np.argsort(-outside, kind="stable")[:LARGE] if outside[r] > 0.0]
    found: dict[bytes, Loop] = {}
    for start in starts:
        hang_together(start, False, OUTER, *neighbours[:2])  # what it surrounds is inside, too
    for islands in {start.tobytes(): start for start in starts}.values():
        score = climb(islands, largest, *neighbours, *through)
        if score > 0.0:
            found.setdefault(islands.tobytes(), Loop(region, islands, score))
    for island in range(OUTER + 1, labels + 1):
        alone = np.arange(labels + 1) == island
        score = score_of(alone, *neighbours, *through)
        if score > 0.0:
            found.setdefault(alone.tobytes(), Loop(region, alone, score))
    return list(found.values())


def _rooms(region: Region, door_m: float) -> np.ndarray:
    """Which pieces of wall (labels + 1,) are one where nothing passes with less clearance than this: a number for each."""
    n = region.labels + 1
    piece = np.repeat(np.arange(n), np.diff(region.first))
    narrow = region.clearance < door_m
    graph = scipy.sparse.coo_array((np.ones(narrow.sum()), (piece[narrow], region.neighbour[narrow])), shape=(n, n))
    return np.asarray(scipy.sparse.csgraph.connected_components(graph, directed=False)[1])


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
