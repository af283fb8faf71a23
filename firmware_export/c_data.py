"""The constants of an exported policy: one C structure without gaps, its order of numbers, and its CRC-32."""

import zlib
from dataclasses import dataclass

import numpy as np

from firmware_export.arithmetic import ABOVE, BELOW, Kernel, infer, step
from firmware_export.network import LAYER_NORM_EPSILON, Network
from firmware_export.quantise import quantise
from policies.actor import TANH_LIMIT

ROWS = 4  # outputs that a dense layer computes at a time
GOLDEN_VECTORS, GOLDEN_STEPS = 4, 16  # without memory; with it, one after the other


@dataclass(frozen=True)
class Member:
    """An array of `policy_data`: float32, or uint32 for packed integers."""

    name: str
    values: np.ndarray
    is_weight: bool = False

    def declaration(self) -> str:
        c_type = "float" if self.values.dtype == np.float32 else "uint32_t"
        return f"    {c_type} {self.name}{''.join(f'[{size}]' for size in self.values.shape)};"

    def initialiser(self) -> str:
        return f"    /* {self.name} */\n    {nested(self.values)},"


def policy_members(network: Network, kernel: Kernel) -> list[Member]:
    """All constants of a policy, in order."""
    return [*constant_members(network), *weight_members(network, kernel), *golden_members(network, kernel)]


def crc_32(members: list[Member]) -> int:
    """Of the structure's `image`, as zlib has it."""
    return zlib.crc32(image(members))


def image(members: list[Member]) -> bytes:
    """The structure's bytes on a little-endian machine."""
    return b"".join(member.values.astype(member.values.dtype.newbyteorder("<")).tobytes() for member in members)


def data_definition(members: list[Member]) -> str:
    """The structure with all constants, each of four bytes: it has no gaps."""
    declarations = "\n".join(member.declaration() for member in members)
    values = "\n".join(member.initialiser() for member in members)
    return (
        f"struct policy_data {{\n{declarations}\n}};\n\nstatic const struct policy_data policy_data = {{\n{values}\n}};"
    )


def constant_members(network: Network) -> list[Member]:
    """What every kernel needs: the normalisation, the constants of tanh and LayerNorm, the CRC's table."""
    scale, offset = network.scale_and_offset()
    return [
        Member("scale", scale),
        Member("offset", offset),
        Member("tanh_limit", np.array([TANH_LIMIT], np.float32)),
        Member("tanh_above", ABOVE.astype(np.float32)),
        Member("tanh_below", BELOW.astype(np.float32)),
        Member("epsilon", np.array([LAYER_NORM_EPSILON], np.float32)),
        Member("crc_table", crc_table()),
    ]


def crc_table() -> np.ndarray:
    """Of the reflected polynomial of IEEE 802.3, for four bits: uint32 (16,)."""
    table = np.arange(16, dtype=np.uint32)
    for _ in range(4):
        table = np.where(table & 1, (table >> 1) ^ np.uint32(0xEDB88320), table >> 1).astype(np.uint32)
    return table


def weight_members(network: Network, kernel: Kernel) -> list[Member]:
    """Weights and biases in the order of reading, outputs padded with zeros to whole groups."""
    members = []
    for number, layer in enumerate(network.matrices, 1):
        if kernel == "int8":
            integers = quantise(network)[number - 1]
            members += [
                Member(f"weights_{number}", packed_int8(integers.weights), True),
                Member(f"scale_{number}", padded(integers.scale), True),
                Member(f"steps_per_unit_{number}", np.array([integers.steps_per_unit], np.float32)),
            ]
        else:
            groups = padded(layer.weights).reshape(layer.inputs, -1, ROWS).transpose(1, 0, 2)
            members.append(Member(f"weights_{number}", groups.reshape(-1), True))
        members.append(Member(f"bias_{number}", padded(layer.bias), True))
    return members


def packed_int8(weights: np.ndarray) -> np.ndarray:
    """Four weights to a word, of one output for four inputs, inputs 0, 2, 1, 3 from the lowest byte: SXTB16's order."""
    inputs = rounded_up(len(weights), 4)
    whole = np.zeros((inputs, rounded_up(weights.shape[1], ROWS)), np.int8)
    whole[: len(weights), : weights.shape[1]] = weights
    order = whole.reshape(inputs // 4, 4, -1, ROWS).transpose(2, 0, 3, 1)[..., [0, 2, 1, 3]]
    return np.ascontiguousarray(order).view("<u4").reshape(-1).astype(np.uint32)


def golden_count(network: Network) -> int:
    """How many golden vectors there are."""
    return GOLDEN_STEPS if network.memory else GOLDEN_VECTORS


def golden_members(network: Network, kernel: Kernel) -> list[Member]:
    """Random inputs, and the outputs that they must give; with memory, as steps that begin with none, and what is remembered
    after the last."""
    shape = (golden_count(network), network.inputs)
    inputs = np.random.default_rng(1).standard_normal(shape).astype(np.float32)
    if not network.memory:
        return [Member("golden_inputs", inputs), Member("golden_outputs", infer(network, kernel, inputs))]
    outputs, memory = [], network.initial_memory(1)
    for x in inputs:
        y, memory = step(network, kernel, x[None], memory)
        outputs.append(y[0])
    return [
        Member("golden_inputs", inputs),
        Member("golden_outputs", np.array(outputs)),
        Member("golden_memory", memory[0]),
    ]


def padded(values: np.ndarray) -> np.ndarray:
    """Zeros after the last axis, up to a multiple of ROWS."""
    missing = rounded_up(values.shape[-1], ROWS) - values.shape[-1]
    return np.pad(values, [(0, 0)] * (values.ndim - 1) + [(0, missing)])


def rounded_up(n: int, multiple: int) -> int:
    return -(-n // multiple) * multiple


def nested(values: np.ndarray) -> str:
    """A C initialiser, eight numbers a line."""
    if values.ndim > 1:
        return "{" + ", ".join(nested(row) for row in values) + "}"
    texts = [hex_float(value) if values.dtype == np.float32 else f"0x{value:08x}u" for value in values]
    rows = [", ".join(texts[i : i + 8]) for i in range(0, len(texts), 8)]
    return "{" + ",\n     ".join(rows) + "}"


def hex_float(value: np.float32) -> str:
    """A float32 as C writes it exactly."""
    mantissa, exponent = float(value).hex().split("p")
    return f"{mantissa.rstrip('0').rstrip('.') if '.' in mantissa else mantissa}p{exponent}f"
