"""Firmware onto a Crazyflie's STM32 through its bootloader: written, read back, compared.

cflib's `Cloader` sends a page in 41 unacknowledged packets and never looks at what arrived: one that is lost leaves the
last page's bytes in the chip's buffer, and these are written. Repairing that afterwards is expensive, because the chip
erases whole sectors (16 to 128 pages) and programming only clears bits. So here

1. the buffer is read back before it is written, and only the missing pieces are sent again;
2. the first sector is erased first and written last: interrupted at any time before, the device finds no firmware to
   start and stays in its bootloader;
3. everything is read back at the end; a sector that differs is written again, whole, a few times at most.

A `Flashed` means that every byte of the image was read from the device's flash after the last write. Everything else is an
error. Protocol: wiki.bitcraze.io/doc:crazyflie:bootloader:protocol; sectors: STM32F405 manual, RM0090, table 5.
"""

import hashlib
import struct
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from types import TracebackType
from urllib.parse import urlparse

from cflib.bootloader.boottypes import TargetTypes
from cflib.bootloader.cloader import Cloader
from cflib.crtp.crtpstack import CRTPPacket
from typing_extensions import Self

from drivers.base import LinkLost
from drivers.crazyflie_link import use_repeating_links

HEADER = 0xFF
GET_INFO, READ_BUFFER, READ_FLASH, RESET_INIT, RESET = 0x10, 0x15, 0x1C, 0xFF, 0xF0
TO_BOOTLOADER = 0

PAGE_BYTES = 1024
PIECE_BYTES = 25  # of a page, in one packet
FIRST_PAGE = 16  # of the firmware; before it lies the bootloader, which nothing can overwrite
SECTOR_PAGES = (16, 16, 16, 16, 64, 128, 128, 128, 128, 128, 128, 128)
FLASH_PAGES = sum(SECTOR_PAGES)
ERASED = b"\xff"

FIRST_WAIT_S, LONGEST_WAIT_S = 0.03, 1.0  # for an answer; doubled at each try
TRIES = 10
KNOCKS = 4  # tries to find out whether a bootloader is there
RESETS = 5
BUFFER_ROUNDS = 20  # of sending what is missing in the buffer
FLASH_ROUNDS = 5  # of writing sectors that differ
QUIET_S = 0.2  # silence after which nothing is expected to be still on its way

Progress = Callable[[str, int, int], None]  # what is being done, pages done, pages in all


class FlashError(RuntimeError):
    """The device does not hold the image."""


@dataclass(frozen=True)
class Flashed:
    """What was read back from the device equals the image."""

    sha256: str  # of the bytes read back
    pages: int
    pages_rewritten: int  # pages of the sectors that differed when read back, each time they did
    pieces_resent: int  # pieces of 25 bytes that were missing in the buffer before it was written


