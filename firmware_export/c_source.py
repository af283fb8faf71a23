"""A network as C: one policy.c and one policy.h, C99 without malloc, without libm, with static scratch alone.

All that a flipped bit could spoil without anybody's noticing lies in one constant structure, `policy_data`: weights, the
constants of the arithmetic, golden vectors. `policy_selftest` takes its CRC-32. The code itself is in `c_templates/`, as
it is compiled; here it is joined with what depends on the network.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from firmware_export.arithmetic import KERNELS, Kernel
from firmware_export.c_data import GOLDEN_VECTORS, ROWS, crc_32, data_definition, hex_float, policy_members, rounded_up
from firmware_export.c_header import c_header, template, title
from firmware_export.network import Network
from policies.array_file import write_bytes_atomically


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


def c_source(network: Network, kernel: Kernel = "fma", banks: int = 0) -> CSource:
    """The network as C with a kernel: fused multiply-adds, products and sums apart, or integers. banks: of RAM, 2 or none, for
    constants of the same shape that come later. Raises ValueError."""
    if kernel not in KERNELS:
        raise ValueError(f"kernel: found {kernel!r}, allowed: {', '.join(KERNELS)}")
    members = policy_members(network, kernel)
    widest = max(rounded_up(layer.outputs, ROWS) for layer in network.layers)
    activations = {layer.activation for layer in network.layers}
    parts = [
        f"/* {title(network, kernel)}\n   {how_to_compile(kernel)} */",
        '#include "policy.h"\n\n#include <stdint.h>',
        template("preamble.c"),
        template("separate.c" if kernel == "muladd" else "fused.c"),
        data_definition(members),
        f"#define POLICY_CRC32 0x{crc_32(members):08x}u /* of policy_data */\n#define GOLDEN_VECTORS {GOLDEN_VECTORS}",
        template("in_bank.c" if banks else "in_flash.c"),
    ]
    if kernel == "int8" or activations != {"linear"}:
        parts.append(template("mask_of_sign.c"))
    if kernel == "int8" or "tanh" in activations:
        parts.append(template("clamped.c"))
    parts.append(template("dense_int8.c" if kernel == "int8" else "dense_float.c"))
    if any(layer.layer_norm for layer in network.layers):
        parts.append(template("layer_norm.c"))
    parts += [template(f"{name}.c") for name in ("tanh", "relu") if name in activations]
    parts += [inference(network, kernel, widest), template("interface.c")]
    parts += [template("banks.c")] if banks else []
    weight_bytes = sum(member.values.nbytes for member in members if member.is_weight)
    return CSource("\n\n".join(parts) + "\n", c_header(network, kernel, banks), weight_bytes)


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


def how_to_compile(kernel: Kernel) -> str:
    return (
        "C99; compile it with -mfma on x86-64, where the instruction is an extension." if kernel != "muladd" else "C99."
    )
