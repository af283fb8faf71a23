"""A firmware image for the Crazyflie's STM32, checked before any device is touched.

The image begins with the vector table (ARMv7-M B1.5.3) at FLASH_START, behind the bootloader. An app of ours leaves a
record in it (`crazyflie_templates/image_record.c`): whose policy it is, and, from the linker, where the image ends.
"""

import json
import struct
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from firmware_export.arithmetic import KERNELS, Kernel
from firmware_export.c_data import policy_members
from firmware_export.c_source import c_source
from firmware_export.cortex_m4_program import Program, build_program
from firmware_export.network import Network
from sim.scratch_folder import scratch_folder

FLASH_START, FLASH_END = 0x08004000, 0x08100000
STACKS = (range(0x20000004, 0x20020001), range(0x10000004, 0x10010001))  # where a stack may begin: RAM, CCM RAM
STACK_MASK = 0xFFFFFFFC  # of what the core takes from the table: Bitcraze's linker script ends the RAM at 0x2001FFFF
CORE_VECTORS = 16
AIRFRAMES = ("cf2", "cf21bl")  # brushed Crazyflies; the brushless one
RECORD = struct.Struct("<20s6I65s")
MARK = b"robot-practice image"
HERE = Path(__file__).parent
RECORD_SOURCE, MAIN_SOURCE = HERE / "crazyflie_templates" / "image_record.c", HERE / "image_main.c"
# What `stm32f405.ld` calls what the firmware's link script calls by the names in the record's source.
SYMBOLS = {"_sidata": "data_in_flash", "_sdata": "data_start", "_edata": "data_end"}


@dataclass(frozen=True)
class Record:
    """What an image says of itself: its length in bytes, and its policy's SHA-256 as hex."""

    length: int
    policy: str


@dataclass(frozen=True)
class Release:
    """A release archive: the STM32's firmware, its version, the airframe that it is for, and the files that it is not."""

    image: bytes
    version: str
    airframe: str
    others: tuple[str, ...]


def load_image(path: Path, network: Network | None = None) -> bytes:
    """The STM32's firmware in a .bin file, or in a release archive of Bitcraze's (.zip), after all checks.

    network: the policy that it has to carry. Raises ValueError naming the file, what was found and what is allowed.
    """
    if not path.is_file():
        raise ValueError(f"{path}: found no such file, allowed: a firmware image, .bin or .zip")
    if zipfile.is_zipfile(path) or path.suffix.lower() == ".zip":
        image = read_release(path).image
        check_vectors(path, image)
        if network is not None:
            check_policy(path, image, network)
        return image
    image = path.read_bytes()
    check_image(path, image, network)
    return image


def check_image(path: Path, image: bytes, network: Network | None = None) -> None:
    """Raise ValueError unless the bytes of a .bin file are a whole image, which carries the policy if one is given."""
    check_vectors(path, image)
    record = record_of(image)
    if record is None:
        raise ValueError(
            f"{path}: found no record of a policy, so nothing tells whether the file is whole; allowed: firmware built with "
            "the app of `robot export --to crazyflie`, or a release archive of Bitcraze's (.zip)"
        )
    if len(image) < record.length:
        raise ValueError(f"{path}: found {len(image)} bytes of an image of {record.length}, allowed: all of them")
    if network is not None:
        check_policy(path, image, network)


def check_vectors(path: Path, image: bytes) -> None:
    """Raise ValueError unless the size fits, and stack and handlers lie where the chip has memory."""
    if len(image) > FLASH_END - FLASH_START:
        raise ValueError(f"{path}: found {len(image)} bytes, allowed: at most {FLASH_END - FLASH_START}")
    if len(image) < 4 * CORE_VECTORS:
        raise ValueError(f"{path}: found {len(image)} bytes, allowed: at least a vector table of {4 * CORE_VECTORS}")
    stack, reset, *handlers = struct.unpack_from(f"<{CORE_VECTORS}I", image)
    if not any(stack & STACK_MASK in memory for memory in STACKS):
        raise ValueError(f"{path}: found the stack at {stack:#010x}, allowed: in the STM32F405's RAM")
    code = range(FLASH_START + 4 * CORE_VECTORS, FLASH_START + len(image))
    for number, handler in enumerate([reset, *handlers], 1):
        if handler == 0 and number > 1:
            continue  # reserved, or not used
        if handler & 1 == 0 or handler - 1 not in code:
            raise ValueError(
                f"{path}: found vector {number} at {handler:#010x}, allowed: odd, and in the file's part of the flash, "
                f"{code.start:#010x} to {code.stop - 1:#010x}"
            )


