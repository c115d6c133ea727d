"""`writers.py PATH MAX_BYTES FIRST COUNT`: one process that appends COUNT numbered lines to PATH."""

import sys

from slowtask.record.append import File


def main(path, max_bytes, first, count):
    log = File(path, int(max_bytes), backups=10_000)
    for number in range(int(first), int(first) + int(count)):
        log.append(b'{"number":%d,"filling":"%s"}\n' % (number, b"x" * (number % 400)))


main(*sys.argv[1:])
