"""A policy with memory as C and as ONNX: its steps are Python's, bit by bit, over sequences; its state is the caller's."""

import dataclasses
import re
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

from firmware_export.arithmetic import KERNELS, Kernel, infer, step
from firmware_export.c_data import golden_members
from firmware_export.c_source import c_source
from firmware_export.compilers import policy_stack_bytes, shared_library
from firmware_export.emulated_policy import EmulatedPolicy, build_policy_program
from firmware_export.host_policy import HostPolicy
from firmware_export.network import Cell, Layer, Network, network_of, random_recurrent_network
from firmware_export.onnx_model import OnnxPolicy, parity, write_onnx
from firmware_export.verify import Verification, same_bits, verify
from policies.policy_file import PolicyFile
from policies.recurrent_actor import RecurrentActor, RecurrentLayers, initial_weights
from robot.tasks import hover
from tests.firmware_export.edited_source import verify_edited
from tests.firmware_export.toolchain import needs_arm_gcc

LAYERS = RecurrentLayers(22, 16, 16, 4)
ODD = random_recurrent_network(RecurrentLayers(9, 5, 3, 2), seed=2)
USUAL = random_recurrent_network(LAYERS)


def policy_file(seed: int = 1) -> PolicyFile:
    rng = np.random.default_rng(seed)
    weights = initial_weights(LAYERS, rng) + 0.3 * rng.standard_normal(2100).astype(np.float32)
    return PolicyFile(weights, LAYERS, {"task": "hover", "rate_hz": 100.0, "kind": "recurrent"})


def built(network: Network, folder: Path, kernel: Kernel = "fma", level: Any = "2") -> HostPolicy:
    code = c_source(network, kernel).write(folder)
    return HostPolicy(shared_library([code], folder / f"{kernel}-{level}.so", level), network)


def test_the_actor_s_steps_are_the_c_s_over_flights(tmp_path: Path) -> None:
    """The kernel `muladd` is the arithmetic of policies/recurrent_actor.py, in the same order."""
    policy = policy_file()
    network = network_of(policy, hover.OBSERVATION_FIELDS, hover.ACTION_FIELDS)
    actor, chip = RecurrentActor(LAYERS, policy.weights), built(network, tmp_path, "muladd")
    scale, offset = network.scale_and_offset()
    for flight in range(10):
        raw = np.random.default_rng(flight).standard_normal((100, 18)).astype(np.float32)
        past, memory = np.full(4, 0.25, np.float32), actor.initial_memory()
        chip.reset(0.25)
        for row in raw:
            past, memory = actor.step(np.concatenate([(row - offset) * scale, past]), memory)
            assert same_bits(chip.act(row[None])[0], past)
            assert same_bits(chip.state, np.concatenate([memory, past]))


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("network", [USUAL, ODD], ids=["usual", "odd"])
def test_its_bits_are_those_of_numpys_arithmetic(network: Network, kernel: Kernel, tmp_path: Path) -> None:
    rng = np.random.default_rng(7)
    x = rng.standard_normal((60, network.inputs)).astype(np.float32)
    memory = rng.uniform(-1.0, 1.0, (60, network.memory)).astype(np.float32)
    x[0], x[1], memory[2], x[3], memory[4] = 0.0, 1e-42, 0.0, 1e30, 1e-42
    wanted = step(network, kernel, x, memory)
    for level in "03":
        policy = built(network, tmp_path, kernel, level)
        assert all(map(same_bits, policy.step(x, memory), wanted))
        assert policy.selftest()


@pytest.mark.parametrize("kernel", KERNELS)
def test_integers_and_floats_remember_alike(kernel: Kernel) -> None:
    """Against NumPy's own arithmetic, each with its own memory, over a flight."""
    memory = exact = USUAL.initial_memory(20)
    for now in range(50):
        x = np.random.default_rng(now).standard_normal((20, 22)).astype(np.float32)
        found, memory = step(USUAL, kernel, x, memory)
        wanted, exact = USUAL.step(x, exact)
        assert np.abs(found - wanted).max() < (0.1 if kernel == "int8" else 3e-6)
    assert np.abs(memory).max() > 0.5


