"""The way to a drone on a computer that is made of a folder: what lacks is found, and told how to be had."""

from pathlib import Path

import pytest

from robot.robots.quadrotor.setup_drone.drone_checks import elsewhere
from robot.robots.quadrotor.setup_drone.way_checks import WAYS, way_checks

RADIO, CABLE = "radio://0/80/2M/E7E7E7E7E7", "usb://0"


@pytest.fixture
def computer(tmp_path: Path) -> Path:
    """One with a keyboard."""
    keyboard = tmp_path / "sys/bus/usb/devices/1-1"
    keyboard.mkdir(parents=True)
    for name, text in {"idVendor": "046d", "idProduct": "c31c", "busnum": "1", "devnum": "2"}.items():
        (keyboard / name).write_text(text + "\n")
    (keyboard.parent / "1-1:1.0").mkdir()  # an interface has no ids
    return tmp_path


def plug_in(root: Path, scheme: str, mode: int) -> None:
    device, folder = WAYS[scheme], root / "sys/bus/usb/devices/3-2"
    folder.mkdir()
    for name, text in {"idVendor": device.vendor, "idProduct": device.product, "busnum": "3", "devnum": "17"}.items():
        (folder / name).write_text(text + "\n")
    node = root / "dev/bus/usb/003/017"
    node.parent.mkdir(parents=True)
    node.touch(mode)


def write_rule(root: Path, text: str) -> None:
    path = root / "etc/udev/rules.d/99-bitcraze.rules"
    path.parent.mkdir(parents=True)
    path.write_text(text + "\n")


def wrong(uri: str, root: Path, superuser: bool = False) -> dict[str, str]:
    return {check.name: check.remedy for check in way_checks(uri, root, superuser) if not check.ok}


@pytest.mark.parametrize(("uri", "name"), [(RADIO, "Crazyradio"), (CABLE, "drone's cable")])
def test_on_a_bare_computer_dongle_and_rule_are_missing_and_both_are_told(computer: Path, uri: str, name: str) -> None:
    found = wrong(uri, computer)
    assert list(found) == [name, f"{name}: rights"]
    assert "plug" in found[name] and "99-bitcraze.rules" in found[f"{name}: rights"]
    assert list(wrong(uri, computer, superuser=True)) == [name]


@pytest.mark.parametrize("scheme", WAYS)
def test_the_remedy_is_a_rule_that_is_then_found(computer: Path, scheme: str) -> None:
    write_rule(computer, f"# {WAYS[scheme].rule}")
    assert len(wrong(f"{scheme}://0", computer)) == 2, "a comment is no rule"
    (computer / "etc/udev/rules.d/99-bitcraze.rules").write_text(WAYS[scheme].rule)
    assert list(wrong(f"{scheme}://0", computer)) == [WAYS[scheme].text]


@pytest.mark.parametrize("scheme", WAYS)
def test_a_device_is_plugged_in(computer: Path, scheme: str) -> None:
    plug_in(computer, scheme, 0o666)
    assert wrong(f"{scheme}://0", computer) == {}
    assert way_checks(f"{scheme}://0", computer)[0].found.endswith("dev/bus/usb/003/017")


def test_a_device_that_this_user_may_not_use_is_told(computer: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plug_in(computer, "radio", 0o600)
    monkeypatch.setattr("os.access", lambda path, mode: False)
    assert list(wrong(RADIO, computer)) == ["Crazyradio: rights"]
    assert wrong(RADIO, computer, superuser=True) == {}


def test_a_network_needs_no_dongle(computer: Path) -> None:
    assert way_checks("udp://127.0.0.1:7000", computer) == []


def test_a_drone_on_another_channel_is_named_with_what_to_write_where() -> None:
    told = elsewhere(RADIO, lambda _: ["radio://0/90/2M"])
    assert "radio://0/90/2M/E7E7E7E7E7 does: set devices.crazyflie.uri" in told
    assert elsewhere(RADIO, lambda _: ["radio://0/80/2M"]) == "", "the same one"
    assert elsewhere(RADIO, lambda _: []) == ""
    assert elsewhere("udp://127.0.0.1:7000", lambda _: pytest.fail("there is nothing to scan")) == ""
