"""Saying something never waits: not for a terminal that stopped reading, not for a reader that is gone."""

import os
import select
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

from robot.views import patient_output
from robot.views.patient_output import BACKLOG_MAX, patient_stderr


def read_all(descriptor: int, count: int) -> bytes:
    data = b""
    while len(data) < count:
        data += os.read(descriptor, 65536)
    return data


@contextmanager
def pipe() -> Iterator[tuple[int, TextIO]]:
    """Standard error goes into it."""
    before = sys.stderr
    read, write = os.pipe()
    with os.fdopen(write, "w") as stream:
        sys.stderr = stream
        yield read, stream
        sys.stderr = before


def test_what_is_said_arrives_in_order_and_the_stream_comes_back():
    with pipe() as (read, stream):
        with patient_stderr() as output:
            assert sys.stderr is output
            for number in range(100):
                print(number, file=sys.stderr)
        assert sys.stderr is stream
        expected = "".join(f"{number}\n" for number in range(100)).encode()
        assert read_all(read, len(expected)) == expected
        os.close(read)


def test_a_reader_that_stops_reading_holds_nobody_up(monkeypatch):
    monkeypatch.setattr(patient_output, "LAST_WORDS_S", 0.1)
    with pipe() as (read, _):
        begin = time.monotonic()
        with patient_stderr() as output:
            for _ in range(3 * BACKLOG_MAX // 1000):
                print("x" * 999, file=sys.stderr)
        assert time.monotonic() - begin < 5.0
        assert sys.stderr is output  # the words after it must not wait either
        while not output.drain(0.0):  # what was written last may have been read before its writer says so
            if select.select([read], [], [], 0.01)[0]:
                os.read(read, 65536)
        os.close(read)


def test_a_reader_that_is_gone_is_noticed():
    with pipe() as (read, _):
        os.close(read)
        with patient_stderr() as output:
            print("anybody?", file=sys.stderr)
            assert output.drain(5.0)
            assert output.gone
            print("nobody", file=sys.stderr)
        assert sys.stderr is output
