"""The virtual bootloader: flash as it is, and cflib's own client content with it."""

import struct
import threading
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest
from cflib.bootloader import Bootloader as CflibBootloader
from cflib.bootloader import FlashArtifact, Target
from cflib.bootloader.boottypes import TargetTypes

from drivers.crazyflie_link import use_repeating_links
from drivers.emulators.crazyflie_bootloader import (
    Bootloader,
    Server,
    VirtualBootloaderConfig,
    flash_file,
    start_virtual_bootloader,
)
from drivers.emulators.crtp import LinkFaults
from tests.drivers.bootloader_link import BootloaderLink

PAGE = 1024
STM32, NRF51 = b"\xff\xff", b"\xff\xfe"
DONE, REFUSED = b"\xff\xff\x18\x01\x00", b"\xff\xff\x18\x00\x01"


@pytest.fixture
def device() -> Bootloader:
    return Bootloader()


def load(device: Bootloader, buffer_page: int, content: bytes) -> None:
    for start in range(0, len(content), 25):
        place = struct.pack("<HH", buffer_page, start)
        assert device.answer(STM32 + b"\x14" + place + content[start : start + 25]) is None


def write(device: Bootloader, buffer_page: int, page: int, count: int) -> bytes | None:
    return device.answer(STM32 + b"\x18" + struct.pack("<3H", buffer_page, page, count))


def read(device: Bootloader, command: int, page: int, address: int) -> bytes:
    question = STM32 + bytes([command]) + struct.pack("<HH", page, address)
    answer = device.answer(question)
    assert answer is not None
    assert answer.startswith(question)
    return answer[len(question) :]


def test_it_says_what_it_is(device: Bootloader) -> None:
    stm32, nrf51 = device.answer(STM32 + b"\x10"), device.answer(NRF51 + b"\x10")
    assert stm32 is not None
    assert nrf51 is not None
    assert struct.unpack("<4H", stm32[3:11]) == (PAGE, 10, 1024, 16)
    assert struct.unpack("<4H", nrf51[3:11]) == (PAGE, 1, 232, 108)
    assert stm32[23] == nrf51[23] == 0x10
    assert device.answer(STM32 + b"\x12") == STM32 + b"\x12" + bytes([4, 16, 1, 64, 7, 128])


def test_a_page_goes_through_the_buffer_into_flash(device: Bootloader) -> None:
    content = Random(0).randbytes(PAGE)
    load(device, 3, content)
    assert read(device, 0x15, 3, 50) == content[50:75]
    assert write(device, 3, 16, 1) == DONE
    assert device.firmware(PAGE) == content
    assert read(device, 0x1C, 16, 1000)[:24] == content[1000:]


def test_programming_only_clears_bits_and_a_sector_is_erased_with_its_first_page(device: Bootloader) -> None:
    load(device, 0, b"\x0f" * PAGE)
    write(device, 0, 16, 1)
    write(device, 0, 17, 1)
    load(device, 0, b"\x3c" * PAGE)
    write(device, 0, 17, 1)
    assert device.firmware(2 * PAGE) == b"\x0f" * PAGE + b"\x0c" * PAGE
    write(device, 0, 16, 1)
    assert device.firmware(2 * PAGE) == b"\x3c" * PAGE + b"\xff" * PAGE


@pytest.mark.parametrize(("buffer_page", "page", "count"), [(0, 15, 1), (0, 1024, 1), (0, 1020, 5), (9, 16, 2)])
def test_the_bootloader_itself_and_what_is_not_there_cannot_be_written(
    device: Bootloader, buffer_page: int, page: int, count: int
) -> None:
    assert write(device, buffer_page, page, count) == REFUSED
    assert device.stm32.flash == b"\xff" * 1024 * PAGE


def test_it_starts_firmware_only_if_there_is_some_and_then_answers_to_the_resets_alone(device: Bootloader) -> None:
    device.answer(NRF51 + b"\xf0\x01")
    assert not device.in_firmware
    load(device, 0, bytes(PAGE))
    write(device, 0, 16, 1)
    device.answer(NRF51 + b"\xf0\x01")
    assert device.in_firmware
    assert device.answer(STM32 + b"\x10") is None
    assert device.answer(NRF51 + b"\xff") is not None
    device.answer(NRF51 + b"\xf0\x00")
    assert device.answer(STM32 + b"\x10") is not None


def test_its_flash_can_be_a_file(tmp_path: Path, device: Bootloader) -> None:
    path = tmp_path / "flash.bin"
    kept = Bootloader(flash_file(path))
    load(kept, 0, bytes(PAGE))
    write(kept, 0, 16, 1)
    assert path.read_bytes()[16 * PAGE :].startswith(bytes(PAGE) + b"\xff")
    path.write_bytes(b"short")
    with pytest.raises(ValueError, match=r"found .* of 5 bytes"):
        flash_file(path)


def test_a_process_says_what_is_wrong_with_its_configuration() -> None:
    with pytest.raises(ValueError, match=r"loss: found 2.0, allowed: 0 to 1"), \
         start_virtual_bootloader(VirtualBootloaderConfig(loss=2.0)):  # fmt: skip
        pass


# cflib, as it comes.

IMAGE = Random(1).randbytes(20 * PAGE + 300)
ARTIFACT = FlashArtifact(IMAGE, Target("cf2", "stm32", "fw", [], []), None)


@pytest.fixture
def server(device: Bootloader) -> Iterator[Server]:
    served = Server(device, LinkFaults())
    ended = threading.Event()
    thread = threading.Thread(target=served.serve, args=(ended,))
    thread.start()
    yield served
    ended.set()
    thread.join()


def test_cflib_finds_both_chips_and_flashes(server: Server, device: Bootloader) -> None:
    use_repeating_links()
    client = CflibBootloader(server.uri)
    client.progress_cb = lambda text, percent: None
    client._cload.open_bootloader_uri(server.uri)
    assert client._cload.check_link_and_get_info()
    assert client.start_bootloader(warm_boot=False)
    assert client.get_target(TargetTypes.NRF51).start_page == 108
    assert client._cload.mapping == [0, 16, 32, 48, 64, *range(128, 1024, 128)]
    client._internal_flash(ARTIFACT)
    assert device.firmware(len(IMAGE)) == IMAGE
    assert client._cload.read_flash(TargetTypes.STM32, 17) == IMAGE[PAGE : 2 * PAGE]
    assert client.reset_to_firmware()
    assert device.in_firmware


def test_cflib_alone_is_content_with_a_corrupt_flash(device: Bootloader) -> None:
    client = CflibBootloader("memory")
    client.progress_cb = lambda text, percent: None
    client._cload.link = BootloaderLink(device, LinkFaults(loss=0.01), seed=3)
    assert client._cload.check_link_and_get_info()
    client._internal_flash(ARTIFACT)
    assert device.firmware(len(IMAGE)) != IMAGE
