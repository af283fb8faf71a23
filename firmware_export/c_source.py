"""A network as C: one policy.c and one policy.h, C99 without malloc, without libm, with static scratch alone.

All that a flipped bit could spoil without anybody's noticing lies in one constant structure, `policy_data`: weights, the
constants of the arithmetic, golden vectors. `policy_selftest` takes its CRC-32. The code itself is in `c_templates/`, as
it is compiled; here it is joined with what depends on the network.
"""

import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from firmware_export.arithmetic import ABOVE, BELOW, KERNELS, Kernel, infer
from firmware_export.network import LAYER_NORM_EPSILON, Network
from firmware_export.quantise import quantise
from policies.actor import TANH_LIMIT
from policies.array_file import write_bytes_atomically
from policies.fields import Field

TEMPLATES = Path(__file__).parent / "c_templates"
ROWS = 4  # outputs that a dense layer computes at a time
GOLDEN_VECTORS = 4
MULTIPLY_ADD = {
    "fma": "__builtin_fmaf(a, b, c) /* one rounding */",
    "muladd": "((a) * (b) + (c)) /* two roundings */",
    "int8": "__builtin_fmaf(a, b, c) /* one rounding */",
}


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


@dataclass(frozen=True)
class CSource:
    """The two files, and how large the weights, biases and scales among their constants are."""

    code: str
    header: str
    weight_bytes: int

    def write(self, folder: Path) -> Path:
        """Write policy.c and policy.h; returns the path of policy.c."""
        write_bytes_atomically(folder / "policy.h", [self.header.encode()])
        write_bytes_atomically(folder / "policy.c", [self.code.encode()])
        return folder / "policy.c"


def c_source(network: Network, kernel: Kernel = "fma") -> CSource:
    """The network as C with a kernel: fused multiply-adds, products and sums apart, or integers. Raises ValueError."""
    if kernel not in KERNELS:
        raise ValueError(f"kernel: found {kernel!r}, allowed: {', '.join(KERNELS)}")
    members = [*constant_members(network), *weight_members(network, kernel), *golden_members(network, kernel)]
    crc = zlib.crc32(
        b"".join(member.values.astype(member.values.dtype.newbyteorder("<")).tobytes() for member in members)
    )
    widest = max(rounded_up(layer.outputs, ROWS) for layer in network.layers)
    activations = {layer.activation for layer in network.layers}
    parts = [
        f"/* {title(network, kernel)}\n   {how_to_compile(kernel)} */",
        '#include "policy.h"\n\n#include <stdint.h>',
        template("preamble.c"),
        f"#define MULTIPLY_ADD(a, b, c) {MULTIPLY_ADD[kernel]}",
        data_definition(members),
        f"#define POLICY_CRC32 0x{crc:08x}u /* of policy_data */\n#define GOLDEN_VECTORS {GOLDEN_VECTORS}",
        template("in_flash.c"),
        template("dense_int8.c" if kernel == "int8" else "dense_float.c"),
    ]
    if any(layer.layer_norm for layer in network.layers):
        parts.append(template("layer_norm.c"))
    parts += [template(f"{name}.c") for name in ("tanh", "relu") if name in activations]
    parts += [inference(network, kernel, widest), template("interface.c")]
    weight_bytes = sum(member.values.nbytes for member in members if member.is_weight)
    return CSource("\n\n".join(parts) + "\n", header(network, kernel), weight_bytes)


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
    for number, layer in enumerate(network.layers, 1):
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


def golden_members(network: Network, kernel: Kernel) -> list[Member]:
    """Random inputs, and the outputs that they must give."""
    inputs = np.random.default_rng(1).standard_normal((GOLDEN_VECTORS, network.inputs)).astype(np.float32)
    return [Member("golden_inputs", inputs), Member("golden_outputs", infer(network, kernel, inputs))]