@pytest.mark.parametrize("kernel", KERNELS)
def test_a_number_that_is_none_comes_out_and_stays_until_it_is_reset(kernel: Kernel, tmp_path: Path) -> None:
    policy, raw = built(USUAL, tmp_path, kernel), np.zeros((1, 18), np.float32)
    policy.reset(0.0)
    usual = policy.act(raw)
    spoilt = raw.copy()
    spoilt[0, 5] = np.nan
    assert np.isnan(policy.act(spoilt)).all() and np.isnan(policy.act(raw)).all()
    policy.reset(0.0)
    assert same_bits(policy.act(raw), usual)
    memory = USUAL.initial_memory(1)
    memory[0, 3] = np.nan
    action, after = policy.step(np.zeros((1, 22), np.float32), memory)
    assert np.isnan(action).all() and np.isnan(after).any()


def test_the_state_is_the_caller_s_so_that_two_may_fly(tmp_path: Path) -> None:
    policy = built(USUAL, tmp_path)
    raw = np.random.default_rng(3).standard_normal((2, 30, 18)).astype(np.float32)
    alone = []
    for flight in raw:
        policy.reset(0.5)
        alone.append(policy.act(flight))
    states = [policy.state.copy() for _ in raw]
    for now in range(30):
        for drone in (0, 1):
            policy.state = states[drone]
            if now == 0:
                policy.reset(0.5)
            assert same_bits(policy.act(raw[drone, now : now + 1])[0], alone[drone][now])


