"""A Crazyflie 2's bootloaders, of its STM32 and of its nRF51: `python -m drivers.emulators.crazyflie_bootloader`.

Written from Bitcraze's description (wiki.bitcraze.io/doc:crazyflie:bootloader:protocol) and the STM32F405's manual (RM0090,
chapter 3). Over UDP a datagram is a packet: 0xFF, which chip, command, arguments; little-endian.

    0x10 GET_INFO     -> page size, buffer pages, flash pages, first page of the firmware (uint16), chip's id (12 bytes), version
    0x12 GET_MAPPING  -> pairs of bytes: so many sectors, of so many pages (STM32)
    0x14 LOAD_BUFFER  page, address (uint16), data: into RAM; not acknowledged
    0x15 READ_BUFFER  page, address -> page, address, 25 bytes
    0x18 WRITE_FLASH  buffer page, flash page, pages (uint16) -> 1 if done, error
    0x19 FLASH_STATUS -> 1 if done, error of the last write
    0x1C READ_FLASH   page, address -> page, address, 25 bytes
    0xFF RESET_INIT   -> the radio's address (nRF51)
    0xF0 RESET        0: to the bootloader, 1: to the firmware (nRF51)

Flash is as it is: erasing sets all bits of a sector, programming only clears bits. The STM32 erases a sector of 16 to 128
pages when its first page is written and at no other time, so a page in the middle cannot be written twice. It starts the
firmware if its first word is not erased, whatever follows. While firmware runs only the nRF51's resets are answered.
Not emulated: how long erasing takes.
"""

import argparse
import json
import mmap
import select
import shutil
import socket
import struct
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import numpy as np

from drivers.emulators.child import end_child, end_when_told, start_emulator
from drivers.emulators.crtp import FaultyLink, LinkFaults

HEADER = 0xFF
STM32, NRF51 = 0xFF, 0xFE
GET_INFO, GET_MAPPING, LOAD_BUFFER, READ_BUFFER = 0x10, 0x12, 0x14, 0x15
WRITE_FLASH, FLASH_STATUS, READ_FLASH = 0x18, 0x19, 0x1C
RESET_INIT, RESET = 0xFF, 0xF0
VERSION = 0x10  # Crazyflie 2
DATA_BYTES = 25
DONE, BAD_PAGES = b"\x01\x00", b"\x00\x01"
ADDRESS = b"\xe7\xe7\xe7\xe7"
STM32_SECTORS = [16] * 4 + [64] + [128] * 7  # pages of each
FLASH_BYTES = sum(STM32_SECTORS) * 1024
POLL_S = 0.005
READY_S = 120.0


class VirtualBootloaderConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the process is to be; written to its configuration file as JSON."""

    loss: float = 0.0  # share of datagrams lost, each way
    seed: int = 0  # of what is lost
    port: int = 0  # UDP, on the loopback; 0: any that is free
    directory: str = ""  # of its configuration and words; the program that starts the process sets it
    flash: str = ""  # file that holds the STM32's flash; none: forgotten at the end


class Chip:
    """One chip's flash, its buffer, and the commands on them. `flash` is a bytearray, or a mapped file."""

    def __init__(
        self, sectors: list[int], first_page: int, buffer_pages: int, flash: bytearray | mmap.mmap | None = None
    ) -> None:
        self.page_bytes = 1024
        self.sectors = sectors  # pages of each
        self.pages = sum(sectors)
        self.first_page = first_page
        self.buffer_pages = buffer_pages
        self.buffer = bytearray(buffer_pages * self.page_bytes)
        self.flash = bytearray(b"\xff" * self.pages * self.page_bytes) if flash is None else flash
        self._status = DONE

    def answer(self, command: int, arguments: bytes) -> bytes | None:
        """What comes back for a command, or None."""
        if command == GET_INFO:
            sizes = struct.pack("<4H", self.page_bytes, self.buffer_pages, self.pages, self.first_page)
            return sizes + bytes(range(12)) + bytes([VERSION])
        if command in (LOAD_BUFFER, READ_BUFFER, READ_FLASH) and len(arguments) >= 4:
            page, address = struct.unpack_from("<HH", arguments)
            start = page * self.page_bytes + address
            if command == LOAD_BUFFER:
                data = arguments[4 : 4 + max(0, len(self.buffer) - start)]
                self.buffer[start : start + len(data)] = data
                return None
            memory = self.buffer if command == READ_BUFFER else self.flash
            return arguments[:4] + bytes(memory[start : start + DATA_BYTES])
        if command == WRITE_FLASH and len(arguments) >= 6:
            self._status = self._write(*struct.unpack_from("<3H", arguments))
            return self._status
        return self._status if command == FLASH_STATUS else None

    def _write(self, buffer_page: int, page: int, count: int) -> bytes:
        if page < self.first_page or page + count > self.pages or buffer_page + count > self.buffer_pages:
            return BAD_PAGES
        sector_start = 0
        for size in self.sectors:
            if page <= sector_start < page + count:
                start, end = sector_start * self.page_bytes, (sector_start + size) * self.page_bytes
                self.flash[start:end] = b"\xff" * (end - start)
            sector_start += size
        start, size = page * self.page_bytes, count * self.page_bytes
        new = np.frombuffer(self.buffer, np.uint8, size, buffer_page * self.page_bytes)
        old = np.frombuffer(self.flash[start : start + size], np.uint8)
        self.flash[start : start + size] = (old & new).tobytes()
        return DONE


