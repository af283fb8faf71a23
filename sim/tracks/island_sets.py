"""Which set of islands of a map the best loop goes round: steepest ascent over the graph of neighbouring pieces of wall.

islands (labels + 1,) bool: the set, by label. first, neighbour, border, facing, clearance: the graph, as in
`sim.tracks.map_loops.Region`. a, b: two pieces that a loop must part, if they differ.
"""

import numpy as np
from numba import njit

OUTER = 1  # the label of the wall that surrounds everything
AMPLE_M = 1.0  # more clearance than this makes a loop no better
REPAIRED_MAX = 3000  # pieces of wall, of which one is tried after the other where a set of islands makes no loop


@njit(cache=True)
def _worth(length, facing_2, least):
    """What a loop is worth: its length, times the squared mean of how far two walls face each other along it, times its
    clearance up to AMPLE_M. length: edges of cells; facing_2: the sum of the squares of `Region.facing`."""
    return facing_2 * facing_2 / length * min(least, AMPLE_M)


@njit(cache=True)
def climb(islands, largest, first, neighbour, border, facing, clearance, a, b):
    """Add or take away one island at a time while the loop round them gets better, in place; return its score.

    A step costs what the graph of neighbours has of edges: a piece may change sides if it touches the other side, and
    its own side hangs together without it (it is no articulation point; Tarjan 1972). Where no such step helps, one of
    the `largest` islands may change sides together with all that it cuts off.
    """
    score = score_of(islands, first, neighbour, border, facing, clearance, a, b)
    if score == 0.0:
        score = _repair(islands, first, neighbour, border, facing, clearance, a, b)
    n = len(islands)
    needed = np.empty(n, np.bool_)
    while score > 0.0:
        _articulation_points(islands, first, neighbour, needed)
        sizes = np.zeros(2, np.int64)
        length, facing_2, least, end_1, end_2 = 0.0, 0.0, np.inf, 0, 0
        for k in range(1, n):
            sizes[int(islands[k])] += 1
            for e in range(first[k], first[k + 1]):
                if islands[k] and not islands[neighbour[e]]:
                    length += border[e]
                    facing_2 += facing[e] * facing[e]
                    if clearance[e] < least:
                        least, end_1, end_2 = clearance[e], k, neighbour[e]
        best, flip = score, 0
        for k in range(2, n):
            if needed[k] or sizes[int(islands[k])] < 2 or (a != b and k in (a, b)):
                continue
            touches, new_length, new_facing_2, new_least = False, length, facing_2, least
            if k in (end_1, end_2):
                new_least = _least_without(k, islands, first, neighbour, clearance)
            for e in range(first[k], first[k + 1]):
                if islands[neighbour[e]] == islands[k]:
                    new_length += border[e]
                    new_facing_2 += facing[e] * facing[e]
                    new_least = min(new_least, clearance[e])
                else:
                    touches = True
                    new_length -= border[e]
                    new_facing_2 -= facing[e] * facing[e]
            if touches and new_length > 0.0 and _worth(new_length, new_facing_2, new_least) > best:
                best, flip = _worth(new_length, new_facing_2, new_least), k
        if flip > 0:
            islands[flip] = not islands[flip]
        else:
            better = islands
            for k in largest:
                changed = islands.copy()
                _change_with_cut_off(changed, k, largest, first, neighbour)
                worth = score_of(changed, first, neighbour, border, facing, clearance, a, b)
                if worth > best:
                    best, better = worth, changed
            if best == score:
                break
            islands[:] = better
        score = best
    return score


@njit(cache=True)
def _change_with_cut_off(islands, k, largest, first, neighbour):
    """Let island k change sides, in place, and with it whatever no longer hangs together with the side that it left: with
    OUTER, or with the largest island that stays."""
    side = islands[k]
    islands[k] = not side
    root = OUTER
    if side:
        root = 0
        for other in largest:
            if islands[other]:
                root = other
                break
    hang_together(islands, side, root, first, neighbour)


