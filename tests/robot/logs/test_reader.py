"""The log: readable by others, readable to the last chunk after a kill, and every damage found."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from mcap.reader import make_reader
from mcap_ros2.decoder import DecoderFactory

from robot.logs.reader import DamagedLog, LogReader
from robot.logs.writer import LogWriter
from robot.robots.car.records import RECORDS


def ticks(path: Path) -> list[int]:
    return [int(tick) for batch in LogReader(path).batches() for tick in batch.readings["tick"]]


def test_what_was_written_is_read(tmp_path: Path, write_part: Callable, make_readings: Callable) -> None:
    write_part(tmp_path, 35)
    batches = list(LogReader(tmp_path).batches())
    assert np.concatenate([batch.readings for batch in batches]).tobytes() == make_readings(35).tobytes()
    assert batches[0].events == [{"kind": "start", "tick": 0, "time_s": 0.0, "seed": 1}]
    assert batches[0].weights[0]["version"] == 3
    np.testing.assert_array_equal(batches[0].weights[0]["weights"], np.arange(7))


def test_a_ros_reader_reads_the_same(tmp_path: Path, write_part: Callable, make_readings: Callable) -> None:
    path = write_part(tmp_path, 20)
    with open(path, "rb") as file:
        reader = make_reader(file, decoder_factories=[DecoderFactory()])
        messages = [entry.decoded_message for entry in reader.iter_decoded_messages(topics=["/readings"])]
    assert [message.tick for message in messages] == list(range(20))
    np.testing.assert_array_equal([message.motor.erpm_speed_m_s for message in messages],
                                  make_readings(20)["motor"]["erpm_speed_m_s"])  # fmt: skip


def test_the_outputs_of_all_parts_come_once_and_in_order(tmp_path: Path, write_part: Callable) -> None:
    write_part(tmp_path, 30, close=False)
    write_part(tmp_path, 30, first=20)
    assert [path.name for path in LogReader(tmp_path).parts] == ["log.mcap", "log-0002.mcap"]
    assert list(LogReader(tmp_path).outputs()["tick"]) == list(range(50))


def test_an_event_that_a_restarted_recorder_wrote_again_comes_once(tmp_path: Path, write_part: Callable) -> None:
    (tmp_path / "log-0002.mcap").write_bytes(write_part(tmp_path, 30).read_bytes())
    assert sum(len(batch.events) for batch in LogReader(tmp_path).batches()) == 2
    assert [event["kind"] for event in LogReader(tmp_path).events()] == ["start"]


def test_what_was_flushed_survives_a_kill(tmp_path: Path, write_part: Callable) -> None:
    write_part(tmp_path, 40, close=False)
    assert ticks(tmp_path) == list(range(40))


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(share=st.floats(0, 1))
def test_a_file_cut_anywhere_is_read_to_its_last_whole_chunk(
    tmp_path_factory: pytest.TempPathFactory, write_part: Callable, share: float
) -> None:
    folder = tmp_path_factory.mktemp("cut")
    path = write_part(folder, 100, per_chunk=10, close=False)
    whole = path.read_bytes()
    cut = int(share * len(whole))
    path.write_bytes(whole[:cut])
    found = ticks(folder)
    assert found == list(range(len(found)))
    assert len(found) % 10 == 0
    assert len(found) > 100 * cut / len(whole) - 20


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(position=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7))
def test_any_flipped_bit_of_a_finished_log_is_found(
    tmp_path_factory: pytest.TempPathFactory, write_part: Callable, position: float, bit: int
) -> None:
    path = write_part(tmp_path_factory.mktemp("flip"), 30)
    data = bytearray(path.read_bytes())
    data[int(position * len(data))] ^= 1 << bit
    path.write_bytes(data)
    with pytest.raises(ValueError, match=path.name):
        ticks(path)


def test_a_damaged_chunk_names_file_and_checksums(tmp_path: Path, write_part: Callable) -> None:
    path = write_part(tmp_path, 1000, per_chunk=500)
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    with pytest.raises(DamagedLog, match=r"log.mcap: .*chunk.*damaged or changed"):
        ticks(path)


def test_a_folder_without_a_log_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="found no log"):
        LogReader(tmp_path)


def test_a_file_that_is_no_mcap_is_refused(tmp_path: Path) -> None:
    (tmp_path / "log.mcap").write_bytes(b"hello, this is text")
    with pytest.raises(ValueError, match=r"log\.mcap: not an MCAP file: begins with"):
        ticks(tmp_path)


def test_records_that_no_mind_can_have_written_are_refused_by_the_field_that_is_missing(
    tmp_path: Path, write_part: Callable
) -> None:
    path = write_part(tmp_path, 5)
    before = path.read_bytes()
    other = np.dtype([("tick", "<u8"), ("time_s", "<f8"), ("something_new_m", "<f8")])
    with LogWriter(tmp_path / "log-0002.mcap", replace(RECORDS, outputs=other), 3) as log:
        log.add_outputs(np.zeros(1, other))
    assert path.read_bytes() == before
    with pytest.raises(ValueError, match=r"log-0002.*written by another version: 'practice_s' is missing"):
        ticks(tmp_path)
