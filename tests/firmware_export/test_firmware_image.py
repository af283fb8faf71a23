"""Images: what is not a whole firmware for this chip, with this policy, is refused by name."""

import json
import struct
import subprocess
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from firmware_export.cortex_m4 import CortexM4
from firmware_export.cortex_m4_program import tool
from firmware_export.crazyflie_app import build_for_cortex_m4, write_app
from firmware_export.firmware_image import (
    FLASH_START,
    MARK,
    RECORD,
    constants,
    load_image,
    policy_image,
    policy_program,
    read_release,
    record_of,
)
from firmware_export.network import Network, random_network
from robot.tasks import hover
from tests.firmware_export.toolchain import needs_arm_gcc

NETWORK = random_network((30, 8, 4), history=3)


def vectors(stack: int = 0x20020000, reset: int = FLASH_START + 0x101, fault: int = FLASH_START + 0x105) -> bytes:
    return struct.pack("<16I", stack, reset, *[fault] * 5, 0, 0, 0, 0, fault, fault, 0, fault, fault)


def image(table: bytes = vectors(), network: Network = NETWORK, initial_values: int = 40) -> bytes:
    """An image like those of the firmware's build: table, code, record, constants, initial values of variables."""
    code = bytes(0x200)
    body = table + code + constants(network, "fma")
    data_at = FLASH_START + len(body) + RECORD.size
    places = (data_at, 0, 0x20000000, 0, 0x20000000 + initial_values, 0)
    return body + RECORD.pack(MARK, *places, network.sha256.encode()) + bytes(initial_values)


def saved(tmp_path: Path, content: bytes, name: str = "cf2.bin") -> Path:
    path = tmp_path / name
    path.write_bytes(content)
    return path


def test_a_whole_image_passes_and_says_whose_policy_it_carries(tmp_path: Path) -> None:
    content = image()
    assert load_image(saved(tmp_path, content), NETWORK) == content
    assert record_of(content) == (record := record_of(content))
    assert record is not None
    assert (record.length, record.policy) == (len(content), NETWORK.sha256)


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (b"", r"found 0 bytes, allowed: at least a vector table of 64"),
        (bytes(2000), r"found the stack at 0x00000000, allowed: in the STM32F405's RAM"),
        (b"\x7fELF" + bytes(2000), r"found the stack at 0x464c457f"),
        (image() + bytes(1008 * 1024), r"found .* bytes, allowed: at most 1032192"),
        (image(vectors(stack=0x20020004)), r"found the stack at 0x20020004"),
        (image(vectors(stack=0x20000003)), r"found the stack at 0x20000003"),
        (image(vectors(reset=0)), r"found vector 1 at 0x00000000"),
        (image(vectors(reset=FLASH_START + 0x100)), r"found vector 1 at 0x08004100, allowed: odd"),
        (image(vectors(reset=0x08000101)), r"found vector 1 at 0x08000101"),  # linked for another start
        (image(vectors(fault=FLASH_START + 0x100001)), r"found vector 2 at 0x08104001"),
        (vectors() + bytes(0x200), r"found no record of a policy, so nothing tells whether the file is whole"),
    ],
)  # fmt: skip
def test_what_is_no_image_for_this_chip_is_refused(tmp_path: Path, content: bytes, found: str) -> None:
    with pytest.raises(ValueError, match=rf"cf2\.bin: {found}"):
        load_image(saved(tmp_path, content))


@pytest.mark.parametrize("stack", [0x20020000, 0x2001FFFF, 0x2001FFFE, 0x20020003, 0x10010000])
def test_the_core_masks_the_low_bits_of_the_stack_and_so_does_the_check(tmp_path: Path, stack: int) -> None:
    content = image(vectors(stack=stack))
    assert load_image(saved(tmp_path, content), NETWORK) == content


def test_a_truncated_image_is_refused_wherever_it_ends(tmp_path: Path) -> None:
    content = image()
    for length in [1, 63, 64, 500, *range(600, len(content), 97), len(content) - 1]:
        with pytest.raises(ValueError, match=r"cf2\.bin: found"):
            load_image(saved(tmp_path, content[:length]))


def test_another_policy_is_refused(tmp_path: Path) -> None:
    other = random_network((30, 8, 4), history=3, seed=1)
    with pytest.raises(ValueError, match=rf"found policy {other.sha256}, allowed: the run's, {NETWORK.sha256}"):
        load_image(saved(tmp_path, image(network=other)), NETWORK)
    renamed = replace(other, sha256=NETWORK.sha256)
    with pytest.raises(ValueError, match="found other weights or constants"):
        load_image(saved(tmp_path, image(network=renamed)), NETWORK)


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"nothing\.bin: found no such file"):
        load_image(tmp_path / "nothing.bin")


def release(tmp_path: Path, firmware: bytes, more: dict | None = None, **about: object) -> Path:
    path = tmp_path / "firmware-cf2-2026.01.zip"
    entry = {"platform": "cf2", "target": "stm32", "type": "fw", "release": "2026.01"} | about
    nrf51 = {"platform": "cf2", "target": "nrf51", "type": "fw", "release": "2026.01"}
    manifest = {"version": 2, "files": {"cf2.bin": entry, "nrf.bin": nrf51}} | (more or {})
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("manifest.json", json.dumps(manifest))
        archive.writestr("cf2.bin", firmware)
        archive.writestr("nrf.bin", b"another chip's")
    return path


def test_a_release_archive_gives_the_firmware_of_this_chip(tmp_path: Path) -> None:
    stock = vectors() + bytes(5000)
    assert load_image(release(tmp_path, stock)) == stock
    with pytest.raises(ValueError, match="found policy none, allowed: the run's"):
        load_image(release(tmp_path, stock), NETWORK)


