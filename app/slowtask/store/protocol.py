"""What every store can do: log files and an Elasticsearch alike."""

from collections.abc import Callable, Sequence
from typing import Protocol

from slowtask.record.sample import Alert
from slowtask.store import Comparison, Measurement, Query
from slowtask.store.columns import Columns
from slowtask.store.history import History
from slowtask.store.profile import Choose, Profile


class Store(Protocol):
    """Something that holds runs and can measure them.

    `slowtask.store.files.Files` measures log files, `slowtask.store.elastic.store.Elastic` an Elasticsearch.

    Example:
        ```python
        from slowtask.parse.sources import resolve
        from slowtask.rank.ranking import rank
        from slowtask.store import Query
        from slowtask.store.files import Files

        store = Files(resolve(["logs/"]))
        measurement = store.measure(Query())
        print(rank(measurement.figures)[0].task)
        ```
    """

    def measure(self, query: Query, *, workers: bool = True) -> Measurement:
        """Measure each task.

        Args:
            query: Which runs to measure.
            workers: Whether to count the workers too, which takes a while where there are many runs.

        Returns:
            The figures of each task, and the lines that can't be read. Without a matching run the figures are
            empty.

        Raises:
            SlowtaskError: The runs can't be read: `SourceError` of files, `ElasticsearchError` of a server.
        """
        ...

    def compare(self, before: Query, after: Query) -> Comparison:
        """Measure two sets of runs, and count the run times of each task.

        Args:
            before: Which runs are on one side.
            after: Which are on the other; none may be on both.

        Returns:
            A pair for each task that has runs on either side.

        Raises:
            SlowtaskError: The runs can't be read: `SourceError` of files, `ElasticsearchError` of a server.
        """
        ...

    def fields(self, query: Query) -> tuple[str, ...]:
        """Find the fields by which runs can be grouped.

        Args:
            query: Which runs to look at; its `group` doesn't matter.

        Returns:
            The full names of those fields of `slowtask.store.fields.SHORT_NAMES` that at least one run has,
            then of all labels.

        Raises:
            SlowtaskError: The runs can't be read.
        """
        ...

    def history(
        self, query: Query, choose: Callable[[Measurement], Sequence[str]], *, profiled: int = 0
    ) -> History:
        """Count runs over time, for a report.

        Args:
            query: Which runs to count.
            choose: Picks the tasks that are counted separately, out of the measurement of all. It may raise.
            profiled: How many of these also get a profile, from the first on.

        Returns:
            The measurement, with what happened in each slot of time.

        Raises:
            SlowtaskError: The runs can't be read, or there are none.
        """
        ...

    def profile(self, task: str, query: Query, choose: Choose, slots: int) -> Profile:
        """Read all that is known of one task.

        Args:
            task: Its name, or the end of it behind a dot.
            query: Which runs to read.
            choose: Gets the names of the tasks that may be meant, or of all, and picks one. It may raise.
            slots: Into how many slots of time the runs are divided, at most.

        Returns:
            The figures of the task over all, over time and by field, and its longest runs.

        Raises:
            SlowtaskError: The runs can't be read, or *choose* found no task.
        """
        ...

    def columns(self, query: Query) -> Columns:
        """Read the runs with a known wait and run time, for a replay.

        Args:
            query: Which runs to read. With its `group`, the value of that field is read instead of the task.

        Returns:
            The runs, column by column, in order of arrival.

        Raises:
            SlowtaskError: The runs can't be read, or there are too many for the memory.
        """
        ...

    def alerts(self, query: Query) -> Sequence[Alert]:
        """Read the newest changes of alerts' states, as a monitor wrote them.

        Args:
            query: In which period, and of which queues.

        Returns:
            The changes in order of time; none where no monitor wrote any.
        """
        ...

    def progress(self) -> float | None:
        """Tell how much of a query is done; another thread may ask this while it runs.

        Returns:
            A share from 0 to 1; None while it isn't known.
        """
        ...
