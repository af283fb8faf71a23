"""Quadrotors in flat memory: reading and writing one lane, whose numbers stand `step` apart, row after row.

Shared by the simulator's kernel and the training step, whose blocks differ in width. Addresses and steps are uintp.
"""

import numpy as np
from numba import njit

TWO, THREE, FOUR, EIGHT, SIXTEEN = map(np.uintp, (2, 3, 4, 8, 16))
LAST_PARAMETERS = np.uintp(23)  # the last four of N_PARAMETERS


@njit(forceinline=True)
def four(memory, at, step):
    """memory[at] and three more, `step` apart."""
    return memory[at], memory[at + step], memory[at + TWO * step], memory[at + THREE * step]


@njit(forceinline=True)
def eight(memory, at, step):
    return four(memory, at, step) + four(memory, at + FOUR * step, step)


@njit(forceinline=True)
def state_at(memory, at, step):
    """The state that begins at memory[at], or its adjoint, as the tuple of `sim.quadrotor.model`."""
    return eight(memory, at, step) + eight(memory, at + EIGHT * step, step) + (memory[at + SIXTEEN * step],)


@njit(forceinline=True)
def parameters_at(memory, at, step):
    """The parameters that begin at memory[at], as the tuple of `sim.quadrotor.model`."""
    p = eight(memory, at, step) + eight(memory, at + EIGHT * step, step) + eight(memory, at + SIXTEEN * step, step)
    return p + four(memory, at + LAST_PARAMETERS * step, step)[1:]


@njit(forceinline=True)
def put_four_at(memory, at, step, values):
    """Write what `four` reads."""
    memory[at], memory[at + step] = values[0], values[1]
    memory[at + TWO * step], memory[at + THREE * step] = values[2], values[3]


@njit(forceinline=True)
def put_eight_at(memory, at, step, values):
    put_four_at(memory, at, step, values[:4])
    put_four_at(memory, at + FOUR * step, step, values[4:])


@njit(forceinline=True)
def put_state_at(memory, at, step, s):
    """Write what `state_at` reads."""
    put_eight_at(memory, at, step, s[:8])
    put_eight_at(memory, at + EIGHT * step, step, s[8:16])
    memory[at + SIXTEEN * step] = s[16]


@njit(forceinline=True)
def put_parameters_at(memory, at, step, p):
    """Write what `parameters_at` reads."""
    put_eight_at(memory, at, step, p[:8])
    put_eight_at(memory, at + EIGHT * step, step, p[8:16])
    put_eight_at(memory, at + SIXTEEN * step, step, p[16:24])
    put_four_at(memory, at + LAST_PARAMETERS * step, step, p[23:])
