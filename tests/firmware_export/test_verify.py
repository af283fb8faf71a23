"""The proof: it holds for every kernel and network, within the bounds that were promised, and fails where it should."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from firmware_export import verify as verify_module
from firmware_export.arithmetic import KERNELS, Kernel
from firmware_export.c_source import c_source
from firmware_export.compilers import policy_stack_bytes, shared_library
from firmware_export.cortex_m4 import RAM
from firmware_export.emulated_policy import EmulatedPolicy, build_policy_program, flip_bits
from firmware_export.host_policy import HostPolicy
from firmware_export.network import Network, random_network
from firmware_export.verify import Verification, proof_vectors, same_bits, torch_errors, verify
from tests.firmware_export.edited_source import verify_edited
from tests.firmware_export.toolchain import needs_arm_gcc

pytestmark = needs_arm_gcc

HOVER = random_network((146, 64, 64, 4), history=32)
WITHOUT_SHRINKING = (Phase.explicit, Phase.reuse, Phase.generate)  # an example compiles for two processors
SMALL = random_network((7, 5, 3), history=1)


def test_a_thousand_inputs_and_a_thousand_flipped_bits() -> None:
    found = verify(HOVER)
    assert found.proved
    assert found.vectors >= 1000
    assert (found.selftest_flips, found.selftest_flips_missed) == (1000, 0)


@pytest.mark.parametrize(("kernel", "instructions_max", "cycles_max", "weight_bytes_max"),
                         [("fma", 40_000, 100_000, 56_000), ("muladd", 60_000, 80_000, 56_000),
                          ("int8", 38_000, 60_000, 15_000)])  # fmt: skip
def test_the_promised_figures(kernel: Kernel, instructions_max: int, cycles_max: int, weight_bytes_max: int) -> None:
    found = verify(HOVER, kernel, vectors=100, flips=50)
    assert found.proved
    assert (found.bit_equal, found.instructions_constant, found.selftest) == (True, True, True)
    assert found.instructions <= instructions_max
    assert found.cycles_model <= cycles_max
    assert found.weight_bytes < weight_bytes_max
    assert found.torch_error < (0.02 if kernel == "int8" else 1e-6)


@st.composite
def networks(draw: st.DrawFn) -> Network:
    sizes = tuple(draw(st.lists(st.integers(1, 200), min_size=2, max_size=5)))
    layers = len(sizes) - 1
    activations = draw(st.tuples(*[st.sampled_from(("tanh", "relu", "linear"))] * layers))
    history = draw(st.integers(0, (sizes[0] - 1) // sizes[-1]))
    return random_network(sizes, activations, history=history, seed=draw(st.integers(0, 1000)))


@settings(max_examples=12, phases=WITHOUT_SHRINKING)
@given(network=networks(), kernel=st.sampled_from(("fma", "muladd")))
def test_any_network_has_the_same_bits_and_is_torchs(network: Network, kernel: Kernel) -> None:
    found = verify(network, kernel, vectors=60, flips=4)
    assert found.bit_equal
    assert found.instructions_constant
    assert found.selftest_flips_missed == 0
    assert found.torch_error <= max(1e-6, 2.0 * found.torch_float32_error)  # torch rounds too


@settings(max_examples=4, phases=WITHOUT_SHRINKING)
@given(network=networks())
def test_any_network_in_integers_has_the_same_bits(network: Network) -> None:
    found = verify(network, "int8", vectors=60, flips=4)
    assert found.proved


@pytest.mark.parametrize("kernel", KERNELS)
def test_optimisation_levels_give_the_same_bits_with_layer_norm_too(kernel: Kernel, tmp_path: Path) -> None:
    network = random_network((33, 17, 6, 3), ("relu", "tanh", "linear"), (True, True, False), seed=3)
    code = c_source(network, kernel).write(tmp_path)
    host = HostPolicy(shared_library([code], tmp_path / "policy.so"), network)
    x = np.concatenate(proof_vectors(network, 100))
    for level in ("0", "3", "s"):
        chip = EmulatedPolicy(build_policy_program(code, tmp_path / level, level), network)  # type: ignore[arg-type]
        assert chip.processor.status == 1
        assert same_bits(chip.infer(x), host.infer(x))


def test_no_more_stack_is_used_than_is_told(tmp_path: Path) -> None:
    """Of memory below the stack's top, which is painted before, only as much has changed after."""
    program = build_policy_program(c_source(HOVER).write(tmp_path), tmp_path / "build")
    chip = EmulatedPolicy(program, HOVER)
    below, paint = program.symbols["stack_top"] - 4096, b"\xa5" * 4096
    assert below > RAM + 8192
    used = 0
    for function in ("act", "selftest"):
        chip.processor.write(below, paint)
        if function == "act":
            chip.act(np.ones((1, HOVER.sensed), np.float32))
        else:
            assert chip.processor.call("policy_selftest") == 1
        used = max(used, len(chip.processor.read(below, 4096).lstrip(b"\xa5")))
    assert 0 < used <= policy_stack_bytes(tmp_path / "build" / "policy.su")


def test_no_flipped_bit_escapes(tmp_path: Path) -> None:
    """Every bit of a small policy's weights and constants, one after the other."""
    program = build_policy_program(c_source(SMALL).write(tmp_path), tmp_path / "build")
    bits = 8 * program.symbol_sizes["policy_data"]
    assert flip_bits(program, flips=bits) == 0


def test_other_weights_on_the_chip_are_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """The proof compares with torch as well: C of another network is bit-equal with itself."""
    other = random_network(HOVER.sizes, history=HOVER.history, seed=1)
    monkeypatch.setattr(verify_module, "c_source", lambda _, kernel: c_source(other, kernel))
    found = verify(HOVER, vectors=50, flips=1)
    assert found.bit_equal
    assert not found.proved


def edited(monkeypatch: pytest.MonkeyPatch, old: str, new: str) -> Verification:
    return verify_edited(monkeypatch, SMALL, old, new, vectors=50, flips=200)


def test_arithmetic_that_depends_on_the_machine_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    found = edited(monkeypatch, "y[i] = scratch[0][i];", "y[i] = scratch[0][i] + (sizeof(void *) == 4) * 1e-7f;")
    assert not found.bit_equal


def test_a_shortcut_that_depends_on_the_input_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    loop = "    for (unsigned i = 0; i < POLICY_OUTPUTS; i++) {\n        y[i] = scratch"
    found = edited(monkeypatch, loop, f"    if (x[0] == 0.0f) dense(0, 0, x, scratch[0], 0, 0);\n{loop}")
    assert found.bit_equal
    assert not found.instructions_constant
    assert not found.proved


def test_a_self_test_without_the_checksum_misses_flips(monkeypatch: pytest.MonkeyPatch) -> None:
    """Golden vectors alone do not notice the low bits."""
    found = edited(monkeypatch, "!= crc)", "== crc * 0u)")
    assert found.selftest_flips_missed > 0
    assert not found.proved


def test_errors_are_relative_to_large_outputs_only() -> None:
    network = random_network((3, 2), ("linear",))
    x = np.float32([[0.1, 0.2, 0.3], [1e6, 2e6, 3e6]])
    nothing = network.initial_memory(2)
    errors, float32_errors = torch_errors(network, x, nothing, network.forward(x) + np.float32(0.0), nothing)
    assert errors.max() < 1e-6
    assert float32_errors.max() < 1e-6
    errors, _ = torch_errors(network, x[:1], nothing[:1], network.forward(x[:1]) + np.float32(0.01), nothing[:1])
    assert errors.max() == pytest.approx(0.01, rel=1e-3)
