"""When the steps of a run were logged, from its event files. Reads no more of them than times and steps.

An event file is a sequence of records (length, checksum, data, checksum), and each one is an `Event` of TensorFlow, a
protocol buffer whose field 1 is the wall time (a double), and field 2 the step (a varint).
"""

import struct
from collections.abc import Iterator
from pathlib import Path

from exp.run_folder import names
from exp.system.safe_files import read_bytes

MOST_BYTES = 2**30
_WALL_TIME = 0x09  # field 1, 64 bits
_STEP = 0x10  # field 2, varint


def seconds_at_steps(folder: Path) -> list[tuple[int, float]]:
    """The seconds of training after which steps were logged, rising; of all processes of a run that was resumed.

    The seconds count from when a process began to log, so that what came before, such as imports, is not in them.

    Raises:
        UnreadableError: an event file cannot be read.
    """
    times: dict[int, float] = {}
    before = 0.0
    for path in sorted(folder.glob(f"{names.EVENTS}*"), key=lambda path: path.name):
        events = list(_events(read_bytes(path, most=MOST_BYTES)))
        if not events:
            continue
        began = events[0][1]
        for step, wall_time in events[1:]:
            if step:
                times.setdefault(step, before + max(0.0, wall_time - began))
        before = max([before, *times.values()])
    return sorted(times.items())


def _events(content: bytes) -> Iterator[tuple[int, float]]:
    """Step and wall time of each whole record; a killed process may have left a part of one."""
    place = 0
    while place + 12 <= len(content):
        (length,) = struct.unpack_from("<Q", content, place)
        if place + 12 + length + 4 > len(content):
            return
        record = content[place + 12 : place + 12 + min(length, 32)]
        if len(record) >= 9 and record[0] == _WALL_TIME:
            (wall_time,) = struct.unpack_from("<d", record, 1)
            yield _step(record), wall_time
        place += 12 + length + 4


def _step(record: bytes) -> int:
    if len(record) < 11 or record[9] != _STEP:
        return 0
    step = shift = 0
    for byte in record[10:20]:
        step |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            break
    return step
