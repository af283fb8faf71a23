"""What a VESC is set to, as far as a car needs to know: whether its servo output is enabled.

GET_APPCONF (17) answers with the application's configuration, packed: a signature that stands for exactly one order of
fields, then the fields (vedderb/bldc: confgenerator.c, from whose history this table is counted). Up to firmware 5.02 the
servo output was chosen when the firmware was built, and nothing tells.
"""

import time

from drivers.serial_port import SerialPort
from drivers.vesc import VescSettings
from drivers.vesc_protocol import FrameParser, frame

GET_APPCONF = 17
ANSWER_S = 1.0
POLL_S = 0.01
PAYLOAD_MAX = 512  # the firmware's own limit
SIGNATURE_BYTES = 4
# Where servo_out_enable stands, from the signature on
AT = {
    31: (982638166, 1431514676, 2384027283, 3072452254, 2099347128, 486554156, 3392562538, 1703839102, 115587144, 372136320,
         3494444161, 3688838172),
    30: (2551442059, 992988844, 172673122, 3967275944, 1361193748, 4245096041, 640746383, 2927663597, 573192156, 1569897995),
    27: (3733512279,),
    23: (763356168, 1531606261, 3944621243, 568603952, 205353729, 1508436449, 2855199595, 2302012416, 2268062315, 470228522,
         3132558035, 94110583, 1850619966, 2721948964, 3423413835, 1729624904),
}  # fmt: skip
PLACE = {signature: place for place, signatures in AT.items() for signature in signatures}


def servo_output_of(payload: bytes) -> bool | None:
    """Whether an answer to GET_APPCONF says that the servo output is enabled; None where it does not say."""
    if len(payload) < 1 + SIGNATURE_BYTES or payload[0] != GET_APPCONF:
        return None
    place = PLACE.get(int.from_bytes(payload[1 : 1 + SIGNATURE_BYTES], "big"))
    if place is None or len(payload) <= 1 + place:
        return None
    return payload[1 + place] != 0


def ask_servo_output(settings: VescSettings) -> bool | None:
    """Ask a controller, in real time; None where it does not say. Raises LinkLost if the port cannot be used."""
    port, parser = SerialPort(settings.port, settings.baud), FrameParser(PAYLOAD_MAX)
    port.open()
    try:
        port.write(frame(settings.addressed(bytes([GET_APPCONF]))))
        asked_s = time.monotonic()
        while time.monotonic() - asked_s < ANSWER_S:
            for payload in parser.feed(port.read()):
                if payload[0] == GET_APPCONF:
                    return servo_output_of(payload)
            time.sleep(POLL_S)
    finally:
        port.close()
    return None