class CrazyflieBootloader:
    """The bootloader of a Crazyflie 2 at a URI, radio:// or udp://. Opened and closed by a `with` block.

    The device may be running its firmware: it is then reset to its bootloader.
    """

    def __init__(self, uri: str) -> None:
        place = urlparse(uri)
        if place.scheme != "radio" and not (place.scheme == "udp" and place.hostname and place.port):
            raise ValueError(f"uri: found {uri!r}, allowed: radio://... or udp://HOST:PORT (USB has no bootloader)")
        self.uri = uri
        self._cloader = Cloader(uri)
        self._buffer_pages = 0

    def open(self) -> None:
        """Reach the bootloader. Raises LinkLost if none answers, ValueError if it is not a Crazyflie 2's."""
        use_repeating_links()
        try:
            self._cloader.open_bootloader_uri(self.uri)
        except Exception as error:  # all that cflib raises where there is no Crazyradio, or no such host
            raise LinkLost(f"{self.uri}: {error}") from error
        information = self._knock()
        if information is None:
            information = self._reset_to_bootloader()
        if information is None or len(information) < 21:
            raise LinkLost(f"{self.uri}: neither firmware nor bootloader answers. Switch the Crazyflie off, hold its button until the "
                           "blue light blinks, and try again")  # fmt: skip
        page_bytes, buffer_pages, flash_pages, first_page = struct.unpack_from("<4H", information)
        version = information[20]
        if (page_bytes, flash_pages, first_page, version >> 4) != (PAGE_BYTES, FLASH_PAGES, FIRST_PAGE, 1):
            raise ValueError(
                f"{self.uri}: found a bootloader of version {version:#x} with {flash_pages} pages of {page_bytes} bytes, "
                f"firmware from page {first_page}; allowed: a Crazyflie 2's (0x10, {FLASH_PAGES}, {PAGE_BYTES}, {FIRST_PAGE})"
            )
        self._buffer_pages = buffer_pages

    def flash(self, image: bytes, progress: Progress) -> Flashed:
        """Write an image to where firmware begins, and read it back.

        Raises ValueError if it does not fit, FlashError if the device does not hold it after all retries, LinkLost if
        the device no longer answers. After FlashError and KeyboardInterrupt the firmware is erased enough not to start;
        after LinkLost too, unless all of it had been written.
        """
        pages = [image[start : start + PAGE_BYTES] for start in range(0, len(image), PAGE_BYTES)]
        if not 0 < len(pages) <= FLASH_PAGES - FIRST_PAGE:
            raise ValueError(
                f"image: found {len(image)} bytes, allowed: 1 to {(FLASH_PAGES - FIRST_PAGE) * PAGE_BYTES}"
            )
        pages[-1] = pages[-1].ljust(PAGE_BYTES, ERASED)
        try:
            return self._write_until_equal(pages, len(image), progress)
        except (KeyboardInterrupt, FlashError):
            self._forbid_start()
            raise

    def reset_to_firmware(self) -> None:
        """Start the firmware. Raises LinkLost if the device stays in its bootloader."""
        for _ in range(RESETS):
            if self._cloader.reset_to_firmware(TargetTypes.NRF51) and self._knock() is None:
                return
        raise LinkLost(f"{self.uri}: the Crazyflie stays in its bootloader; switch it off and on")

    @property
    def reached_at(self) -> str:
        """The URI at which the bootloader answers; a radio's bootloader has an address of its own."""
        return str(getattr(self._cloader.link, "uri", "") or self.uri).removesuffix("?safelink=0")

    def close(self) -> None:
        """Close the link; the device stays as it is. Never raises."""
        with suppress(OSError):
            self._cloader.close()

    def __enter__(self) -> Self:
        try:
            self.open()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # Writing.

    def _write_until_equal(self, pages: list[bytes], size: int, progress: Progress) -> Flashed:
        """All rounds of writing and reading back."""
        sectors = list(sectors_of(len(pages)))
        wrong = sectors
        rewritten = resent = 0
        for _ in range(FLASH_ROUNDS):
            self._forbid_start()
            todo = [sector for sector in wrong if sector is not sectors[0]] + sectors[:1]  # the first one last
            done, total = 0, sum(len(sector) for sector in todo)
            for sector in todo:
                for start in range(sector.start, sector.stop, self._buffer_pages):
                    run = pages[start : min(start + self._buffer_pages, sector.stop)]
                    resent += self._write(FIRST_PAGE + start, run)
                    done += len(run)
                    progress("writing", done, total)
            back = self._read_back(len(pages), progress)
            wrong = [sector for sector in sectors if any(back[page] != pages[page] for page in sector)]
            if not wrong:
                sha256 = hashlib.sha256(b"".join(back)[:size]).hexdigest()
                return Flashed(sha256, len(pages), rewritten, resent)
            rewritten += sum(len(sector) for sector in wrong)
        raise FlashError(f"{sum(len(sector) for sector in wrong)} pages lie in sectors that still differ from the image "
                         f"after they were written {FLASH_ROUNDS} times")  # fmt: skip

    def _forbid_start(self) -> None:
        """Erase the first sector: without its first word no firmware is started."""
        self._write(FIRST_PAGE, [ERASED * PAGE_BYTES])

    def _write(self, page: int, run: list[bytes]) -> int:
        """Write consecutive pages through the buffer; returns how many pieces had to be sent again."""
        for number, content in enumerate(run):
            self._cloader.upload_buffer(TargetTypes.STM32, number, 0, content)
        missing = self._missing(run, pieces(len(run)))
        resent = 0
        for _ in range(BUFFER_ROUNDS):
            if not missing:
                break
            resent += len(missing)
            for number, address in missing:
                piece = run[number][address : address + PIECE_BYTES]
                self._cloader.upload_buffer(TargetTypes.STM32, number, address, piece)
            missing = self._missing(run, missing)
        if missing:
            raise FlashError(f"the buffer for page {page} still differs after {BUFFER_ROUNDS} times")
        if not self._cloader.write_flash(TargetTypes.STM32, 0, page, len(run)):
            if self._cloader.error_code < 0:
                raise LinkLost(f"{self.uri}: the bootloader does not answer any more")
            raise FlashError(f"the device cannot write page {page}: its error {self._cloader.error_code}")
        return resent

    # Reading.

    def _read_back(self, count: int, progress: Progress) -> list[bytes]:
        """The first pages of the firmware, from flash."""
        self._settle()
        back = []
        for page in range(count):
            content = b"".join(self._read(READ_FLASH, FIRST_PAGE + page, address) for _, address in pieces(1))
            back.append(content)
            progress("reading back", page + 1, count)
        return back

    def _missing(self, run: list[bytes], places: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
        """Those of the places in the buffer whose piece is not that of the pages to be written."""
        return [
            (page, address)
            for page, address in places
            if self._read(READ_BUFFER, page, address) != run[page][address : address + PIECE_BYTES]
        ]

    def _read(self, command: int, page: int, address: int) -> bytes:
        """One piece of a page, from buffer or flash. Raises LinkLost."""
        data = self._ask(command, struct.pack("<HH", page, address))
        if data is None:
            raise LinkLost(f"{self.uri}: the bootloader does not answer any more")
        return data[: min(PIECE_BYTES, PAGE_BYTES - address)]

    # Asking.

    def _ask(
        self, command: int, arguments: bytes = b"", target: int = TargetTypes.STM32, tries: int = TRIES
    ) -> bytes | None:
        """The answer's bytes after those of the question; None if there is none after all tries."""
        question = bytes((target, command)) + arguments
        wait_s = FIRST_WAIT_S
        for _ in range(tries):
            self._cloader.link.send_packet(CRTPPacket(HEADER, question))
            until_s = time.monotonic() + wait_s
            while (left_s := until_s - time.monotonic()) > 0.0:
                packet = self._cloader.link.receive_packet(left_s)
                if packet is None:
                    break
                if packet.header == HEADER and bytes(packet.data).startswith(question):
                    return bytes(packet.data)[len(question) :]
            wait_s = min(2.0 * wait_s, LONGEST_WAIT_S)
        return None

    def _settle(self) -> None:
        """Let answers to questions that were asked twice arrive, so that none is taken for a newer one."""
        while self._cloader.link.receive_packet(QUIET_S) is not None:
            pass

    def _knock(self) -> bytes | None:
        """GET_INFO's answer, if the bootloader is there."""
        return self._ask(GET_INFO, tries=KNOCKS)

    def _reset_to_bootloader(self) -> bytes | None:
        """Ask the firmware for it; returns GET_INFO's answer. On the radio the bootloader has another address."""
        if urlparse(self.uri).scheme == "udp":
            for _ in range(RESETS):
                self._ask(RESET_INIT, target=TargetTypes.NRF51, tries=KNOCKS)
                packet = bytes((TargetTypes.NRF51, RESET, TO_BOOTLOADER))
                self._cloader.link.send_packet(CRTPPacket(HEADER, packet))
                if (information := self._knock()) is not None:
                    return information
            return None
        if not self._cloader.reset_to_bootloader(TargetTypes.NRF51):  # it may have been switched on in its bootloader
            found = self._cloader.scan_for_bootloader()
            if found is None:
                return None
            self._cloader.open_bootloader_uri(found)
        return self._ask(GET_INFO)


def sectors_of(pages: int) -> Iterator[range]:
    """The image's pages in each of the sectors that it takes, numbered from its first page."""
    start = -FIRST_PAGE
    for size in SECTOR_PAGES:
        if max(start, 0) < min(start + size, pages):
            yield range(max(start, 0), min(start + size, pages))
        start += size


def pieces(pages: int) -> Iterator[tuple[int, int]]:
    """Page and address of every piece of consecutive pages."""
    for page in range(pages):
        for address in range(0, PAGE_BYTES, PIECE_BYTES):
            yield page, address
