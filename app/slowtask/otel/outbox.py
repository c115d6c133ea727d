"""OTEL: keep what waits to be sent until it is accepted."""

from collections.abc import Callable, Sequence
from enum import Enum
from typing import Final, Generic, TypeVar

T = TypeVar("T")
BATCH_SIZE: Final = 512  #: of log records or spans in one request, the default of OpenTelemetry


class Outbox(Generic[T]):
    """Sends items in their order, a batch at a time. What isn't accepted stays for the next call."""

    def __init__(
        self,
        export: Callable[[Sequence[T]], Enum],
        size: int = BATCH_SIZE,
        close: Callable[[], object] = lambda: None,
    ) -> None:
        """*export* sends a batch, and returns a result of the SDK that is called `SUCCESS` or `FAILURE`."""
        self._export = export
        self.close = close  #: ends the connection
        self._max_size = self._size = size
        self._items: list[T] = []

    def add(self, item: T) -> None:
        """Add an item; nothing is sent yet."""
        self._items.append(item)

    @property
    def full(self) -> bool:
        """Whether a whole batch waits."""
        return len(self._items) >= self._max_size

    def send(self) -> bool:
        """Send all that waits; return whether all was accepted.

        After a refusal the next batch is half as large: a receiver may bound the size of a request.
        """
        while self._items:
            batch = self._items[: self._size]
            if self._export(batch).name != "SUCCESS":
                self._size = max(1, self._size // 2)
                return False
            del self._items[: len(batch)]
            self._size = min(self._max_size, self._size * 2)
        return True