def record_of(image: bytes) -> Record | None:
    """The record in an image, if it has a whole one."""
    at = image.find(MARK)
    if at < 0 or at + RECORD.size > len(image):
        return None
    _, *places, policy = RECORD.unpack_from(image, at)
    ends = [places[memory] + places[4 + memory] - places[2 + memory] for memory in (0, 1)]
    return Record(max(ends) - FLASH_START, policy.rstrip(b"\0").decode("ascii", "replace"))


def check_policy(path: Path, image: bytes, network: Network) -> None:
    """Raise ValueError unless the image carries the network: its name, and every byte of its constants."""
    record = record_of(image)
    if record is None or record.policy != network.sha256:
        found = "none" if record is None else record.policy
        raise ValueError(f"{path}: found policy {found}, allowed: the run's, {network.sha256}")
    if not any(constants(network, kernel) in image for kernel in KERNELS):
        raise ValueError(f"{path}: found other weights or constants than those of policy {network.sha256}")


def constants(network: Network, kernel: Kernel) -> bytes:
    """The structure `policy_data` as it lies in flash."""
    return b"".join(np.ascontiguousarray(member.values).tobytes() for member in policy_members(network, kernel))


def read_release(path: Path) -> Release:
    """What a release archive holds for a Crazyflie; its checksums tell that it is whole.

    manifest.json (crazyflie-clients-python, docs/userguides/bootloaderclient.md): `files` by name with platform, target
    and type; `fw_platform` says which airframe it is for. All Crazyflies 2 share the platform, and the bootloader, cf2.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            manifest = json.loads(archive.read("manifest.json"))
            about = manifest["files"]
            firmware = [name for name in about if wants(about[name], "stm32") and about[name]["type"] == "fw"]
            if len(firmware) != 1:
                raise ValueError(f"{path}: found {len(firmware)} images for cf2's stm32, allowed: one")
            if archive.getinfo(firmware[0]).file_size > FLASH_END - FLASH_START:
                raise ValueError(
                    f"{path}: found {firmware[0]} too long, allowed: at most {FLASH_END - FLASH_START} bytes"
                )
            platform = manifest.get("fw_platform", "cf2")
            if platform not in AIRFRAMES:
                raise ValueError(f"{path}: found fw_platform {platform!r}, allowed: {', '.join(AIRFRAMES)}")
            version = str(about[firmware[0]].get("release", manifest.get("release", "unknown")))
            return Release(archive.read(firmware[0]), version, platform, tuple(sorted(set(about) - set(firmware))))
    except (
        zipfile.BadZipFile, zlib.error, EOFError, KeyError, AttributeError, TypeError, RuntimeError, json.JSONDecodeError,
        UnicodeDecodeError,
    ) as error:  # fmt: skip
        raise ValueError(f"{path}: found no release archive that is whole: {error}") from error


def wants(about: dict[str, Any], target: str) -> bool:
    """Whether a file of an archive is for this chip of a Crazyflie 2."""
    targets = about["target"] if isinstance(about["target"], list) else [about["target"]]
    return about["platform"] in AIRFRAMES and target in targets


def policy_image(network: Network, kernel: Kernel = "fma") -> bytes:
    """An image that starts, tests its policy and stops: for the virtual device, whose flight firmware is elsewhere.

    Raises ValueError if arm-none-eabi-gcc is missing.
    """
    with scratch_folder("policy-image") as folder:
        return policy_program(network, kernel, folder).flash


def policy_program(network: Network, kernel: Kernel, folder: Path) -> Program:
    """The program of `policy_image`, built in a folder."""
    policy = c_source(network, kernel).write(folder)
    names = [f"-D{theirs}={ours}" for theirs, ours in SYMBOLS.items()]
    include = (f"-I{folder}", f"-I{RECORD_SOURCE.parent}")
    sources = (policy, RECORD_SOURCE, MAIN_SOURCE)
    return build_program(sources, folder / "build", more=(*include, *names), flash_start=FLASH_START)
