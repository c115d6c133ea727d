"""Read a worker's settings: from `configure()`, else from environment variables, else the defaults.

In a worker an invalid variable is never an error: its default is used, and a warning is printed once
(`guard.py`).
"""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import Any, Final

from slowtask.errors import UsageError
from slowtask.record.guard import Trouble, report_trouble
from slowtask.record.lock import Lock

PREFIX: Final = "SLOWTASK_"
STDOUT: Final = "-"
OFF: Final = "off"
SWITCH_VALUES: Final = {
    **dict.fromkeys(("on", "1", "true", "yes"), True),
    **dict.fromkeys(("off", "0", "false", "no"), False),
}

LabelsCallback = Callable[[Any], Mapping[str, object]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What a worker records, and where it writes the lines.

    Each field is a keyword of `slowtask.configure`, and an environment variable: `SLOWTASK_` + its name in
    capitals.

    Args:
        log: Where the lines go: a path, `-` for stdout, or `off` to use only handlers of your own. A path
            is relative to the folder that the worker starts in.
        log_max_bytes: The file is renamed before it grows beyond this size; 0 leaves rotation to logrotate.
        log_backups: How many renamed files are kept.
        service_name: `service.name` of every line.
        service_version: `service.version` of every line.
        service_environment: `service.environment` of every line, such as `production`.
        labels: A callback that gets the job (RQ) or the request (Celery) and returns a mapping of labels;
            or the dotted path of one.
        error_message: Whether records have `error.message`. A message can hold secrets.
        stack_trace: Whether records have `error.stack_trace`.
    """

    log: str = "slowtask.ndjson"
    log_max_bytes: int = 0
    log_backups: int = 5
    service_name: str | None = None
    service_version: str | None = None
    service_environment: str | None = None
    labels: LabelsCallback | str | None = None
    error_message: bool = True
    stack_trace: bool = True


_configured: dict[str, Any] = {}  #: by `configure`
_settings: Settings | None = None  #: the cache of `current_settings`
_lock = Lock()


def configure(**settings: Any) -> None:
    """Set settings in code. They win over environment variables.

    Call it before the worker's first task, at the top of a module that the worker imports. Settings that you
    don't name stay as they are.

    Args:
        **settings: Fields of `Settings`: `log`, `log_max_bytes` (bytes), `log_backups`, `service_name`,
            `service_version`, `service_environment`, `labels`, `error_message`, `stack_trace`.

    Raises:
        UsageError: There is no such setting.

    Example:
        ```python
        import slowtask

        slowtask.configure(
            log="/var/log/shop/slowtask.ndjson",
            service_name="shop",
            labels=lambda job: {"tenant": job.kwargs.get("tenant")},
        )
        ```
    """
    global _settings  # noqa: PLW0603 - one process, one configuration
    known = {field.name for field in fields(Settings)}
    if unknown := settings.keys() - known:
        raise UsageError(
            f"configure() has no setting {', '.join(sorted(unknown))}. "
            f"The settings are {', '.join(sorted(known))}."
        )
    with _lock:
        _configured.update(settings)
        _settings = None


def current_settings() -> Settings:
    """Return the settings of this process, which are read once."""
    global _settings  # noqa: PLW0603 - the cache
    settings = _settings
    if settings is None:
        with _lock:
            settings = _settings = _settings or Settings(**(read_environment(os.environ) | _configured))
    return settings


def read_environment(environment: Mapping[str, str]) -> dict[str, Any]:
    """Return the settings that *environment* has, by field name; report invalid ones, and leave them out."""
    values: dict[str, Any] = {}
    for field in fields(Settings):
        variable = PREFIX + field.name.upper()
        text = environment.get(variable, "")
        if not text:
            continue
        try:
            values[field.name] = _convert(text, field.default)
        except (KeyError, ValueError):
            report_trouble(Trouble.SETTING, f"{variable}={text}; the default is used: {field.default}")
    return values


def setting_source(name: str, environment: Mapping[str, str]) -> str:
    """Return where the setting *name* gets its value from: `configure()`, its variable, or `default`."""
    if name in _configured:
        return "configure()"
    variable = PREFIX + name.upper()
    return variable if name in read_environment({variable: environment.get(variable, "")}) else "default"


def _convert(text: str, default: object) -> object:
    """Convert *text* to the type of *default*. Raises `KeyError` or `ValueError`."""
    if isinstance(default, bool):
        return SWITCH_VALUES[text.lower()]
    if isinstance(default, int):
        number = int(text)
        if number < 0:
            raise ValueError(text)
        return number
    return text
