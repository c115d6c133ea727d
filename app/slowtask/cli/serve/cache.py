"""Keep finished figures, and failures: a bounded number of them, of bounded size."""

from collections import OrderedDict
from dataclasses import dataclass, replace
from typing import Final, Generic, TypeVar

from slowtask.cli.serve.wire import Done, Failed

MAX_ENTRIES: Final = 100
MAX_BYTES: Final = 16_000_000  #: of all figures, as they came over the pipe

Key = TypeVar("Key")


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """What is known of one page."""

    done: Done | None = None  #: the newest figures
    failed: Failed | None = None  #: why the last reading failed; None: it didn't
    state: object = None  #: of the sources when they were last read
    tried: float = 0.0  #: when the last reading ended, by a monotonic clock
    cost: float = 0.0  #: seconds that the last reading took

    @property
    def size(self) -> int:
        """Bytes."""
        return len(self.done.figures) if self.done else 0


class Cache(Generic[Key]):
    """Entries by key; the least recently used go first."""

    def __init__(self, most: int = MAX_ENTRIES, most_bytes: int = MAX_BYTES) -> None:
        self._most = most
        self._most_bytes = most_bytes
        self._entries: OrderedDict[Key, Entry] = OrderedDict()
        self._bytes = 0

    def get(self, key: Key) -> Entry | None:
        """The entry of *key*, which is used now; None without one."""
        if key not in self._entries:
            return None
        self._entries.move_to_end(key)
        return self._entries[key]

    def put(self, key: Key, entry: Entry) -> None:
        """Keep *entry*; one that failed keeps the figures that were there before."""
        before = self._entries.get(key)
        if before and entry.failed:
            entry = replace(entry, done=before.done)
        self._drop(key)
        self._entries[key] = entry
        self._bytes += entry.size
        while len(self._entries) > 1 and (len(self._entries) > self._most or self._bytes > self._most_bytes):
            self._drop(next(iter(self._entries)))

    def _drop(self, key: Key) -> None:
        """Forget *key*."""
        if entry := self._entries.pop(key, None):
            self._bytes -= entry.size
