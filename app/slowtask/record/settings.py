"""The settings of a worker: keywords of `configure()`, else environment variables, else defaults.

In a worker a setting that makes no sense is never an error: its default is used, and the mistake is
warned of once (`guard.py`).
"""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import Any, Final

from slowtask.errors import UsageError
from slowtask.record.guard import Trouble, trouble

PREFIX: Final = "SLOWTASK_"
STDOUT: Final = "-"
OFF: Final = "off"
SWITCH: Final = {
    **dict.fromkeys(("on", "1", "true", "yes"), True),
    **dict.fromkeys(("off", "0", "false", "no"), False),
}

LabelsCallback = Callable[[Any], Mapping[str, object]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What a worker writes, and where. Each is also a variable: `SLOWTASK_` + its name in capitals."""

    log: str = "slowtask.ndjson"  #: a path, `-` for stdout, `off` for handlers of your own only
    log_max_bytes: int = 0  #: rotate at this size; 0 leaves that to logrotate
    log_backups: int = 5  #: how many rotated files to keep
    service_name: str | None = None
    service_version: str | None = None
    service_environment: str | None = None
    labels: LabelsCallback | str | None = None  #: a callback, or the dotted path of one
    error_message: bool = True
    stack_trace: bool = True


_chosen: dict[str, Any] = {}
_settings: Settings | None = None


def configure(**settings: Any) -> None:
    """Set `Settings` from code: `configure(log="runs.ndjson", labels=tenant)`. Wins over the environment.

    Call it where the worker starts, before the first task. Raises `UsageError` on an unknown name.
    """
    global _settings  # noqa: PLW0603 - one process, one configuration
    known = {each.name for each in fields(Settings)}
    if unknown := settings.keys() - known:
        raise UsageError(
            f"configure() knows no {', '.join(sorted(unknown))}; it knows {', '.join(sorted(known))}"
        )
    _chosen.update(settings)
    _settings = None


def settings() -> Settings:
    """The settings in force, read once."""
    global _settings  # noqa: PLW0603 - the cache
    if _settings is None:
        _settings = Settings(**(from_environment(os.environ) | _chosen))
    return _settings


def from_environment(environment: Mapping[str, str]) -> dict[str, Any]:
    """The settings that *environment* gives, by field name; what can't be read is trouble, and left out."""
    found: dict[str, Any] = {}
    for each in fields(Settings):
        text = environment.get(PREFIX + each.name.upper(), "")
        if not text:
            continue
        try:
            found[each.name] = _read(text, each.default)
        except (KeyError, ValueError):
            trouble(Trouble.SETTING, f"{PREFIX}{each.name.upper()}={text}, the default is {each.default}")
    return found


def _read(text: str, default: object) -> object:
    """*text* as the type of *default*."""
    if isinstance(default, bool):
        return SWITCH[text.lower()]
    if isinstance(default, int):
        number = int(text)
        if number < 0:
            raise ValueError(text)
        return number
    return text