def test_golden_steps_notice_a_changed_weight_without_the_checksum(tmp_path: Path) -> None:
    """They are steps of one flight: what is remembered counts, in the end too. Of a weight the sign is flipped."""
    source = c_source(USUAL)
    blind = source.code.replace("!= POLICY_CRC32", "== 0u")
    (tmp_path / "policy.h").write_text(source.header)
    begin = source.code.index("/* weights_1 */")
    places = list(
        re.finditer(r"(-?)0x1\.[0-9a-f]+p-?\d+f", source.code[begin : source.code.index("/* golden_inputs */")])
    )
    for number, place in enumerate(places[:: len(places) // 12]):
        at = begin + place.start()
        text = place.group()
        flipped = text[1:] if text.startswith("-") else f"-{text}"
        assert blind[at:].startswith(text)
        (tmp_path / "policy.c").write_text(blind[:at] + flipped + blind[at + len(text) :])
        library = shared_library([tmp_path / "policy.c"], tmp_path / f"{number}.so", "0")
        assert not HostPolicy(library, USUAL).selftest()


def test_the_golden_steps_are_one_flight_from_an_empty_memory() -> None:
    inputs, outputs, last = (member.values for member in golden_members(USUAL, "fma"))
    memory = USUAL.initial_memory(1)
    for x, y in zip(inputs, outputs, strict=True):
        found, memory = step(USUAL, "fma", x[None], memory)
        assert same_bits(found[0], y)
    assert same_bits(memory[0], last)
    assert not same_bits(infer(USUAL, "fma", inputs[1:]), outputs[1:])


@needs_arm_gcc
@pytest.mark.parametrize("kernel", KERNELS)
def test_the_proof_holds(kernel: Kernel) -> None:
    found = verify(USUAL, kernel, vectors=60, flips=40, sequences=4)
    assert found.proved
    assert (found.sequences, found.sequence_steps, found.selftest_flips_missed) == (4, 100, 0)
    assert found.instructions < 10_000 and found.weight_bytes == (2976 if kernel == "int8" else 8528)
    assert found.torch_error < (0.2 if kernel == "int8" else 2e-6)


@needs_arm_gcc
def test_no_more_stack_is_used_than_is_told(tmp_path: Path) -> None:
    program = build_policy_program(c_source(USUAL).write(tmp_path), tmp_path / "build")
    chip, paint = EmulatedPolicy(program, USUAL, counts=False), b"\xa5" * 4096
    below = program.symbols["stack_top"] - 4096
    for decides in (True, False):
        chip.processor.write(below, paint)
        if decides:
            chip.act(np.ones((1, 18), np.float32))
        else:
            assert chip.processor.call("policy_selftest") == 1
        used = len(chip.processor.read(below, 4096).lstrip(b"\xa5"))
        assert 0 < used <= policy_stack_bytes(tmp_path / "build" / "policy.su")


def edited(monkeypatch: pytest.MonkeyPatch, old: str, new: str) -> Verification:
    return verify_edited(monkeypatch, ODD, old, new, vectors=50, flips=1, sequences=2)


@needs_arm_gcc
def test_a_memory_that_depends_on_the_machine_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    assert not edited(
        monkeypatch, "memory[i] = joined", "memory[0] += (sizeof(void *) == 4) * 1e-6f, memory[i] = joined"
    ).bit_equal


@needs_arm_gcc
def test_a_reset_that_forgets_to_forget_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """On both machines alike, so that only Python's arithmetic knows."""
    found = edited(monkeypatch, "state->memory[i] = 0.0f;", "state->memory[i] *= 0.5f;")
    assert found.selftest and not found.bit_equal


def test_the_header_says_what_the_caller_keeps() -> None:
    header = c_source(USUAL).header
    assert "struct policy_state {\n    float memory[POLICY_MEMORY], last_action[POLICY_OUTPUTS];\n};" in header
    assert "void policy_reset(struct policy_state *state, float first_action);" in header
    assert "#define POLICY_MEMORY 16" in header and "@" not in header


def test_onnx_has_memory_in_and_out_and_is_torch_s(tmp_path: Path) -> None:
    network = network_of(policy_file(), hover.OBSERVATION_FIELDS, hover.ACTION_FIELDS)
    write_onnx(tmp_path / "policy.onnx", network)
    model = OnnxPolicy(tmp_path / "policy.onnx")
    assert (model.memory, model.history, model.observation) == (16, 1, hover.OBSERVATION_FIELDS)
    assert [one.name for one in model.session.get_inputs()] == ["observation", "past_actions", "memory"]
    assert [one.name for one in model.session.get_outputs()] == ["command", "past_actions_next", "memory_next"]
    assert parity(tmp_path / "policy.onnx", network, 2000) <= 1e-6


def test_onnx_flies_as_the_actor_does(tmp_path: Path) -> None:
    policy = policy_file()
    network = network_of(policy, hover.OBSERVATION_FIELDS, hover.ACTION_FIELDS)
    write_onnx(tmp_path / "policy.onnx", network)
    model, actor = OnnxPolicy(tmp_path / "policy.onnx"), RecurrentActor(LAYERS, policy.weights)
    past, remembered = np.full((1, 4), 0.5, np.float32), np.zeros((1, 16), np.float32)
    action, memory = np.zeros(4, np.float32), actor.initial_memory()
    for now in range(100):
        raw = np.random.default_rng(now).standard_normal(18)
        action, memory = actor.step(np.concatenate([raw * hover.OBSERVATION_SCALE, action]).astype(np.float32), memory)
        past, remembered = model.step(raw[None].astype(np.float32), past, remembered)
        np.testing.assert_allclose(past[0], (action + 1.0) / 2.0, atol=5e-6)
    np.testing.assert_allclose(remembered[0], memory, atol=5e-6)


def test_a_memory_that_is_lost_shows(tmp_path: Path) -> None:
    """A model that is right in every first decision, and in no other one."""
    write_onnx(path := tmp_path / "policy.onnx", USUAL)
    model = onnx.load(path)
    recalled = next(constant for constant in model.graph.initializer if constant.name == "weights_3")
    recalled.CopyFrom(onnx.numpy_helper.from_array(np.zeros((16, 48), np.float32), "weights_3"))
    onnx.save(model, path)
    assert parity(path, USUAL, 500) > 1e-3


def test_parts_that_do_not_fit_are_refused() -> None:
    cell = USUAL.cell
    assert cell is not None
    with pytest.raises(ValueError, match=r"cell: found \(48, 4\) gates of a memory of 16"):
        Cell(cell.seen, Layer(np.zeros((16, 4), np.float32), np.zeros(4, np.float32), "linear"))
    with pytest.raises(ValueError, match="not linear"):
        Cell(dataclasses.replace(cell.seen, activation="tanh"), cell.recalled)
    with pytest.raises(ValueError, match="found 16 outputs before 32 inputs"):
        dataclasses.replace(USUAL, cell=None)
    with pytest.raises(ValueError, match="history: found 0, allowed with a memory: 1"):
        field = dataclasses.replace(USUAL.observation[0], size=22)
        dataclasses.replace(USUAL, history=0, observation=(field,))
    with pytest.raises(ValueError, match="history: found 3, allowed with a memory"):
        field = dataclasses.replace(USUAL.observation[0], size=10)
        network_of(policy_file(), (field,), USUAL.action)
