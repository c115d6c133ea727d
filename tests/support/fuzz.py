"""Lines that are nearly log lines: real ones mixed, cut, repeated and spoilt.

`python tests/support/fuzz.py 1000000` reads so many, and prints how many took long and the worst.
"""

import random
import sys
import time
from datetime import UTC, date

from places import GOLDEN
from slowtask.parse.reader import Reader
from slowtask.parse.times import DateTracker
from wild import WILD

LONGEST = 66_000  #: bytes; longer than any line that is matched against a pattern
LONG = 0.25  #: seconds of CPU that no line may take; one that backtracks without end takes hours
TOKENS = [
    b"[", b"]", b"(", b")", b"{", b"}", b'"', b"'", b"\\", b" ", b": ", b" | ", b"- ", b"\t", b"\x1b[31m",
    b"a", b"1", b"/", b"=", b",", b";", b"<", b">",
    b"2024-05-06 10:00:00,001", b"10:00:00 ", b"Dec 14 ", b"Z ",
    b"+01:00 ", b"INFO", b"Task ", b"succeeded in ", b"1.5s:", b"default: jobs.f()", b"Job OK", b"Worker ",
    b"(519088f5-90fb-4d11-9c1c-aaf75e8766ed)", b"stdout F ", b"<14>1 ", b"[pod/", b".log:", b"job.func_name=",
    b"worker-1", "ü".encode(), b"Successfully completed ", b" job in 0:00:01.5s on worker w", b"task_failed ",
    b"level=info ", b"task_id=", b'"message": "', b"Process 'W-1' pid:1 exited with 'signal 9'",
]  # fmt: skip


def read_lines():
    """All lines of the golden and the wild logs."""
    logs = [*GOLDEN.glob("*.log"), *WILD.glob("*.log")]
    return [line for log in sorted(logs) for line in log.read_bytes().split(b"\n") if line]


def generate(count, seed):
    """Yield *count* lines, the same for each *seed*."""
    dice, lines = random.Random(seed), read_lines()
    for _ in range(count):
        line = choose(dice, lines)
        for _ in range(dice.randrange(4)):
            place = dice.randrange(len(line) + 1)
            spoilt = dice.choice(TOKENS) * dice.choice([1, 1, 3, 50])
            line = line[:place] + spoilt + line[place + dice.randrange(3) :]
        yield line[:LONGEST].replace(b"\n", b"")


def choose(dice, lines):
    """A real line, two halves, tokens, or a line with one of them repeated."""
    one, other = dice.choice(lines), dice.choice(lines)
    repeated = dice.choice(TOKENS) * dice.randrange(1, dice.choice([10, 200, 5000]))
    return dice.choice(
        [
            one,
            one[: dice.randrange(len(one))] + other[dice.randrange(len(other)) :],
            b"".join(dice.choices(TOKENS, k=dice.randrange(1, 40))),
            one[:60] + repeated + other[-60:],
        ]
    )


def make_reader():
    """A reader whose items are thrown away."""
    return Reader([], lambda _: DateTracker(date(2026, 11, 23)), UTC)


def find_slow(count, seed=1):
    """The lines of which one alone takes longer than `LONG`, with the seconds of CPU, the worst first."""
    reader, slow = make_reader(), []
    for line in generate(count, seed):
        took = measure(reader, line)
        if took > LONG:  # once more: the first may have collected garbage
            slow.append((measure(make_reader(), line), line))
    return sorted((each for each in slow if each[0] > LONG), reverse=True)


def measure(reader, line):
    """The seconds of CPU that *line* takes."""
    before = time.process_time()
    reader.read([line])
    return time.process_time() - before


if __name__ == "__main__":
    found = find_slow(int(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 1)
    print(f"{len(found)} lines took longer than {LONG} s")
    for seconds, line in found[:5]:
        print(f"{seconds:.1f} s: {line[:200]!r}, {len(line)} bytes")
