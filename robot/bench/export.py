"""What an inference costs on a Cortex-M4: the exported C beside a plain loop and beside emlearn's C.

The same network (146-64-64-4, tanh: a hover policy that remembers 32 actions) from the same compiler with the same
options, run on the same emulated processor. Cycles are a model's. emlearn (Nordby, 2019) is a generator of C for
microcontrollers, from PyPI. It and the loop take tanh from newlib, may have their products and sums fused, and are measured
with their loops unrolled too, which makes ours no faster.
"""

from pathlib import Path
from typing import Any

import numpy as np

from firmware_export.arithmetic import KERNELS
from firmware_export.c_source import c_source, hex_float
from firmware_export.compilers import sizes
from firmware_export.cortex_m4 import CCM, CountingCortexM4
from firmware_export.cortex_m4_program import build_program
from firmware_export.network import Network, random_network
from sim.scratch_folder import scratch_folder

try:
    with np.errstate():  # emlearn lets NumPy raise, in the whole process
        import emlearn
        from emlearn.net import c_generate_net_loadable
except ImportError as error:
    raise ValueError("export: needs emlearn to compare with; pip install 'robot-practice[dev]'") from error

NAIVE_KERNEL = Path(__file__).parent / "naive_kernel.c"
NETWORK_SIZES, HISTORY = (146, 64, 64, 4), 32
FOREIGN = ("-std=gnu11", "-w")  # others' code, in the dialect that lets compilers do most; its warnings are not ours
UNROLLED = "-funroll-loops"


def run() -> dict[str, Any]:
    """Instructions and modelled cycles of an inference, bytes of flash and RAM of the program, largest error."""
    network = random_network(NETWORK_SIZES, history=HISTORY)
    figures: dict[str, Any] = {}
    with scratch_folder("robot-bench") as folder:
        for kernel in KERNELS:
            code = c_source(network, kernel).write(folder / kernel)
            figures[kernel] = measure(network, code, "policy_infer", folder / kernel)
        for name, code in (("naive", naive(network, folder)), ("emlearn", emlearns(network, folder))):
            include = f"-I{emlearn.includedir}"
            figures[name] = measure(network, code, "infer", folder / name, (*FOREIGN, include))
            figures[f"{name}_unrolled"] = measure(
                network, code, "infer", folder / f"{name}-unrolled", (*FOREIGN, include, UNROLLED)
            )
    for name in ("naive", "emlearn"):
        figures[f"{name}_over_fma"] = round(figures[name]["instructions"] / figures["fma"]["instructions"], 2)
    return figures


def measure(network: Network, code: Path, function: str, folder: Path, more: tuple[str, ...] = ()) -> dict[str, Any]:
    """Compile and run `function(input, output)`."""
    program = build_program([code], folder / "build", "3", more)
    processor = CountingCortexM4(program)
    x = np.random.default_rng(0).standard_normal((20, network.inputs)).astype(np.float32)
    calls, y = [], np.empty((len(x), network.outputs), np.float32)
    for row, result in zip(x, y, strict=True):
        processor.write(CCM, row.tobytes())
        calls.append(processor.call_counted(function, CCM, CCM + row.nbytes))
        result[:] = np.frombuffer(processor.read(CCM + row.nbytes, result.nbytes), np.float32)
    return {
        "instructions": max(call.instructions for call in calls),
        "cycles_model": max(call.cycles for call in calls),
        "flash_bytes": sizes(program.elf).flash,
        "ram_bytes": sizes(program.elf).ram,
        "error": float(np.abs(y - network.forward(x)).max()),
    }


def naive(network: Network, folder: Path) -> Path:
    """The plain loop, with the network's numbers before it."""
    arrays = []
    for number, layer in enumerate(network.layers, 1):
        for name, values in (("weights", layer.weights), ("bias", layer.bias)):
            numbers = ", ".join(map(hex_float, values.ravel()))
            arrays.append(f"static const float {name}_{number}[{values.size}] = {{{numbers}}};\n")
    code = folder / "naive.c"
    code.write_text("".join(arrays) + NAIVE_KERNEL.read_text())
    return code


def emlearns(network: Network, folder: Path) -> Path:
    """What emlearn generates, and a function to call."""
    layers = network.layers
    generated = c_generate_net_loadable(
        [layer.activation for layer in layers],
        [layer.weights for layer in layers],
        [layer.bias for layer in layers],
        "net",
    )
    call = f"int infer(const float *x, float *y) {{ return eml_net_regress(&net, x, {network.inputs}, y, {network.outputs}); }}\n"
    code = folder / "emlearn.c"
    code.write_text(f"{generated}\n{call}")
    return code
