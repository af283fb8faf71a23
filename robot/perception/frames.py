"""What a camera saw, kept beside a run: RUN/frames.mcap, pictures with the embeddings that were made of them.

Foxglove shows it. The encoder and the lens are in it, so that embeddings can be computed again anywhere. Every chunk has a
CRC-32, every picture one of its pixels. What was written before the last `flush` survives the death of the process.
"""

import json
import struct
import zlib
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

import cv2
import numpy as np
from mcap.writer import CompressionType, Writer

from robot.logs.mcap_file import DamagedLog, McapFile, RefusedLog
from robot.logs.schema import CDR_HEADER, MESSAGE_ENCODING, PACKAGE, SCHEMA_ENCODING, decode, encode, message_definition
from robot.logs.writer import LIBRARY
from robot.perception.encoder import Encoder
from robot.perception.mount import MOTION, Mount
from sim.camera.lens import Lens
from sim.input_files import from_table

Kept = Literal["none", "lossless", "lossy"]
FRAMES_TOPIC, EMBEDDINGS_TOPIC = "/frames", "/embeddings"
ENCODER_NAME, LENS_NAME, MOUNT_NAME = "encoder.onnx", "lens.json", "mount.json"
HOW: dict[str, tuple[str, list[int]]] = {
    "lossless": ("png", [cv2.IMWRITE_PNG_COMPRESSION, 1]),
    "lossy": ("jpeg", [cv2.IMWRITE_JPEG_QUALITY, 90]),
}
COMPRESSED_IMAGE = (
    "std_msgs/Header header\nstring format\nuint8[] data\n"
    + "=" * 80
    + "\nMSG: std_msgs/Header\nbuiltin_interfaces/Time stamp\nstring frame_id\n"
    + "=" * 80
    + "\nMSG: builtin_interfaces/Time\nint32 sec\nuint32 nanosec\n"
)  # ROS 2's sensor_msgs/CompressedImage


def embedding_dtype(size: int) -> np.dtype:
    """One embedding, and of what: pixels_crc is CRC-32 of the camera's picture before it was compressed."""
    return np.dtype(
        [("measured_s", "f8"), ("frame", "u8"), ("pixels_crc", "u4"), ("encoder", "u4"), ("embedding", "f4", (size,))]
    )


@dataclass(frozen=True)
class Seen:
    """A picture as it was kept, None if it cannot be decoded or was not wanted, and what was made of it then."""

    frame: np.ndarray | None
    embedding: np.ndarray  # () of `embedding_dtype`


def frames_parts(run: Path) -> list[Path]:
    """A run's files of pictures in order: one for each life of the process."""
    return sorted(run.glob("frames*.mcap"), key=lambda path: (len(path.name), path.name))


class FrameWriter:
    """Writes one part. Raises OSError."""

    def __init__(
        self, run: Path, kept: Kept, encoder_file: bytes, size: int, lens: Lens | None, mount: Mount | None = None
    ) -> None:
        number = len(frames_parts(run)) + 1
        self._form, self._options = HOW[kept]
        self.path = run / ("frames.mcap" if number == 1 else f"frames-{number:04d}.mcap")
        self._file = open(self.path, "xb")  # noqa: SIM115 - closed by close()
        self._mcap = Writer(self._file, compression=CompressionType.NONE, enable_data_crcs=True)
        self._mcap.start(library=LIBRARY)
        self._mcap.add_attachment(0, 0, ENCODER_NAME, "application/octet-stream", encoder_file)
        if lens is not None:
            self._mcap.add_attachment(0, 0, LENS_NAME, "application/json", json.dumps(asdict(lens)).encode())
        if mount is not None:
            self._mcap.add_attachment(0, 0, MOUNT_NAME, "application/json", json.dumps(asdict(mount)).encode())
        image = self._mcap.register_schema(
            "sensor_msgs/msg/CompressedImage", SCHEMA_ENCODING, COMPRESSED_IMAGE.encode()
        )
        self._frames = self._mcap.register_channel(FRAMES_TOPIC, MESSAGE_ENCODING, image)
        text = message_definition(embedding_dtype(size)).encode()
        schema = self._mcap.register_schema(PACKAGE + "Embedding", SCHEMA_ENCODING, text)
        self._embeddings = self._mcap.register_channel(EMBEDDINGS_TOPIC, MESSAGE_ENCODING, schema)
        self.flush()

    def add(self, frame: np.ndarray, embedding: np.ndarray) -> None:
        """A picture, and () of `embedding_dtype`, whose pixels_crc is filled in here."""
        embedding["pixels_crc"] = zlib.crc32(frame.tobytes())
        data = cv2.imencode(f".{self._form}", frame, self._options)[1].tobytes()
        time_ns = max(0, round(float(embedding["measured_s"]) * 1e9))
        number = int(embedding["frame"]) & 0xFFFFFFFF
        self._mcap.add_message(self._frames, time_ns, compressed_image(time_ns, self._form, data), time_ns, number)
        self._mcap.add_message(self._embeddings, time_ns, encode(embedding), time_ns, number)

    def flush(self) -> None:
        self._mcap.flush()
        self._file.flush()

    def close(self) -> None:
        """Write the index, and close the file."""
        self._mcap.finish()
        self._file.close()


