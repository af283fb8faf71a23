"""A firmware image for the Crazyflie's STM32, checked before any device is touched.

The image begins with the vector table (ARMv7-M B1.5.3) at FLASH_START, behind the bootloader. An app of ours leaves a
record in it (`crazyflie_templates/image_record.c`): whose policy it is, and, from the linker, where the image ends.
"""

import json
import struct
import tempfile
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from firmware_export.arithmetic import KERNELS, Kernel
from firmware_export.c_data import policy_members
from firmware_export.c_source import c_source
from firmware_export.cortex_m4_program import Program, build_program
from firmware_export.network import Network

FLASH_START, FLASH_END = 0x08004000, 0x08100000
STACKS = (range(0x20000004, 0x20020001), range(0x10000004, 0x10010001))  # where a stack may begin: RAM, CCM RAM
CORE_VECTORS = 16
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


def load_image(path: Path, network: Network | None = None) -> bytes:
    """The STM32's firmware in a .bin file, or in a release archive of Bitcraze's (.zip), after all checks.

    network: the policy that it has to carry. Raises ValueError naming the file, what was found and what is allowed.
    """
    if not path.is_file():
        raise ValueError(f"{path}: found no such file, allowed: a firmware image, .bin or .zip")
    if path.suffix == ".zip":
        image = from_release(path)
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
    if stack % 4 or not any(stack in memory for memory in STACKS):
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


def from_release(path: Path) -> bytes:
    """The STM32's firmware in a release archive, whose checksums tell that it is whole."""
    try:
        with zipfile.ZipFile(path) as archive:
            files = json.loads(archive.read("manifest.json"))["files"]
            wanted = {"platform": "cf2", "target": "stm32", "type": "fw"}
            names = [name for name, about in files.items() if wanted.items() <= about.items()]
            if len(names) != 1:
                raise ValueError(f"{path}: found {len(names)} images for cf2's stm32, allowed: one")
            return archive.read(names[0])
    except (zipfile.BadZipFile, zlib.error, EOFError, KeyError, AttributeError) as error:
        raise ValueError(f"{path}: found no release archive that is whole: {error}") from error


def policy_image(network: Network, kernel: Kernel = "fma") -> bytes:
    """An image that starts, tests its policy and stops: for the virtual device, whose flight firmware is elsewhere.

    Raises ValueError if arm-none-eabi-gcc is missing.
    """
    with tempfile.TemporaryDirectory(prefix="policy-image-") as folder:
        return policy_program(network, kernel, Path(folder)).flash


def policy_program(network: Network, kernel: Kernel, folder: Path) -> Program:
    """The program of `policy_image`, built in a folder."""
    policy = c_source(network, kernel).write(folder)
    names = [f"-D{theirs}={ours}" for theirs, ours in SYMBOLS.items()]
    include = (f"-I{folder}", f"-I{RECORD_SOURCE.parent}")
    sources = (policy, RECORD_SOURCE, MAIN_SOURCE)
    return build_program(sources, folder / "build", more=(*include, *names), flash_start=FLASH_START)
