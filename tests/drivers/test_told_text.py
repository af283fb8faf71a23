"""What a device says of itself is shown to people: it must not command their terminal."""

from hypothesis import given
from hypothesis import strategies as st

from drivers.told_text import told_text


def test_text_ends_at_a_zero_byte_and_obeys_nobody() -> None:
    assert told_text(b"60_MK6\0\x07\xff") == "60_MK6"
    assert told_text(b"60\x1b[2J\n\xff") == "60\ufffd[2J\ufffd\ufffd"


@given(st.binary())
def test_any_bytes_give_one_line_that_can_be_printed(data: bytes) -> None:
    assert told_text(data).isprintable()
