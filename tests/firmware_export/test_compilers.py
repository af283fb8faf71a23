"""Calling compilers, and reading what they say about size and stack."""

import subprocess
from pathlib import Path

import pytest

from firmware_export.c_source import c_source
from firmware_export.compilers import compile_c, cortex_m4_object, find, policy_stack_bytes, sizes, stack_usage
from firmware_export.network import random_network
from tests.firmware_export.toolchain import needs_arm_gcc


def test_a_missing_compiler_is_told_with_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(ValueError, match=r"arm-none-eabi-gcc: found none in PATH.*apt-get install gcc-arm-none-eabi"):
        find("arm-none-eabi-gcc")


def test_a_warning_is_an_error_with_the_compilers_words(tmp_path: Path) -> None:
    source = tmp_path / "careless.c"
    source.write_text("float half(float x) { return x * 0.5; }\n")
    with pytest.raises(ValueError, match=r"implicit conversion from .float. to .double."):
        compile_c("gcc", ["-c", source, "-o", tmp_path / "careless.o"])


@needs_arm_gcc
def test_flash_ram_and_stack_of_a_policy(tmp_path: Path) -> None:
    code = c_source(random_network((146, 64, 64, 4), history=32)).write(tmp_path)
    out = cortex_m4_object(code, tmp_path / "policy.o")
    assert 57_000 < sizes(out).flash < 62_000  # 55,312 of weights, 2.4 of golden vectors
    assert sizes(out).ram == 4 * (2 * 64 + 146 + 32 * 4 + 1)  # scratch, observation, ring, its newest
    usage = stack_usage(tmp_path / "policy.su")
    assert policy_stack_bytes(tmp_path / "policy.su") >= usage["policy_act"] + usage["policy_infer"] + usage["dense"]
    assert policy_stack_bytes(tmp_path / "policy.su") < 300


@needs_arm_gcc
@pytest.mark.parametrize("kernel", ["fma", "muladd", "int8"])
def test_the_object_calls_nothing(kernel: str, tmp_path: Path) -> None:
    """Neither libm nor the heap, nor a soft float: whatever an object calls is undefined in it."""
    code = c_source(random_network((33, 17, 3), ("relu", "tanh"), (True, True)), kernel).write(tmp_path)  # type: ignore[arg-type]
    for level in ("0", "2", "3", "s"):
        cortex_m4_object(code, tmp_path / "policy.o", level)  # type: ignore[arg-type]
        done = subprocess.run(
            ["arm-none-eabi-nm", "-u", tmp_path / "policy.o"], capture_output=True, text=True, check=True
        )
        assert done.stdout == ""


def test_a_stack_without_bound_is_refused(tmp_path: Path) -> None:
    listing = tmp_path / "policy.su"
    listing.write_text("policy.c:1:6:policy_act\t24\tstatic\npolicy.c:9:6:wander\t16\tdynamic\n")
    with pytest.raises(ValueError, match="function wander"):
        stack_usage(listing)
