"""Whether the servo output is enabled, from what the controller answers."""

import struct
import threading
import time

import pytest

from drivers.base import LinkLost
from drivers.vesc import VescSettings
from drivers.vesc_configuration import ask_servo_output, servo_output_of


@pytest.mark.parametrize(
    ("wiring", "told"),
    [
        ({"servo_output": True}, True),
        ({"servo_output": False}, False),
        ({"firmware_major": 5, "servo_output": False}, None),
        ({"firmware_major": 2}, None),
    ],
)
def test_it_is_told_by_firmware_that_has_the_setting(bench, wiring, told):
    one = bench(vesc=wiring)
    ended = threading.Event()

    def run() -> None:
        while not ended.is_set():
            one.wait(0.02)
            time.sleep(0.002)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        assert ask_servo_output(VescSettings(str(one.emulator.vesc_pty.link))) is told
    finally:
        ended.set()
        thread.join()


@pytest.mark.parametrize("payload", [b"", b"\x11", b"\x04" + bytes(40), b"\x11" + bytes(40), b"\x11\x1d\x00\x0d\xac"])
def test_an_answer_of_another_kind_tells_nothing(payload):
    assert servo_output_of(payload) is None


def test_each_order_of_fields_has_its_own_place():
    for signature, place in ((486554156, 31), (2551442059, 30), (3733512279, 27), (763356168, 23)):
        on = bytearray(60)
        on[:4] = struct.pack(">I", signature)
        on[place] = 1
        assert servo_output_of(b"\x11" + bytes(on)) is True


def test_a_port_that_is_not_there_says_so():
    with pytest.raises(LinkLost, match="no such port"):
        ask_servo_output(VescSettings("/dev/nowhere"))
