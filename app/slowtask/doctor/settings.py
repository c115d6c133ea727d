"""Check a worker's settings: the value of each, and where it is from."""

import difflib
from collections.abc import Iterator, Mapping
from dataclasses import fields
from typing import Any, Final

from slowtask.doctor.finding import Finding, Setting
from slowtask.doctor.load import LoadError, load
from slowtask.record.labels import load_callback
from slowtask.record.settings import PREFIX, Settings, setting_source
from slowtask.units import printable

MAX_VALUE_LENGTH: Final = 200
#: How alike two names are of which one is a misspelling of the other.
ALIKE: Final = 0.85
#: Variables of the commands, which are like a worker's.
OTHERS: Final = {f"{PREFIX}{name}" for name in ("LOG_HEAD", "LOG_FIELDS", "LOG_FOLDER", "LOGSTASH_USER")}


def list_settings(settings: Settings, environment: Mapping[str, str]) -> list[Setting]:
    """List the value of each setting, and its source."""
    return [
        Setting(
            name=field.name,
            value=format_value(getattr(settings, field.name)),
            source=setting_source(field.name, environment),
        )
        for field in fields(Settings)
    ]


def format_value(value: Any) -> str:
    """Format the value of a setting in one short line."""
    if value is None:
        return "not set"
    if isinstance(value, bool):
        return "on" if value else "off"
    if callable(value):
        return f"{value.__module__}.{getattr(value, '__qualname__', type(value).__qualname__)}"
    return printable(str(value))[:MAX_VALUE_LENGTH]


def check_settings(settings: Settings, environment: Mapping[str, str]) -> Iterator[Finding]:
    """Yield the variables that are invalid or misspelt, and a labels callback that can't be imported."""
    known = {PREFIX + field.name.upper(): field for field in fields(Settings)}
    for variable, field in known.items():
        if environment.get(variable) and setting_source(field.name, environment) == "default":
            text = f"{variable} is invalid, so its default is used: {format_value(field.default)}."
            yield Finding("settings", "wrong", text)
    for variable in sorted(environment):
        if variable.startswith(PREFIX) and variable not in OTHERS | known.keys():
            for meant in difflib.get_close_matches(variable, known, 1, ALIKE):
                yield Finding(
                    "settings", "wrong", f"There is no setting {printable(variable)}: is it {meant}?"
                )
    if settings.labels is not None:
        yield check_labels(settings.labels)


def check_labels(callback: Any) -> Finding:
    """Tell whether the labels callback can be imported."""
    name = format_value(callback)
    try:
        loaded = load(lambda: load_callback(callback))
    except LoadError as error:
        text = f"The labels callback {name} can't be imported, so records have no labels: {error}."
        return Finding("settings", "wrong", text)
    if not callable(loaded):
        return Finding("settings", "wrong", f"The labels callback {name} can't be called.")
    return Finding("settings", "ok", f"The labels callback {name} can be imported. It wasn't called.")
