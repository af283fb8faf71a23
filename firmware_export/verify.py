"""The proof that an exported policy is the policy that was trained: its C on an emulated Cortex-M4, on this machine, and
torch, for the same inputs."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from firmware_export.arithmetic import Kernel, step
from firmware_export.c_source import c_source
from firmware_export.compilers import policy_stack_bytes, shared_library, sizes
from firmware_export.cortex_m4_program import Program
from firmware_export.emulated_policy import EmulatedPolicy, build_policy_program, flip_bits
from firmware_export.host_policy import HostPolicy
from firmware_export.network import Network
from sim.scratch_folder import scratch_folder

CLOCK_MHZ = 168.0  # the Crazyflie's STM32F405
TORCH_ERROR_MAX = 1e-6  # beside what torch itself errs by in single precision
TORCH_ERROR_RATIO_MAX = 2.0
CORNER = 5.0  # of normalised observations: farther than drones and cars of the tasks get
ACTS_BEYOND_HISTORY = 8
SEQUENCES, SEQUENCE_STEPS = 1000, 100  # of a policy with memory
FIRST_ACTION = 0.25


@dataclass(frozen=True)
class Verification:
    """What was found.

    bit_equal: every output of the M4 has the bits of this machine's (NaN where that is NaN, whatever its sign).
    vectors: inputs tried, extremes among them.
    sequences, sequence_steps: of a policy with memory, flights from an empty memory, on the M4, here, and in Python's
        arithmetic; actions and memories have the same bits in all three, or bit_equal is false.
    instructions, cycles_model: of one inference; the cycles, and the microseconds from them, are a model.
    instructions_constant: the same for every input.
    act_instructions: of one decision, with normalisation and the history of actions.
    flash_bytes, ram_bytes, stack_bytes: of the policy with its constants; weight_bytes: of weights, biases, scales.
    torch_error, torch_error_median: largest and median difference from torch in double precision, relative to outputs
        larger than 1; torch_float32_error: the largest of torch in single precision, for the same inputs.
    selftest: the self-test's answer at the program's start.
    selftest_flips, selftest_flips_missed: single bits flipped among weights and constants, and how many went unnoticed.
    """

    kernel: Kernel
    bit_equal: bool
    vectors: int
    sequences: int
    sequence_steps: int
    instructions: int
    instructions_constant: bool
    cycles_model: int
    microseconds_model: float
    act_instructions: int
    flash_bytes: int
    ram_bytes: int
    stack_bytes: int
    weight_bytes: int
    torch_error: float
    torch_error_median: float
    torch_float32_error: float
    selftest: bool
    selftest_flips: int
    selftest_flips_missed: int

    @property
    def torch_error_allowed(self) -> float:
        """Integers err by their design: for them the figure is the finding, and nothing is refused."""
        rounding = TORCH_ERROR_MAX + TORCH_ERROR_RATIO_MAX * self.torch_float32_error
        return math.inf if self.kernel == "int8" else rounding

    @property
    def proved(self) -> bool:
        """Whether the policy on the chip is the one that was trained, and would notice damage."""
        return (
            self.bit_equal
            and self.instructions_constant
            and self.torch_error <= self.torch_error_allowed
            and self.selftest
            and self.selftest_flips_missed == 0
        )


def verify(
    network: Network,
    kernel: Kernel = "fma",
    vectors: int = 1000,
    flips: int = 1000,
    sequences: int = SEQUENCES,
    show: Callable[[str], None] = lambda step: None,
) -> Verification:
    """Compile the network's C for both machines, and compare. `show` is called with what is done next.

    Raises ValueError if a compiler is missing or refuses.
    """
    with scratch_folder("policy-objects") as folder:
        show("compiling")
        source = c_source(network, kernel)
        code = source.write(folder)
        host = HostPolicy(shared_library([code], folder / "policy.so"), network)
        program = build_policy_program(code, folder / "cortex-m4")
        chip = EmulatedPolicy(program, network)

        ordinary, extreme = proof_vectors(network, vectors)
        x, memory = np.concatenate([ordinary, extreme]), proof_memories(network, len(ordinary), len(extreme))
        show(f"{len(x)} inferences on the emulated Cortex-M4")
        found = chip.step(x, memory)
        instructions = {call.instructions for call in chip.calls}
        cycles = max(call.cycles for call in chip.calls)
        bit_equal = all(map(same_bits, found, host.step(x, memory))) and same_decisions(network, host, chip)
        if network.memory:
            show(f"{sequences} sequences of {SEQUENCE_STEPS} decisions")
            bit_equal = bit_equal and same_sequences(network, kernel, host, program, sequences)
        show(f"{flips} flipped bits")
        missed = flip_bits(program, flips)
        n = len(ordinary)
        errors, float32_errors = torch_errors(network, ordinary, memory[:n], found[0][:n], found[1][:n])
        policy_object = folder / "cortex-m4" / "policy.o"
        return Verification(
            kernel=kernel,
            bit_equal=bit_equal,
            vectors=len(x),
            sequences=sequences if network.memory else 0,
            sequence_steps=SEQUENCE_STEPS if network.memory else 0,
            instructions=max(instructions),
            instructions_constant=len(instructions) == 1,
            cycles_model=cycles,
            microseconds_model=round(cycles / CLOCK_MHZ, 1),
            act_instructions=max(call.instructions for call in chip.calls),
            flash_bytes=sizes(policy_object).flash,
            ram_bytes=sizes(policy_object).ram,
            stack_bytes=policy_stack_bytes(policy_object.with_suffix(".su")),
            weight_bytes=source.weight_bytes,
            torch_error=float(errors.max()),
            torch_error_median=float(np.median(errors)),
            torch_float32_error=float(float32_errors.max()),
            selftest=chip.processor.status == 1,
            selftest_flips=flips,
            selftest_flips_missed=missed,
        )


def proof_vectors(network: Network, n: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Normalised inputs, n of them at least: ordinary ones (n1, inputs), and extreme ones (n2, inputs) float32.

    Ordinary: random ones small and large, zeros, corners, denormal numbers. Extreme ones overflow: huge, infinite, NaN.
    """
    rng = np.random.default_rng(seed)
    signs = rng.choice([-1.0, 1.0], (16, network.inputs))
    largest, smallest = 3.4028235e38, 1.4e-45  # of float32; the smallest is denormal
    ordinary = [
        np.zeros((1, network.inputs)),
        signs[:4],
        CORNER * signs,
        1e-40 * signs[:4],
        smallest * signs[:4],
    ]
    spoilt = rng.standard_normal((3, network.inputs))
    spoilt[np.arange(3), rng.integers(0, network.inputs, 3)] = (np.nan, np.inf, -np.inf)
    extreme = np.concatenate(
        [
            1e30 * signs[:4],
            largest * signs[:4],
            np.full((1, network.inputs), np.inf),
            np.full((1, network.inputs), np.nan),
            spoilt,
        ]
    )
    n_random = max(1, n - sum(map(len, ordinary)) - len(extreme))
    size = rng.choice([0.1, 1.0, 3.0], (n_random, 1), p=[0.2, 0.6, 0.2])
    ordinary.append(size * rng.standard_normal((n_random, network.inputs)))
    possible = np.concatenate(ordinary).clip(-CORNER, CORNER)
    possible[:, network.sensed :] = possible[:, network.sensed :].clip(-1.0, 1.0)  # past actions
    return possible.astype(np.float32), extreme.astype(np.float32)


