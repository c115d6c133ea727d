"""Import what a worker would import, and say in one line why that fails."""

import contextlib
import os
import sys
from collections.abc import Callable
from importlib import import_module
from typing import Any

from slowtask.units import printable

MAX_REASON_LENGTH = 200


class LoadError(Exception):
    """Something can't be imported; the message says what Python says."""


def load(importer: Callable[[], Any]) -> Any:
    """Return what *importer* imports. Raises `LoadError`. What the module prints goes to stderr.

    The message of an error of another kind isn't shown: it may hold a secret, such as a URL.
    """
    try:
        with contextlib.redirect_stdout(sys.stderr):
            return importer()
    except (ImportError, AttributeError) as error:
        raise LoadError(printable(f"{type(error).__name__}: {error}")[:MAX_REASON_LENGTH]) from None
    except (Exception, SystemExit) as error:  # noqa: BLE001 - someone's module may raise anything
        raise LoadError(f"its import raised {type(error).__name__}") from None


def search_folder() -> None:
    """Let modules of the present folder be imported, as the commands rq and celery do."""
    if os.getcwd() not in sys.path:  # noqa: PTH109 - sys.path has texts
        sys.path.insert(0, os.getcwd())  # noqa: PTH109


def django_settings() -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Return `RQ`, and the backends of `TASKS`, of the Django project that the environment names."""
    if "DJANGO_SETTINGS_MODULE" not in os.environ:
        return {}, []
    settings = import_module("django.conf").settings
    return dict(getattr(settings, "RQ", {})), list(getattr(settings, "TASKS", {}).values())