class Bootloader:
    """Both chips of a Crazyflie, which begins in its bootloader unless told otherwise."""

    def __init__(self, flash: bytearray | mmap.mmap | None = None, in_firmware: bool = False) -> None:
        self.stm32 = Chip(STM32_SECTORS, 16, 10, flash)
        self.nrf51 = Chip([1] * 232, 108, 1)
        self.in_firmware = in_firmware

    def answer(self, datagram: bytes) -> bytes | None:
        """The datagram that comes back for one, or None."""
        if len(datagram) < 3 or datagram[0] != HEADER:
            return None
        target, command, arguments = datagram[1], datagram[2], datagram[3:]
        reply = None
        if target == NRF51 and command == RESET_INIT:
            reply = ADDRESS
        elif target == NRF51 and command == RESET and arguments:
            self.in_firmware = arguments[0] == 1 and self.starts_firmware()
        elif self.in_firmware:
            return None
        elif target == STM32 and command == GET_MAPPING:
            reply = bytes([4, 16, 1, 64, 7, 128])
        elif target in (STM32, NRF51):
            reply = (self.stm32 if target == STM32 else self.nrf51).answer(command, arguments)
        return None if reply is None else datagram[:3] + reply

    def firmware(self, size: int) -> bytes:
        """The first bytes of the STM32's firmware, as they are in its flash."""
        start = self.stm32.first_page * self.stm32.page_bytes
        return bytes(self.stm32.flash[start : start + size])

    def starts_firmware(self) -> bool:
        """Whether the STM32 would start what is in its flash."""
        return self.firmware(4) != b"\xff\xff\xff\xff"


class Server:
    """A bootloader behind a UDP port, on a link that may lose, double and delay datagrams, each way."""

    def __init__(self, bootloader: Bootloader, faults: LinkFaults, seed: int = 0, port: int = 0) -> None:
        self.bootloader = bootloader
        self.received = 0  # datagrams, before any is lost
        rngs = np.random.default_rng([seed, 0xB0]).spawn(2)
        self.up, self.down = FaultyLink(faults, rngs[0]), FaultyLink(faults, rngs[1])
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        self._socket.bind(("127.0.0.1", port))
        self._socket.setblocking(False)
        self.uri = "udp://{}:{}".format(*self._socket.getsockname())
        self._peer: tuple[str, int] | None = None

    def serve(self, ended: threading.Event) -> None:
        """Answer until told to end."""
        while not ended.is_set():
            select.select([self._socket], [], [], POLL_S)
            self._receive()
            for datagram in self.up.arrived(time.monotonic()):
                if (answer := self.bootloader.answer(datagram)) is not None:
                    self.down.send(answer, time.monotonic())
            for datagram in self.down.arrived(time.monotonic()):
                if self._peer is not None:
                    self._socket.sendto(datagram, self._peer)
        self._socket.close()

    def _receive(self) -> None:
        try:
            while True:
                datagram, self._peer = self._socket.recvfrom(64)
                self.received += 1
                self.up.send(datagram, time.monotonic())
        except (BlockingIOError, ConnectionError):  # nothing more, or nobody at the other end any more
            return


@contextmanager
def start_virtual_bootloader(config: VirtualBootloaderConfig) -> Iterator[str]:
    """A device of its own process, in its bootloader; yields its URI. It ends with the `with` block.

    Raises ValueError with the process's words if the configuration is wrong.
    """
    process, uri, directory = start_emulator(
        lambda process, ready, directory: (process, ready["uri"], directory),
        "drivers.emulators.crazyflie_bootloader", "virtual bootloader",
        lambda directory: msgspec.json.encode(msgspec.structs.replace(config, directory=str(directory))), READY_S,
    )  # fmt: skip
    try:
        yield uri
    finally:
        end_child(process)
        shutil.rmtree(directory, ignore_errors=True)


def flash_file(path: Path) -> mmap.mmap:
    """A file as the STM32's flash: made, erased, if it does not exist. Raises ValueError if it has another size."""
    if not path.exists():
        path.write_bytes(b"\xff" * FLASH_BYTES)
    if path.stat().st_size != FLASH_BYTES:
        raise ValueError(f"flash: found {path} of {path.stat().st_size} bytes, allowed: {FLASH_BYTES}")
    with open(path, "r+b") as file:
        return mmap.mmap(file.fileno(), FLASH_BYTES)


def main() -> int:
    """Run one device; prints one line of JSON with its `uri`. Returns 2 and one line on stderr for a wrong file."""
    parser = argparse.ArgumentParser(prog="python -m drivers.emulators.crazyflie_bootloader")
    parser.add_argument("--config", type=Path, required=True, help="JSON file, see VirtualBootloaderConfig")
    path = parser.parse_args().config
    try:
        config = msgspec.json.decode(path.read_bytes(), type=VirtualBootloaderConfig)
        if not 0.0 <= config.loss <= 1.0:
            raise ValueError(f"loss: found {config.loss}, allowed: 0 to 1")
        bootloader = Bootloader(flash_file(Path(config.flash)) if config.flash else None)
        server = Server(bootloader, LinkFaults(config.loss), config.seed, config.port)
    except (ValueError, OSError) as error:
        print(error, file=sys.stderr)
        return 2
    end_when_told(config.directory)
    print(json.dumps({"uri": server.uri}), flush=True)
    server.serve(threading.Event())
    return 0


if __name__ == "__main__":
    sys.exit(main())
