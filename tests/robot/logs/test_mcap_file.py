"""MCAP by its specification: whatever a conforming writer may leave out is read, and no bytes make the reader stumble."""

import contextlib
import io
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from mcap.reader import make_reader
from mcap.writer import CompressionType, IndexType, Writer

from robot.logs.mcap_file import DamagedLog, McapFile, RefusedLog
from robot.logs.reader import LogReader

OPTIONS = st.fixed_dictionaries(
    {
        "chunk_size": st.sampled_from([1, 5000, 1 << 20]),
        "compression": st.sampled_from(CompressionType),
        "index_types": st.sampled_from([IndexType.ALL, IndexType.NONE, IndexType.CHUNK, IndexType.MESSAGE]),
        **{
            name: st.booleans()
            for name in (
                "repeat_channels", "repeat_schemas", "use_chunking", "use_statistics", "use_summary_offsets",
                "enable_crcs", "enable_data_crcs",
            )
        },
    }
)  # fmt: skip


def rewritten(original: bytes, only_used: bool = False, foreign: bool = False, **options: object) -> bytes:
    """The same messages and attachments by the mcap package's writer.

    only_used: channels without messages are left out, as `mcap filter` and `mcap recover` do; foreign: another program's
    channel between ours.
    """
    reader = make_reader(io.BytesIO(original))
    summary = reader.get_summary()
    assert summary is not None
    out = io.BytesIO()
    writer = Writer(out, **options)  # type: ignore[arg-type]
    writer.start()
    if foreign:
        other = writer.register_channel("/camera", "protobuf", writer.register_schema("p", "protobuf", b"\xff\xfe\n"))
        writer.add_message(other, 0, b"\xff" * 9, 0)
    messages = list(reader.iter_messages(log_time_order=False))
    used = {channel.id for _, channel, _ in messages}
    channels = {}
    for channel in summary.channels.values():
        if channel.id in used or not only_used:
            schema = summary.schemas[channel.schema_id]
            channels[channel.id] = writer.register_channel(
                channel.topic,
                channel.message_encoding,
                writer.register_schema(schema.name, schema.encoding, schema.data),
            )
    for _, channel, message in messages:
        writer.add_message(channels[channel.id], message.log_time, message.data, message.publish_time, message.sequence)
    for one in reader.iter_attachments():
        writer.add_attachment(one.create_time, one.log_time, one.name, one.media_type, one.data)
    writer.finish()
    return out.getvalue()


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(options=OPTIONS, only_used=st.booleans(), foreign=st.booleans())
def test_whatever_a_writer_leaves_out_the_same_is_read(
    tmp_path_factory: pytest.TempPathFactory, write_part: Callable, options: dict, only_used: bool, foreign: bool
) -> None:
    path = write_part(tmp_path_factory.mktemp("log"), 25)
    before = LogReader(path).contents()
    path.write_bytes(rewritten(path.read_bytes(), only_used, foreign, **options))
    log = LogReader(path)
    after = log.contents()
    assert log.complete
    assert after.outputs.tobytes() == before.outputs.tobytes()
    assert after.readings.tobytes() == before.readings.tobytes() and after.events == before.events
    assert McapFile(path).attachment("setup-0.npz") == b"what the pipeline started from"


def test_a_log_that_has_no_weights_and_no_channel_for_them_is_read(tmp_path: Path, write_part: Callable) -> None:
    path = write_part(tmp_path, 5)
    reader = make_reader(io.BytesIO(path.read_bytes()))
    out = io.BytesIO()
    writer = Writer(out)
    writer.start()
    channels: dict[int, int] = {}
    for schema, channel, message in reader.iter_messages(topics=["/readings", "/outputs"]):
        assert schema is not None
        if channel.id not in channels:
            known = writer.register_schema(schema.name, schema.encoding, schema.data)
            channels[channel.id] = writer.register_channel(channel.topic, channel.message_encoding, known)
        writer.add_message(channels[channel.id], message.log_time, message.data, message.publish_time)
    writer.finish()
    path.write_bytes(out.getvalue())
    assert len(LogReader(path).outputs()) == 5


def test_records_and_fields_of_later_versions_are_skipped(tmp_path: Path, write_part: Callable) -> None:
    data = write_part(tmp_path, 5, close=False).read_bytes()
    unknown = struct.pack("<BQ", 0x7F, 3) + b"new"
    longer_end = struct.pack("<BQI", 0x0F, 6, 0) + b"xy"
    footer = struct.pack("<BQQQI", 0x02, 22, 0, 0, 0) + b"zz"
    (tmp_path / "log.mcap").write_bytes(data + unknown + longer_end + footer + data[:8])
    log = LogReader(tmp_path)
    assert len(log.outputs()) == 5 and log.complete


