"""Ask the user's callback for the labels of a record, and keep them short."""

import importlib
from collections.abc import Mapping
from functools import cache
from typing import Any, Final

from slowtask.record.event import Labels
from slowtask.record.guard import Guard, Trouble, report_trouble
from slowtask.record.line import cut_tail
from slowtask.record.settings import LabelsCallback, Settings

MAX_LABELS: Final = 16
MAX_LABEL_NAME_LENGTH: Final = 64
MAX_LABEL_LENGTH: Final = 256
#: Elasticsearch would make an object of a name with a dot, and takes neither `*` nor `"`.
LABEL_NAME_REPLACEMENTS: Final = str.maketrans('.*"', "___")


def make_labels(job: object, settings: Settings) -> Labels | None:
    """Ask the user's callback for the labels of *job*; return None if there is no callback or it fails."""
    if settings.labels is None:
        return None
    with Guard(Trouble.LABELS):
        labels = load_callback(settings.labels)(job)
        if not isinstance(labels, Mapping):
            raise TypeError(f"a labels callback returns a mapping, not {type(labels).__name__}")
        return cut_labels(labels) or None
    return None


@cache
def load_callback(callback: LabelsCallback | str) -> LabelsCallback:
    """Return *callback*; import it if it is a dotted path."""
    if not isinstance(callback, str):
        return callback
    module, _, name = callback.rpartition(".")
    loaded: LabelsCallback = getattr(importlib.import_module(module), name)
    return loaded


def cut_labels(labels: Mapping[Any, object]) -> Labels:
    """Keep 16 labels with names of 64 and values of 256 characters; count what is cut or left out."""
    kept = {
        label_name(str(key)): cut_tail(str(value), MAX_LABEL_LENGTH)
        for key, value in list(labels.items())[:MAX_LABELS]
        if value is not None
    }
    uncut = {
        str(key).translate(LABEL_NAME_REPLACEMENTS): str(value)
        for key, value in labels.items()
        if value is not None
    }
    if kept != uncut:
        report_trouble(
            Trouble.CUT,
            f"{len(uncut)} labels; at most {MAX_LABELS} are kept, with names of {MAX_LABEL_NAME_LENGTH} "
            f"and values of {MAX_LABEL_LENGTH} characters",
        )
    return kept


def label_name(key: str) -> str:
    """Return *key* cut, and without characters that Elasticsearch doesn't take in a name."""
    return cut_tail(key.translate(LABEL_NAME_REPLACEMENTS), MAX_LABEL_NAME_LENGTH) or "_"