def test_a_release_says_its_version_its_airframe_and_what_is_for_other_chips(tmp_path: Path) -> None:
    stock = vectors(stack=0x2001FFFF) + bytes(5000)
    found = read_release(release(tmp_path, stock, {"fw_platform": "cf21bl"}, target=["stm32"]))
    assert (found.image, found.version, found.airframe, found.others) == (stock, "2026.01", "cf21bl", ("nrf.bin",))
    assert read_release(release(tmp_path, stock)).airframe == "cf2"


@pytest.mark.parametrize(
    ("manifest", "words"),
    [
        ("{", "no release archive that is whole"),
        ("[]", "no release archive that is whole"),
        ('{"version": 2}', "no release archive that is whole: 'files'"),
        ('{"files": {"cf2.bin": 3}}', "no release archive that is whole"),
        ('{"files": {"a": {"platform": "cf2", "target": "stm32", "type": "fw"}}}', "no release archive that is whole"),
        ('{"fw_platform": "bolt", "files": {"cf2.bin": {"platform": "cf2", "target": "stm32", "type": "fw"}}}',
         "found fw_platform 'bolt', allowed: cf2, cf21bl"),
    ],
)  # fmt: skip
def test_a_manifest_that_is_none_is_refused_in_one_line(tmp_path: Path, manifest: str, words: str) -> None:
    path = tmp_path / "release.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("manifest.json", manifest)
        archive.writestr("cf2.bin", vectors() + bytes(5000))
    with pytest.raises(ValueError, match=rf"release\.zip: found.*{words.removeprefix('found ')}") as refused:
        load_image(path)
    assert "\n" not in str(refused.value)


def test_an_archive_that_is_damaged_or_for_another_drone_is_refused(tmp_path: Path) -> None:
    path = release(tmp_path, vectors() + np.random.default_rng(0).bytes(5000))
    content = path.read_bytes()
    with pytest.raises(ValueError, match="no release archive that is whole"):
        load_image(saved(tmp_path, content[:-100], "short.zip"))
    with pytest.raises(ValueError, match="no release archive that is whole: Bad CRC-32"):
        load_image(saved(tmp_path, content[:3000] + bytes([content[3000] ^ 1]) + content[3001:], "flipped.zip"))
    with pytest.raises(ValueError, match="found 0 images for cf2's stm32"):
        load_image(release(tmp_path, vectors() + bytes(5000), platform="bolt"))


# With the real compiler and linker.


@needs_arm_gcc
def test_the_image_of_a_policy_boots_and_its_self_test_passes(tmp_path: Path) -> None:
    program = policy_program(NETWORK, "fma", tmp_path)
    assert load_image(saved(tmp_path, program.flash), NETWORK) == program.flash
    assert CortexM4(program).status == 1
    damaged = bytearray(program.flash)
    damaged[damaged.find(constants(NETWORK, "fma")) + 100] ^= 1
    assert CortexM4(replace(program, flash=bytes(damaged))).status == 0


@needs_arm_gcc
def test_the_image_of_a_policy_is_the_same_whenever_it_is_built() -> None:
    assert policy_image(NETWORK, "int8") == policy_image(NETWORK, "int8")


@needs_arm_gcc
def test_firmware_with_the_exported_app_has_the_record(tmp_path: Path) -> None:
    """Linked as the firmware is: unused sections dropped, its link script's symbols, variables with initial values."""
    network = replace(random_network((34, 8, 4), history=4), observation=hover.OBSERVATION_FIELDS,
                      action=hover.ACTION_FIELDS)  # fmt: skip
    write_app(tmp_path / "app", network, "crazyflie_2_1", "muladd")
    objects = build_for_cortex_m4(tmp_path / "app", tmp_path / "objects")
    start = tmp_path / "start.s"
    start.write_text(".section .isr_vector,\"a\"\n.word 0x20020000, appMain" + ", appMain" * 5 + ", 0, 0, 0, 0, appMain, "
                     "appMain, 0, appMain, appMain\n.data\n.word 1, 2, 3\n")  # fmt: skip
    script = tmp_path / "flash.ld"
    script.write_text("""SECTIONS {
      . = 0x08004000;
      .text : { KEEP(*(.isr_vector)) *(.text .text.* .rodata .rodata.*) . = ALIGN(4); }
      .data 0x20000000 : AT (ADDR(.text) + SIZEOF(.text)) { _sdata = .; *(.data .data.*) . = ALIGN(4); _edata = .; }
      _sidata = LOADADDR(.data);
      .bss : { *(.bss .bss.*) }
    }""")
    subprocess.run(["arm-none-eabi-as", "-mcpu=cortex-m4", "-mthumb", start, "-o", tmp_path / "start.o"], check=True)
    tool("arm-none-eabi-ld", "--gc-sections", "--entry=appMain", "--unresolved-symbols=ignore-all", f"-T{script}",
         tmp_path / "start.o", *objects, "-o", tmp_path / "cf2.elf")  # fmt: skip
    tool("arm-none-eabi-objcopy", "-O", "binary", "-j.text", "-j.data", tmp_path / "cf2.elf", tmp_path / "cf2.bin")
    content = load_image(tmp_path / "cf2.bin", network)
    assert len(content) == record_of(content).length  # type: ignore[union-attr]
    with pytest.raises(ValueError, match=f"found {len(content) - 1} bytes of an image of {len(content)}"):
        load_image(saved(tmp_path, content[:-1]), network)
