"""The columns that `--columns` can name."""

from typing import Final

import click

#: In the order in which they stand by default. `slowtask.cli.show.columns` has what they show.
COLUMN_NAMES: Final = (
    "share", "runs", "total", "mean", "median", "p95", "p99", "max", "spread", "deviation", "cpu", "memory",
    "failed", "killed", "wait",
)  # fmt: skip
#: Names of the same figures elsewhere: as an order, and in JSON.
ALIASES: Final = {
    "count": "runs", "p50": "median", "failures": "failed", "failure_rate": "failed", "wait_p95": "wait",
}  # fmt: skip


class Columns(click.ParamType[tuple[str, ...]]):
    """Names of columns, separated by commas."""

    name = "columns"

    def convert(
        self, value: str | tuple[str, ...], param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, ...]:
        """Convert *value* to names of columns, each once, or fail with the names there are."""
        if isinstance(value, tuple):
            return value
        words = [each.strip().lower() for each in value.split(",")]
        names = [ALIASES.get(each, each) for each in words if each]
        for name in names:
            if name not in COLUMN_NAMES:
                self.fail(f"there is no column {name!a}: choose from {', '.join(COLUMN_NAMES)}", param, ctx)
        if not names:
            self.fail(f"name one or more columns: {', '.join(COLUMN_NAMES)}", param, ctx)
        return tuple(dict.fromkeys(names))


columns_option: Final = click.option(
    "--columns", type=Columns(), metavar="NAME,…", default=(),
    help="Show these columns, in this order: total,p95,cpu,memory,… docs/top.md lists them.",
)  # fmt: skip
