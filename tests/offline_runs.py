"""What the file of an offline W&B run holds, finished or not."""

import struct
import zlib

from wandb.proto.wandb_internal_pb2 import Record

HEADER, BLOCK, CHUNK = 7, 32768, 7  # bytes: of the file, of a block, of what stands before each part of a record
WHOLE, FIRST, MIDDLE, LAST = 1, 2, 3, 4


def records(data):
    """The records that are whole, of a file's bytes: LevelDB's log format after a header.

    W&B's own process goes on writing for a while after a run has ended here, so that a file may end anywhere within a
    record, whose bytes so far would be read as a corrupt one or, at the border of a field, as another. A part counts
    once its checksum holds.
    """
    found, position, record = [], HEADER, b""
    while True:
        room = -position % BLOCK
        position += room if room < CHUNK else 0
        if len(data) < position + CHUNK:
            return found
        checksum, length, kind = struct.unpack_from("<IHB", data, position)
        part = data[position + CHUNK : position + CHUNK + length]
        if kind not in (WHOLE, FIRST, MIDDLE, LAST) or zlib.crc32(part, zlib.crc32(bytes([kind]))) != checksum:
            return found
        record += part
        position += CHUNK + length
        if kind in (WHOLE, LAST):
            found.append(Record.FromString(record))
            record = b""