@pytest.mark.parametrize("which", ["data section", "index", "chunk"])
def test_a_checksum_that_is_there_and_wrong_is_found(tmp_path: Path, write_part: Callable, which: str) -> None:
    path = write_part(tmp_path, 5)
    data = bytearray(path.read_bytes())
    end = len(data) - 8 - 29  # of the footer
    data_end = data.rindex(struct.pack("<BQ", 0x0F, 4))
    place = {"data section": data_end + 9, "index": end + 25, "chunk": data.index(b"lz4") - 8}[which]
    data[place] ^= 1
    path.write_bytes(data)
    with pytest.raises(DamagedLog, match="crc32 of (the|a) " + which):
        LogReader(path).contents()


@pytest.fixture(scope="module")
def fuzzed_logs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("fuzz")


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_no_bytes_make_the_reader_stumble(fuzzed_logs: Path, write_part: Callable, data: st.DataObject) -> None:
    """Without checksums nothing protects the structure: every failure must still be one of the two that are named."""
    original = fuzzed_logs / "original"
    if not original.exists():
        original.mkdir()
        write_part(original, 12, per_chunk=4)
    compression = data.draw(st.sampled_from(CompressionType))
    chunked = data.draw(st.booleans())
    whole = bytearray(rewritten((original / "log.mcap").read_bytes(), compression=compression, use_chunking=chunked,
                                enable_crcs=False))  # fmt: skip
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(whole) - 1))
        piece = data.draw(st.binary(min_size=0, max_size=12))
        whole[place : place + data.draw(st.integers(0, 12))] = piece
    path = fuzzed_logs / "fuzzed.mcap"
    path.write_bytes(whole)
    try:
        LogReader(path).contents()
        McapFile(path).attachment("setup-0.npz")
    except (DamagedLog, RefusedLog) as error:
        assert str(path) in str(error)


@settings(max_examples=100, deadline=None)
@given(noise=st.binary(max_size=200), magic=st.booleans())
def test_noise_is_refused(fuzzed_logs: Path, noise: bytes, magic: bool) -> None:
    path = fuzzed_logs / "noise.mcap"
    path.write_bytes((b"\x89MCAP0\r\n" if magic else b"") + noise)
    log = LogReader(path)
    with contextlib.suppress(DamagedLog, RefusedLog):
        assert len(log.contents().outputs) == 0
    assert not log.complete


@pytest.mark.parametrize("lost", range(1, 60, 7))
def test_a_log_that_lost_its_last_bytes_has_no_end_and_is_not_damaged(
    tmp_path: Path, write_part: Callable, lost: int
) -> None:
    path = write_part(tmp_path, 6)
    path.write_bytes(path.read_bytes()[:-lost])
    log = LogReader(path)
    assert sum(len(batch.readings) for batch in log.batches()) == 6
    assert not log.complete


def test_zeros_after_what_was_written_are_a_cut_at_once(tmp_path: Path, write_part: Callable) -> None:
    path = write_part(tmp_path, 6)
    whole = path.read_bytes()
    file = McapFile(path)
    heads = [opcode for opcode, _ in file.records()]
    kept, at = 8, 0
    for opcode, content in McapFile(path).records():  # up to the end of the data section
        if opcode == 0x0F:
            break
        kept, at = kept + 9 + len(content), at + 1
    assert 0 < at < len(heads)
    for tail, outcome in ((bytes(1 << 20), None), (bytes(1 << 20) + b"\1", DamagedLog)):
        path.write_bytes(whole[:kept] + tail)
        log = LogReader(path)
        with pytest.raises(outcome) if outcome else contextlib.nullcontext():
            assert sum(len(batch.readings) for batch in log.batches()) == 6
        assert not log.complete


def test_a_chunk_that_claims_to_be_huge_is_damaged(tmp_path: Path) -> None:
    chunk = struct.pack("<QQQII", 0, 0, 1 << 60, 0, 4) + b"zstd" + struct.pack("<Q", 4) + b"\x28\xb5\x2f\xfd"
    path = tmp_path / "huge.mcap"
    path.write_bytes(b"\x89MCAP0\r\n" + struct.pack("<BQ", 0x06, len(chunk)) + chunk)
    with pytest.raises(DamagedLog, match=r"huge\.mcap: chunk"):
        LogReader(path).contents()


def test_a_compression_that_nobody_knows_is_named(tmp_path: Path) -> None:
    chunk = struct.pack("<QQQII", 0, 0, 4, zlib.crc32(b"data"), 6) + b"brotli" + struct.pack("<Q", 4) + b"data"
    path = tmp_path / "log.mcap"
    path.write_bytes(b"\x89MCAP0\r\n" + struct.pack("<BQ", 0x06, len(chunk)) + chunk)
    with pytest.raises(RefusedLog, match=r"compression 'brotli', allowed: none, lz4, zstd"):
        LogReader(path).contents()


def test_an_event_that_is_no_object_is_damage(tmp_path: Path, write_part: Callable) -> None:
    path = write_part(tmp_path, 5)
    options = {"compression": CompressionType.NONE, "enable_crcs": False, "use_chunking": False}
    data = rewritten(path.read_bytes(), **options)  # type: ignore[arg-type]
    path.write_bytes(data.replace(b'{"kind"', b'["kind"'))
    with pytest.raises(DamagedLog, match="event"):
        LogReader(path).contents()
