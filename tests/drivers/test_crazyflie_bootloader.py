"""Flashing: success is claimed only of a flash that equals the image, on whatever link."""

import hashlib
from collections.abc import Iterator
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import drivers.crazyflie_bootloader
from drivers.base import LinkLost
from drivers.crazyflie_bootloader import CrazyflieBootloader, Flashed, FlashError, sectors_of
from drivers.emulators.crazyflie_bootloader import WRITE_FLASH, Bootloader
from drivers.emulators.crtp import LinkFaults
from tests.drivers.bootloader_link import BootloaderLink

PAGE = 1024
IMAGE = Random(1).randbytes(50 * PAGE + 300)


@pytest.fixture(autouse=True)
def sleepless(monkeypatch: pytest.MonkeyPatch) -> None:
    """cflib sleeps after it sends a reset."""
    monkeypatch.setattr("time.sleep", lambda _: None)


def connected(link: BootloaderLink) -> CrazyflieBootloader:
    """The client with a link of the test's own; opened."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("cflib.crtp.get_link_driver", lambda *_: link)
        client = CrazyflieBootloader("udp://127.0.0.1:1")
        client.open()
    return client


def silent(what: str, done: int, total: int) -> None:
    pass


def flash(link: BootloaderLink, image: bytes = IMAGE) -> Flashed:
    return connected(link).flash(image, silent)


def sent(link: BootloaderLink, command: int) -> list[bytes]:
    return [datagram for datagram in link.sent if datagram[1:3] == bytes([0xFF, command])]


class Spoilt(Bootloader):
    """One whose flash takes on other bits than it should in a page, for the first few times or for ever."""

    def __init__(self, writes: float, page: int = 40) -> None:
        super().__init__()
        self.writes, self.page = writes, page

    def answer(self, datagram: bytes) -> bytes | None:
        reply = super().answer(datagram)
        if datagram[2] == WRITE_FLASH and datagram[5] <= self.page < datagram[5] + datagram[7] and self.writes > 0:
            self.writes -= 1
            self.stm32.flash[self.page * PAGE + 7] ^= 0x55
        return reply


def test_the_hash_is_that_of_the_image_in_flash() -> None:
    device = Bootloader()
    result = flash(BootloaderLink(device))
    assert device.firmware(len(IMAGE)) == IMAGE
    assert result == Flashed(hashlib.sha256(IMAGE).hexdigest(), pages=51, pages_rewritten=0, pieces_resent=0)


def test_what_is_lost_on_the_way_is_sent_again_before_it_is_written() -> None:
    device = Bootloader()
    result = flash(BootloaderLink(device, LinkFaults(loss=0.1)))
    assert device.firmware(len(IMAGE)) == IMAGE
    assert result.pieces_resent > 100
    assert result.pages_rewritten == 0


def test_sectors_that_differ_are_written_again_whole() -> None:
    device = Spoilt(writes=2)
    device.stm32.flash[16 * PAGE : 128 * PAGE] = bytes(112 * PAGE)  # an older firmware
    result = flash(BootloaderLink(device))
    assert device.firmware(len(IMAGE)) == IMAGE
    assert result.pages_rewritten == 2 * 16


def test_a_flash_that_cannot_hold_the_image_is_an_error_and_starts_no_firmware() -> None:
    device = Spoilt(writes=float("inf"))
    with pytest.raises(FlashError, match="differ from the image after they were written 5 times"):
        flash(BootloaderLink(device))
    assert not device.starts_firmware()


def test_an_answer_from_before_the_last_write_does_not_hide_what_is_in_flash() -> None:
    link = BootloaderLink(Spoilt(writes=float("inf"), page=16))
    question = b"\xff\xff\x1c\x10\x00\x00\x00"  # about that page, when it was right

    def answer_late(what: str, done: int, total: int) -> None:
        if what == "writing" and done == total:
            link.deliver(question + IMAGE[:25])

    with pytest.raises(FlashError):
        connected(link).flash(IMAGE, answer_late)


def test_an_answer_that_comes_twice_is_not_taken_for_that_of_an_equal_page() -> None:
    with pytest.raises(FlashError):
        flash(BootloaderLink(Spoilt(writes=float("inf")), LinkFaults(duplicate=1.0)), bytes(50 * PAGE))


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    pages=st.integers(1, 40),
    loss=st.floats(0.0, 0.05),
    duplicate=st.floats(0.0, 0.05),
    late=st.floats(0.0, 0.02),
)
def test_a_claim_of_success_is_true(seed: int, pages: int, loss: float, duplicate: float, late: float) -> None:
    image = Random(seed).randbytes(pages * PAGE - seed % PAGE)
    device = Bootloader()
    link = BootloaderLink(device, LinkFaults(loss, duplicate, late), seed)
    try:
        client = connected(link)
        result = client.flash(image, silent)
    except (FlashError, LinkLost):
        return
    link.receive_packet(1.0)
    assert device.firmware(len(image)) == image
    assert result.sha256 == hashlib.sha256(image).hexdigest()


def test_a_link_that_is_cut_is_an_error() -> None:
    link = BootloaderLink(Bootloader())
    client = connected(link)

    def cut(what: str, done: int, total: int) -> None:
        link.cut = done >= 20

    with pytest.raises(LinkLost, match="does not answer any more"):
        client.flash(IMAGE, cut)


@pytest.mark.parametrize(("what", "page"), [("writing", 3), ("writing", 30), ("writing", 51), ("reading back", 20)])
def test_interrupted_at_any_time_it_leaves_a_bootloader_that_takes_the_image_again(what: str, page: int) -> None:
    device = Bootloader()
    link = BootloaderLink(device)

    def interrupt(now: str, done: int, total: int) -> None:
        if now == what and done >= page:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        connected(link).flash(IMAGE, interrupt)
    assert not device.starts_firmware()
    flash(link)
    assert device.firmware(len(IMAGE)) == IMAGE


def test_killed_at_any_time_before_the_last_sector_the_device_starts_no_half_firmware() -> None:
    device = Bootloader()
    device.stm32.flash[16 * PAGE : 128 * PAGE] = bytes(112 * PAGE)  # an older firmware
    startable: list[tuple[int, bool]] = []
    connected(BootloaderLink(device)).flash(
        IMAGE, lambda what, done, total: startable.append((done, device.starts_firmware())) if what == "writing" else None
    )  # fmt: skip
    assert [starts for done, starts in startable if done <= 51 - 16] == [False] * 5
    assert startable[-1] == (51, True)


def test_an_image_that_does_not_fit_is_refused_before_anything_is_written() -> None:
    link = BootloaderLink(Bootloader())
    for image in (b"", bytes(1008 * PAGE + 1)):
        with pytest.raises(ValueError, match=r"image: found .* allowed: 1 to 1032192"):
            flash(link, image)
    assert sent(link, 0x14) == sent(link, WRITE_FLASH) == []


def test_another_kind_of_device_is_refused_before_anything_is_written() -> None:
    device = Bootloader()
    device.stm32.first_page = 10  # as the first Crazyflie's
    link = BootloaderLink(device)
    with pytest.raises(ValueError, match=r"found a bootloader .* firmware from page 10; allowed: a Crazyflie 2's"):
        connected(link)
    assert sent(link, 0x14) == sent(link, WRITE_FLASH) == []


def test_a_device_in_its_firmware_is_sent_to_its_bootloader_and_back() -> None:
    device = Bootloader()
    device.stm32.flash[16 * PAGE] = 0
    device.in_firmware = True
    client = connected(BootloaderLink(device, LinkFaults(loss=0.05)))
    assert not device.in_firmware
    client.flash(IMAGE, silent)
    client.reset_to_firmware()
    assert device.in_firmware


def test_a_device_that_does_not_leave_its_bootloader_is_an_error() -> None:
    client = connected(BootloaderLink(Bootloader()))  # it has no firmware
    with pytest.raises(LinkLost, match="stays in its bootloader"):
        client.reset_to_firmware()


def test_nobody_at_the_other_end_is_an_error() -> None:
    link = BootloaderLink(Bootloader())
    link.cut = True
    with pytest.raises(LinkLost, match="hold its button"):
        connected(link)


@pytest.mark.parametrize("uri", ["usb://0", "udp://127.0.0.1", "udp://:19850", "E7E7E7E7E7", ""])
def test_a_place_without_bootloader_is_refused(uri: str) -> None:
    with pytest.raises(ValueError, match=rf"uri: found '{uri}', allowed: radio://... or udp://HOST:PORT \(USB has no"):
        CrazyflieBootloader(uri)


@pytest.fixture
def radio(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, BootloaderLink]]:
    """Links by the address that cflib opens: firmware and bootloader of one Crazyflie on a radio."""
    device = Bootloader()
    device.stm32.flash[16 * PAGE] = 0
    device.in_firmware = True
    links = {name: BootloaderLink(device) for name in ("radio://0/80/2M/E7E7E7E7E7", "radio://0/0/2M/B1E7E7E7E7")}
    for uri, link in links.items():
        link.uri = f"{uri}?safelink=0"
    monkeypatch.setattr(
        drivers.crazyflie_bootloader, "use_repeating_links", lambda: None
    )  # the links of cflib are not made here
    monkeypatch.setattr("cflib.crtp.get_link_driver", lambda uri: links[uri.removesuffix("?safelink=0")])
    yield links


def test_on_the_radio_the_bootloader_has_an_address_of_its_own(radio: dict[str, BootloaderLink]) -> None:
    with CrazyflieBootloader("radio://0/80/2M/E7E7E7E7E7") as client:
        assert client.reached_at == "radio://0/0/2M/B1E7E7E7E7"
        client.flash(IMAGE[:PAGE], silent)
        client.reset_to_firmware()
    assert radio["radio://0/0/2M/B1E7E7E7E7"].bootloader.firmware(PAGE) == IMAGE[:PAGE]


def test_an_image_takes_the_sectors_of_its_chip() -> None:
    assert list(sectors_of(16)) == [range(16)]
    assert list(sectors_of(51)) == [range(16), range(16, 32), range(32, 48), range(48, 51)]
    assert [len(sector) for sector in sectors_of(1008)] == [16, 16, 16, 64, *[128] * 7]
