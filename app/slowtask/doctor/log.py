"""Check whether records can be written where the settings say: a test record is written and read back."""

import os
import pwd
import shutil
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from secrets import token_hex
from stat import S_ISDIR, S_ISFIFO, S_ISREG, filemode
from typing import Final

import msgspec

from slowtask.doctor.finding import Finding
from slowtask.doctor.rotation import check_rotation
from slowtask.record.append import PIPE_BUF, File
from slowtask.record.event import DATASET, Run, identity
from slowtask.record.line import LineFormatter
from slowtask.record.settings import OFF, STDOUT, Settings
from slowtask.units import duration, printable, size

MIN_FREE_BYTES: Final = 100_000_000


def check_log(settings: Settings) -> Iterator[Finding]:
    """Yield what there is to say of the log that *settings* name."""
    match settings.log:
        case str() as log if log == OFF:
            text = "The log is off: only handlers of your own for the logger slowtask.run get the records."
            yield Finding("log", "note", text)
        case str() as log if log == STDOUT:
            yield check_stdout()
        case log:
            yield from check_file(Path(log), settings)


def check_stdout() -> Finding:
    """Tell what becomes of lines that go to stdout."""
    text = "Records go to the worker's stdout."
    if S_ISFIFO(os.fstat(1).st_mode if sys.__stdout__ else 0):
        text += (
            f" It is a pipe here: lines are cut to {PIPE_BUF:,} bytes, so that those of workers don't mix."
        )
    return Finding("log", "ok", text)


def check_file(given: Path, settings: Settings) -> Iterator[Finding]:
    """Yield what there is to say of the log at *given*, a path that may be relative."""
    path = given.absolute()
    if not given.is_absolute():
        text = "The log's path is relative: each worker writes to the folder that it starts in."
        yield Finding("log", "note", f"{text} From here, that is {printable(str(path))}.")
    problem = find_obstacle(path)
    if problem:
        yield Finding("log", "wrong", problem)
        return
    yield describe_log(path)
    if path.exists() and not path.is_file():
        return  # a FIFO or a device
    folder = nearest_folder(path)
    yield check_test_record(folder) if os.access(folder, os.W_OK | os.X_OK) else keep_out(folder, settings)
    yield from check_space(folder)
    yield from check_user(path)
    yield from check_rotation(path, settings.log_max_bytes)


def find_obstacle(path: Path) -> str | None:
    """Return why no worker of this user can write to *path*, and what to do; None if one can."""
    folder = nearest_folder(path)
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        return None if os.access(folder, os.W_OK | os.X_OK) else not_writable(folder)
    except OSError as error:
        return f"{printable(str(path))} can't be reached: {error.strerror}."
    if S_ISDIR(mode):
        return f"{printable(str(path))} is a folder. Name a file in it: SLOWTASK_LOG={path}/slowtask.ndjson"
    return None if os.access(path, os.W_OK) else not_writable(path)


def not_writable(path: Path) -> str:
    """Describe the file or folder at *path*, which this user can't write."""
    status = path.stat()
    return (
        f"{printable(str(path))} ({filemode(status.st_mode)}) belongs to {user_name(status.st_uid)}, and "
        f"{user_name(os.geteuid())} can't write it: records are lost. Change its owner, or check as the "
        "user that the workers run as."
    )


def describe_log(path: Path) -> Finding:
    """Describe the log as it is: its size, its owner, and when it was last written."""
    name = printable(str(path))
    try:
        status = path.stat()
    except FileNotFoundError:
        return Finding("log", "ok", f"{name} doesn't exist yet: the first record makes it.")
    if S_ISFIFO(status.st_mode):
        return Finding("log", "note", f"{name} is a FIFO: while no process reads it, records are lost.")
    if not S_ISREG(status.st_mode):
        return Finding("log", "note", f"{name} isn't a file, so no test record was written.")
    age = duration(max(0.0, time.time() - status.st_mtime))
    owner = user_name(status.st_uid)
    return Finding("log", "ok", f"{name}: {size(status.st_size)}, of {owner}, last written {age} ago.")


def nearest_folder(path: Path) -> Path:
    """Return the folder of *path*, or the nearest one above it that exists."""
    return next(folder for folder in path.parents if folder.is_dir())


def check_test_record(folder: Path) -> Finding:
    """Write a record to a file of its own in *folder* as a worker does, read it back, and remove the file."""
    path = folder / f".slowtask-doctor-{token_hex(8)}"
    written, log = test_record(), File(str(path))
    try:
        log.append(LineFormatter().format_run(written))
        read = msgspec.json.decode(path.read_bytes(), type=Run)
    except (OSError, msgspec.DecodeError) as error:
        return Finding(
            "log", "wrong", f"A test record can't be written to {printable(str(folder))}: {error}."
        )
    finally:
        log.close()
        path.unlink(missing_ok=True)
    if read != written:
        return Finding("log", "wrong", "A test record isn't what was written when it is read back.")
    return Finding("log", "ok", "A test record was written to a file beside it, read back and removed.")


def keep_out(folder: Path, settings: Settings) -> Finding:
    """Say that a log can be written, and its *folder* can't: so no file was made there."""
    text = f"The log can be written, but not its folder {printable(str(folder))}, so"
    if settings.log_max_bytes:
        advice = "Let workers write there, or let logrotate rotate it."
        return Finding("log", "wrong", f"{text} workers can't rotate it by SLOWTASK_LOG_MAX_BYTES. {advice}")
    advice = "When it is rotated, logrotate has to create it anew."
    return Finding("log", "note", f"{text} no test record was written beside it. {advice}")


def test_record() -> Run:
    """Make a record that no task left."""
    return Run(
        timestamp=datetime.now(UTC),
        id=identity(token_hex(8)),
        dataset=DATASET,
        outcome="success",
        action="finished",
        task="slowtask.doctor",
        duration=0,
    )


def check_space(folder: Path) -> Iterator[Finding]:
    """Yield whether the disk of *folder* is nearly full."""
    free = shutil.disk_usage(folder).free
    if free < MIN_FREE_BYTES:
        text = f"Only {size(free)} are free on the disk of the log. When it is full, records are lost."
        yield Finding("log", "wrong", f"{text} Free some, or keep fewer rotated logs.")
    else:
        yield Finding("log", "ok", f"{size(free)} are free on its disk.")


def check_user(path: Path) -> Iterator[Finding]:
    """Yield that this check doesn't show what the workers' user may, if root runs it."""
    if os.geteuid() == 0 and (not path.exists() or path.stat().st_uid != 0):
        text = "You are root, who may write anywhere. If workers run as another user, check as that one"
        yield Finding("log", "note", f"{text}: sudo -u USER slowtask doctor")


def user_name(uid: int) -> str:
    """Return the name of the user *uid*, or the number where it has none."""
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)