@njit(cache=True)
def hang_together(islands, side, root, first, neighbour):
    """Let a side hang together: what does not with `root`, on that side, changes sides, in place. root 0: all of it."""
    hangs = np.zeros(len(islands), np.bool_)
    if root > 0:
        _spread(root, islands, first, neighbour, hangs)
    for k in range(1, len(islands)):
        if islands[k] == side and not hangs[k]:
            islands[k] = not side


@njit(cache=True)
def _least_without(k, islands, first, neighbour, clearance):
    """The least clearance along the loop where it does not pass piece k."""
    least = np.inf
    for j in range(1, len(islands)):
        for e in range(first[j], first[j + 1]):
            if islands[j] and not islands[neighbour[e]] and k not in (j, neighbour[e]):
                least = min(least, clearance[e])
    return least


@njit(cache=True)
def _articulation_points(islands, first, neighbour, needed):
    """Mark every piece without which its side would fall apart; each of the two sides hangs together."""
    n = len(islands)
    needed[:] = False
    depth, low, parent, at = np.zeros(n, np.int64), np.zeros(n, np.int64), np.zeros(n, np.int64), first[:-1].copy()
    for root in range(1, n):
        if depth[root] > 0:
            continue
        here, children = root, 0
        depth[root] = low[root] = 1
        while here != 0:
            if at[here] < first[here + 1]:
                there = neighbour[at[here]]
                at[here] += 1
                if islands[there] != islands[here]:
                    continue
                if depth[there] == 0:
                    parent[there], depth[there] = here, depth[here] + 1
                    low[there] = depth[there]
                    children += here == root
                    here = there
                elif there != parent[here]:
                    low[here] = min(low[here], depth[there])
            else:
                above = parent[here]
                if above != 0:
                    low[above] = min(low[above], low[here])
                    if above != root and low[here] >= depth[above]:
                        needed[above] = True
                here = above
        needed[root] = children > 1


@njit(cache=True)
def _repair(islands, first, neighbour, border, facing, clearance, a, b):
    """Change the one piece that makes the best loop of a set that is none, in place; return its score."""
    best, flip = 0.0, 0
    for k in range(2, min(len(islands), REPAIRED_MAX)):
        islands[k] = not islands[k]
        other = score_of(islands, first, neighbour, border, facing, clearance, a, b)
        islands[k] = not islands[k]
        if other > best:
            best, flip = other, k
    if flip > 0:
        islands[flip] = not islands[flip]
    return best


@njit(cache=True)
def _spread(root, islands, first, neighbour, reached):
    """Mark what hangs together with a piece of wall on its side."""
    stack = np.empty(len(islands), np.int64)
    reached[root] = True
    stack[0], waiting = root, 1
    while waiting > 0:
        waiting -= 1
        here = stack[waiting]
        for e in range(first[here], first[here + 1]):
            there = neighbour[e]
            if not reached[there] and islands[there] == islands[root]:
                reached[there] = True
                stack[waiting] = there
                waiting += 1


@njit(cache=True)
def score_of(islands, first, neighbour, border, facing, clearance, a, b):
    """The worth of the loop round the islands; 0 if it is not one, or does not part a and b."""
    if a != b and islands[a] == islands[b]:
        return 0.0
    n = len(islands)
    reached = np.zeros(n, np.bool_)
    for side in (True, False):  # the islands must hang together, and so must all the rest
        root = 0
        for k in range(1, n):
            if islands[k] == side:
                root = k
                break
        if root == 0:
            return 0.0
        _spread(root, islands, first, neighbour, reached)
    length, facing_2, least = 0.0, 0.0, np.inf
    for k in range(1, n):
        if not reached[k]:
            return 0.0
        for e in range(first[k], first[k + 1]):
            if islands[k] and not islands[neighbour[e]]:
                length += border[e]
                facing_2 += facing[e] * facing[e]
                least = min(least, clearance[e])
    return _worth(length, facing_2, least)