def compressed_image(time_ns: int, form: str, data: bytes) -> bytes:
    """sensor_msgs/CompressedImage in CDR, little-endian."""
    name = b"camera\0"
    head = struct.pack("<iI", *divmod(time_ns, 1_000_000_000)) + struct.pack("<I", len(name)) + name
    head += bytes(-len(head) % 4)
    text = form.encode() + b"\0"
    head += struct.pack("<I", len(text)) + text
    head += bytes(-len(head) % 4)
    return CDR_HEADER + head + struct.pack("<I", len(data)) + data


def image_data(message: bytes) -> tuple[str, bytes]:
    """Format and data of a `compressed_image`. Raises ValueError for what is none."""
    try:
        place = len(CDR_HEADER) + 8
        (length,) = struct.unpack_from("<I", message, place)
        place += -(-(4 + length) // 4) * 4
        (length,) = struct.unpack_from("<I", message, place)
        form = message[place + 4 : place + 3 + length].decode()
        place += -(-(4 + length) // 4) * 4
        (length,) = struct.unpack_from("<I", message, place)
    except (struct.error, UnicodeDecodeError) as error:
        raise ValueError(f"no compressed image: {error}") from error
    return form, message[place + 4 : place + 4 + length]


class FrameReader:
    """Reads one part. lossless: whether pictures are what the camera gave, known after the first. ended: whether it has its end.

    Raises RefusedLog for a file that is none, DamagedLog where a checksum is wrong.
    """

    def __init__(self, path: Path) -> None:
        self.path, self.lossless = path, True
        self._mcap = McapFile(path)
        encoder = self._mcap.attachment(ENCODER_NAME)
        if encoder is None:
            raise RefusedLog(
                "foreign", f"{path}: found no {ENCODER_NAME} in it, allowed: a file of pictures of this project"
            )
        self.encoder = Encoder(path / ENCODER_NAME, encoder)
        told = self._mcap.attachment(LENS_NAME)
        self.lens = None if told is None else from_table(path, Lens, json.loads(told), "lens")
        told = self._mcap.attachment(MOUNT_NAME)
        self.mount = None if told is None else from_table(path, Mount, json.loads(told), "mount")

    @property
    def ended(self) -> bool:
        return self._mcap.ended

    def seen(self, wanted: Callable[[np.ndarray], bool] = lambda embedding: True) -> Iterator[Seen]:
        """Every picture with its embedding, in order. What is not wanted, by its embedding, is not decoded: that takes longest."""
        dtype = embedding_dtype(self.encoder.size + (MOTION if self.mount is not None else 0))
        waiting: bytes | None = None
        for group in self._mcap.groups():
            for channel, data in group:
                if channel.topic == FRAMES_TOPIC:
                    waiting = data
                elif channel.topic == EMBEDDINGS_TOPIC and waiting is not None:
                    yield self._seen(waiting, data, dtype, wanted)
                    waiting = None

    def _seen(self, picture: bytes, embedding: bytes, dtype: np.dtype, wanted: Callable[[np.ndarray], bool]) -> Seen:
        try:
            form, data = image_data(picture)
            record = decode([embedding], dtype)[0]
        except ValueError as error:
            raise DamagedLog(self.path, f"message ({error})") from error
        self.lossless = self.lossless and form == HOW["lossless"][0]
        decoded = bool(data) and wanted(record)
        frame = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED) if decoded else None
        return Seen(frame, record)