def proof_memories(network: Network, ordinary: int, extreme: int) -> np.ndarray:
    """Memories to go with the vectors (ordinary + extreme, memory) float32: random, empty, full, denormal, and no numbers."""
    rng = np.random.default_rng(2)
    n, wide = ordinary + extreme, network.memory
    memory = rng.uniform(-1.0, 1.0, (n, wide))
    memory[: ordinary // 4] *= rng.choice([0.0, 1e-40, 1e-3], (ordinary // 4, 1))
    memory[ordinary // 4 : ordinary // 2] = rng.choice([-1.0, 1.0], (ordinary // 2 - ordinary // 4, wide))
    if wide:
        memory[n - 3 :, 0] = (np.nan, np.inf, -np.inf)
    return memory.astype(np.float32)


def same_bits(found: np.ndarray, wanted: np.ndarray) -> bool:
    """Whether two float32 arrays are equal bit by bit; NaN equals NaN, whose sign and payload processors choose."""
    equal = found.view(np.uint32) == wanted.view(np.uint32)
    return bool((equal | (np.isnan(found) & np.isnan(wanted))).all())


def same_decisions(network: Network, host: HostPolicy, chip: EmulatedPolicy) -> bool:
    """Whether decisions one after the other, each with the actions before it, are the same; afterwards `chip.calls` has
    what they took."""
    scale, offset = network.scale_and_offset()
    decisions = 2 * network.history + ACTS_BEYOND_HISTORY
    raw = np.random.default_rng(1).standard_normal((decisions, network.sensed)).astype(np.float32) / scale + offset
    if network.history:
        host.reset(FIRST_ACTION)
        chip.reset(FIRST_ACTION)
    return same_bits(chip.act(raw), host.act(raw))


def same_sequences(network: Network, kernel: Kernel, host: HostPolicy, program: Program, n: int) -> bool:
    """Whether n flights, each from an empty memory, are the same here, on the M4 and in Python: every action, and what is
    remembered in the end."""
    chip = EmulatedPolicy(program, network, counts=False)
    scale, offset = network.scale_and_offset()
    rng = np.random.default_rng(3)
    size = rng.choice([0.1, 1.0, 3.0], (n, 1, 1))
    raw = (size * rng.standard_normal((n, SEQUENCE_STEPS, network.sensed)) / scale + offset).astype(np.float32)
    first = rng.uniform(-1.0, 1.0, n).astype(np.float32)
    past, memory, wanted = np.repeat(first[:, None], network.outputs, 1), network.initial_memory(n), []
    for now in range(SEQUENCE_STEPS):
        past, memory = step(network, kernel, np.concatenate([(raw[:, now] - offset) * scale, past], 1), memory)
        wanted.append(past)
    for flight in range(n):
        actions = np.array([each[flight] for each in wanted])
        last = np.concatenate([memory[flight], actions[-1]])
        for machine in (host, chip):
            machine.reset(float(first[flight]))
            if not (same_bits(machine.act(raw[flight]), actions) and same_bits(machine.state, last)):
                return False
    return True


def torch_errors(
    network: Network, x: np.ndarray, memory: np.ndarray, found: np.ndarray, found_memory: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Differences (n, outputs + memory) from torch in double precision, relative to outputs larger than 1: those of what was
    `found`, and those of torch in single precision."""
    import torch

    from firmware_export.torch_model import torch_model

    module = torch_model(network)

    def computed(*inputs: np.ndarray) -> np.ndarray:
        tensors = [torch.from_numpy(each) for each in inputs if each.shape[1]]
        with torch.no_grad():
            y = module(*tensors)
        return torch.cat(y, dim=1).numpy() if isinstance(y, tuple) else y.numpy()  # type: ignore[no-any-return]

    float32 = computed(x, memory)
    module.double()
    exact = computed(x.astype(np.float64), memory.astype(np.float64))
    size = np.maximum(1.0, np.abs(exact))
    return np.abs(np.concatenate([found, found_memory], 1) - exact) / size, np.abs(float32 - exact) / size