def inference(network: Network, kernel: Kernel, widest: int) -> str:
    """policy_infer: the layers, one after the other, between two scratch arrays."""
    lines = [f"static float scratch[2][{widest}];"]
    if kernel == "int8":
        words = max(rounded_up(layer.inputs, 4) // 2 for layer in network.layers)
        lines.append(f"static uint32_t integers[{words}];")
    lines += [
        "",
        "void policy_infer(const float x[POLICY_INPUTS], float y[POLICY_OUTPUTS])",
        "{",
        "    const struct policy_data *const data = in_flash();",
    ]
    source = "x"
    for number, layer in enumerate(network.layers, 1):
        target = f"scratch[{number % 2}]"
        weights, sizes = f"data->weights_{number}, ", f"{layer.inputs}, {layer.outputs}"
        if kernel == "int8":
            lines.append(f"    quantise({source}, data->steps_per_unit_{number}[0], integers, {layer.inputs});")
            weights, source = f"{weights}data->scale_{number}, ", "integers"
        lines.append(f"    dense({weights}data->bias_{number}, {source}, {target}, {sizes});")
        if layer.layer_norm:
            one_over_n = hex_float(np.float32(1.0) / np.float32(layer.outputs))
            lines.append(f"    layer_norm({target}, {layer.outputs}, {one_over_n}, data->epsilon[0]);")
        if layer.activation == "tanh":
            lines.append(f"    tanh_each(data, {target}, {layer.outputs});")
        elif layer.activation == "relu":
            lines.append(f"    relu_each({target}, {layer.outputs});")
        source = target
    extra = " + zero" if kernel == "int8" else ""
    if kernel == "int8":
        lines.append("    const float zero = zero_if_finite(x, POLICY_INPUTS);")
    lines += [
        "    for (unsigned i = 0; i < POLICY_OUTPUTS; i++) {",
        f"        y[i] = {source}[i]{extra};",
        "    }",
        "}",
    ]
    return "\n".join(lines)


def data_definition(members: list[Member]) -> str:
    """The structure with all constants, each of four bytes: it has no gaps."""
    declarations = "\n".join(member.declaration() for member in members)
    values = "\n".join(member.initialiser() for member in members)
    return (
        f"struct policy_data {{\n{declarations}\n}};\n\nstatic const struct policy_data policy_data = {{\n{values}\n}};"
    )


def header(network: Network, kernel: Kernel) -> str:
    """policy.h: what goes in, what comes out, and the functions."""
    rate = f"{network.rate_hz:g}"
    defines = {
        "TASK": f'"{network.task}"',
        "SHA256": f'"{network.sha256}" /* of the run\'s policy */',
        "KERNEL": f'"{kernel}"',
        "RATE_HZ": rate,
        "SENSED": str(network.sensed),
        "HISTORY": f"{network.history} /* past actions among the inputs */",
        "INPUTS": str(network.inputs),
        "OUTPUTS": str(network.outputs),
    }
    starts, at = {}, 0
    for field in network.observation:
        starts[f"AT_{field.name.upper()}"] = str(at)
        at += field.size
    past = (
        f"\n   then {network.history} past actions, newest first, as decided, which policy_act keeps"
        if network.history
        else ""
    )
    return (
        template("policy.h")
        .replace("@TITLE@", title(network, kernel))
        .replace("@OBSERVATION@", field_table(network.observation) + past)
        .replace("@ACTION@", field_table(network.action))
        .replace("@RATE@", rate)
        .replace("@DEFINES@", "\n".join(f"#define POLICY_{name} {value}" for name, value in defines.items()))
        .replace("@STARTS@", "\n".join(f"#define POLICY_{name} {value}" for name, value in starts.items()))
        + "\n"
    )


def field_table(fields: tuple[Field, ...]) -> str:
    """A comment's table: where each field lies, its unit, its scale and offset, its meaning."""
    lines, at = [], 0
    for field in fields:
        place = f"{at}" if field.size == 1 else f"{at}-{at + field.size - 1}"
        lines.append(
            f"   {place:>7}  {field.name:<22} {field.unit:<14} scale {field.scale:<10.7g} offset {field.offset:<10.7g} {field.meaning}"
        )
        at += field.size
    return "\n".join(line.rstrip() for line in lines)


def title(network: Network, kernel: Kernel) -> str:
    sizes = "-".join(str(size) for size in network.sizes)
    return f"A policy for {network.task}: {sizes}, kernel {kernel}. Generated; policy {network.sha256}."


def how_to_compile(kernel: Kernel) -> str:
    return (
        "C99; compile it with -mfma on x86-64, where the instruction is an extension." if kernel != "muladd" else "C99."
    )


def template(name: str) -> str:
    return (TEMPLATES / name).read_text().rstrip("\n")


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
    return float(value).hex() + "f"
