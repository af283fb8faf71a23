"""The exported C, compiled for this machine: its bits are those of NumPy's arithmetic, and its guards hold."""

import re
import subprocess
from pathlib import Path

import numpy as np
import pytest
import torch

from firmware_export.arithmetic import KERNELS, Kernel, infer
from firmware_export.c_source import c_source
from firmware_export.compilers import Compiler, compile_c, shared_library
from firmware_export.host_policy import HostPolicy
from firmware_export.network import Activation, Network, random_network
from firmware_export.torch_model import torch_model
from policies.fields import Field

HOVER = random_network((146, 64, 64, 4), history=32)
ODD = random_network((33, 17, 6, 5, 3), ("relu", "linear", "tanh", "linear"), (True, False, True, False), seed=3)
NARROW = random_network((3, 1, 9, 1), ("tanh", "relu", "tanh"), seed=4)
WIDE = random_network((200, 199, 200), ("relu", "tanh"), seed=5)
NETWORKS = {"hover": HOVER, "odd": ODD, "narrow": NARROW, "wide": WIDE}


def observations(network: Network, n: int = 200) -> np.ndarray:
    """Ordinary ones, large ones, and the extremes that numbers allow."""
    x = np.random.default_rng(7).standard_normal((n, network.inputs)).astype(np.float32)
    x[n // 2 :] *= 20.0
    x[0], x[1], x[2], x[3] = 0.0, 1e-42, -0.0, 1e30
    return x


def built(network: Network, kernel: Kernel, folder: Path, compiler: Compiler = "gcc", level: str = "2",
          more: tuple[str, ...] = ()) -> HostPolicy:  # fmt: skip
    code = c_source(network, kernel).write(folder)
    library = folder / f"{compiler}-{level}-{len(more)}.so"
    return HostPolicy(shared_library([code], library, level, compiler, more=more), network)  # type: ignore[arg-type]


def assert_same_bits(found: np.ndarray, expected: np.ndarray) -> None:
    np.testing.assert_array_equal(found.view(np.uint32), expected.view(np.uint32))


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("name", NETWORKS)
def test_its_bits_are_those_of_numpys_arithmetic(name: str, kernel: Kernel, tmp_path: Path) -> None:
    network = NETWORKS[name]
    x = observations(network)
    expected = infer(network, kernel, x)
    for level in "03":
        policy = built(network, kernel, tmp_path, level=level)
        assert_same_bits(policy.infer(x), expected)
        assert policy.selftest()


@pytest.mark.parametrize("kernel", KERNELS)
def test_other_compilers_and_dialects_give_the_same_bits(kernel: Kernel, tmp_path: Path, clang: Compiler) -> None:
    """GNU C lets the compiler fuse products and sums; the file forbids it."""
    x = observations(ODD)
    expected = infer(ODD, kernel, x)
    for compiler, more in ((clang, ("-std=gnu11",)), ("gcc", ("-std=gnu11", "-ffp-contract=fast"))):
        assert_same_bits(built(ODD, kernel, tmp_path, compiler, "3", more).infer(x), expected)


@pytest.mark.parametrize("activation", ["tanh", "relu", "linear"])
def test_what_a_network_does_not_need_is_left_out(activation: Activation, tmp_path: Path, clang: Compiler) -> None:
    """clang warns of functions that nobody calls, and warnings are errors."""
    for kernel in KERNELS:
        for layer_norm in (False, True):
            code = c_source(random_network((5, 3), (activation,), (layer_norm,)), kernel).write(tmp_path)
            compile_c(clang, ["-c", code, "-o", tmp_path / "policy.o"])


@pytest.mark.parametrize("name", NETWORKS)
def test_it_is_the_network_within_a_millionth(name: str) -> None:
    """Against torch in double precision; LayerNorm of few numbers magnifies errors, so it is left out."""
    plain = random_network(NETWORKS[name].sizes, tuple(layer.activation for layer in NETWORKS[name].layers), seed=6)
    x = observations(plain)[4:100]
    with torch.no_grad():
        exact = torch_model(plain).double()(torch.from_numpy(x).double()).numpy()
    unit = max(1.0, np.abs(exact).max())
    for kernel in ("fma", "muladd"):
        assert np.abs(infer(plain, kernel, x) - exact).max() < 1e-6 * unit


def test_layer_norm_is_torchs() -> None:
    with torch.no_grad():
        exact = torch_model(ODD).double()(torch.from_numpy(observations(ODD)[4:]).double()).numpy()
    for kernel in ("fma", "muladd"):
        np.testing.assert_allclose(infer(ODD, kernel, observations(ODD)[4:]), exact, atol=5e-6)


def test_integers_are_close_and_small() -> None:
    x = np.random.default_rng(8).standard_normal((1000, 146)).astype(np.float32)
    assert np.abs(infer(HOVER, "int8", x) - HOVER.forward(x)).max() < 0.01
    assert c_source(HOVER, "int8").weight_bytes == 14_880
    assert c_source(HOVER, "fma").weight_bytes == 55_312


@pytest.mark.parametrize("kernel", KERNELS)
def test_nan_comes_through_and_the_infinite_does_not_wrap(kernel: Kernel, tmp_path: Path) -> None:
    for network in (HOVER, NARROW):
        policy = built(network, kernel, tmp_path / str(network.inputs))
        x = np.zeros((4, network.inputs), np.float32)
        x[0, 0], x[1, -1], x[2, 1], x[3] = np.nan, -np.nan, np.inf, 3e38
        found = policy.infer(x)
        assert np.isnan(found[:2]).all()
        assert (np.isnan(found[2:]) | (np.abs(found[2:]) <= 1.0)).all()


def test_a_decision_normalises_recalls_and_remembers(tmp_path: Path) -> None:
    """Past actions, newest first, are the network's own; the ring goes round more than twice."""
    plain = random_network((11, 8, 2), history=3, seed=9)
    fields = (Field("place", 3, "m", 2.5), Field("speed", 2, "m/s", 0.5, 3.0))
    network = Network(plain.layers, fields, plain.action, 3, 100.0, "hover", "")
    policy = built(network, "fma", tmp_path)
    raw = np.random.default_rng(1).standard_normal((8, 5)).astype(np.float32)
    scale, offset = network.scale_and_offset()
    np.testing.assert_array_equal(policy.normalise(raw), (raw - offset) * scale)
    for first in (0.25, -0.5):
        policy.reset(first)
        past = [np.full(2, first, np.float32)] * 3
        for row, action in zip(raw, policy.act(raw), strict=True):
            x = np.concatenate([(row - offset) * scale, *past])[None]
            assert_same_bits(action, infer(network, "fma", x)[0])
            past = [action, *past[:2]]


@pytest.mark.parametrize("kernel", KERNELS)
def test_the_self_test_misses_no_flipped_bit(kernel: Kernel, tmp_path: Path) -> None:
    policy = built(ODD, kernel, tmp_path)
    assert policy.selftest()
    whole = bytearray((tmp_path / "gcc-2-0.so").read_bytes())
    size, place = symbol(tmp_path / "gcc-2-0.so", "policy_data")
    rng = np.random.default_rng(0)
    for number, bit in enumerate(rng.choice(8 * size, 60, replace=False)):
        flipped = bytearray(whole)
        flipped[place + bit // 8] ^= 1 << bit % 8
        (tmp_path / f"{number}.so").write_bytes(flipped)
        assert not HostPolicy(tmp_path / f"{number}.so", ODD).selftest()


def symbol(library: Path, name: str) -> tuple[int, int]:
    """Size and place in the file of a constant; constants lie in the file where they lie in memory."""
    for line in subprocess.run(["nm", "-S", library], capture_output=True, text=True, check=True).stdout.splitlines():
        words = line.split()
        if words[-1] == name:
            return int(words[1], 16), int(words[0], 16)
    raise AssertionError(f"{library}: no {name}")


def test_a_wrong_answer_fails_the_self_test_though_the_constants_are_whole(tmp_path: Path) -> None:
    source = c_source(HOVER)
    code = source.write(tmp_path)
    code.write_text(source.code.replace("total_b += b;", "total_b += b * 1.0000001f;"))
    assert not HostPolicy(shared_library([code], tmp_path / "wrong.so"), HOVER).selftest()


def test_it_refuses_to_be_compiled_without_regard_to_rounding(tmp_path: Path) -> None:
    code = c_source(NARROW).write(tmp_path)
    with pytest.raises(ValueError, match="compile this file without -ffast-math"):
        compile_c("gcc", ["-ffast-math", "-c", code, "-o", tmp_path / "fast.o"])


def test_the_header_is_fit_for_c_plus_plus_and_says_what_is_where(tmp_path: Path) -> None:
    c_source(random_network((11, 8, 2), history=3)).write(tmp_path)
    program = tmp_path / "main.cpp"
    program.write_text(
        '#include "policy.h"\n#include "policy.h"\n'
        'static_assert(POLICY_INPUTS == 11 && POLICY_OUTPUTS == 2 && POLICY_SENSED == 5 && POLICY_HISTORY == 3, "");\n'
        'static_assert(POLICY_RATE_HZ == 100 && POLICY_AT_OBSERVATION == 0 && sizeof(POLICY_SHA256) == 65, "");\n'
        "float x[POLICY_INPUTS], y[POLICY_OUTPUTS];\nint main() { policy_infer(x, y); return !policy_selftest(); }\n"
    )
    compile_c("gcc", ["-c", tmp_path / "policy.c", "-o", tmp_path / "policy.o"])
    compile_c(
        "gcc", ["-x", "c++", program, "-x", "none", tmp_path / "policy.o", "-o", tmp_path / "main"], standard="c++11"
    )
    subprocess.run([tmp_path / "main"], check=True)


def test_fields_begin_where_the_one_before_ends() -> None:
    plain = random_network((6, 1))
    fields = (Field("place", 3, "m", 2.5, meaning="world"), Field("speed", 1, "m/s"), Field("rate", 2, "rad/s", 0.15))
    text = c_source(Network(plain.layers, fields, plain.action, 0, 100.0, "hover", "f00d")).header
    assert re.findall(r"#define POLICY_AT_(\w+) (\d+)", text) == [("PLACE", "0"), ("SPEED", "3"), ("RATE", "4")]
    assert re.search(r"0-2 +place +m +scale 2.5 +offset 0 +world", text)


def test_a_kernel_that_is_none_is_refused() -> None:
    with pytest.raises(ValueError, match="kernel: found 'int4', allowed: fma, muladd, int8"):
        c_source(NARROW, "int4")  # type: ignore[arg-type]


@pytest.fixture
def clang() -> Compiler:
    from shutil import which

    if which("clang") is None:
        pytest.skip("clang: found none in PATH; install it (Debian: apt-get install clang)")
    return "clang"
