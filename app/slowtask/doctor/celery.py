"""Check whether the workers of a Celery app record."""

from collections.abc import Iterator
from typing import Any, Final

from slowtask.doctor.finding import Asked, Finding
from slowtask.doctor.load import LoadError, load
from slowtask.units import printable

AUTO: Final = "slowtask.celery.auto"
NO_APP: Final = (
    "Which app the workers run can't be seen from here. Name it as in `celery -A`: slowtask doctor -A shop "
    "loads it and looks."
)
CONNECTED: Final = (
    "the hooks are connected. Workers record every attempt, with its wait if its publisher imports this app "
    "too."
)
WITHOUT_WAITS: Final = (
    f"{AUTO} is in the imports. Workers record every attempt, without waits: for these, make the app "
    "by slowtask.celery.install."
)
NO_HOOKS: Final = (
    "the app has no hooks, so nothing is recorded. Wrap it where it is made: "
    'app = slowtask.celery.install(Celery("shop"))'
)


def check_celery(asked: Asked) -> Iterator[Finding]:
    """Yield what there is to say of the app that is named."""
    if not asked.app:
        yield Finding("celery", "unknown", NO_APP)
        return
    name = f"-A {printable(asked.app)}"
    try:
        app = load(lambda: find_app(asked.app or ""))
        modules = load(lambda: {*app.conf.imports, *app.conf.include})
    except LoadError as error:
        yield Finding("celery", "wrong", f"{name} can't be loaded: {error}.")
        return
    yield check_hooks(name, modules)
    yield from check_conf(app.conf)


def find_app(name: str) -> Any:
    """Load the app *name* as `celery -A` does. Raises `AttributeError` if there is none."""
    from celery import Celery
    from celery.app.utils import find_app as find

    app = find(name)
    if not isinstance(app, Celery):
        raise AttributeError(f"{name} isn't a Celery app")  # noqa: TRY004 - as when there is none
    return app


def check_hooks(name: str, modules: set[str]) -> Finding:
    """Tell whether our receivers are connected, or will be when a worker imports *modules*."""
    if are_connected():
        return Finding("celery", "ok", f"{name}: {CONNECTED}", records=True)
    if AUTO in modules:
        return Finding("celery", "ok", f"{name}: {WITHOUT_WAITS}", records=True)
    return Finding("celery", "wrong", f"{name}: {NO_HOOKS}")


def are_connected() -> bool:
    """Tell whether our receivers get Celery's signals of a publisher and of a worker."""
    from celery import signals

    from slowtask.celery import hooks

    wanted = (
        (signals.before_task_publish, hooks.note_publishing),
        (signals.task_prerun, hooks.begin_attempt),
        (signals.worker_init, hooks.begin_worker),
    )
    return all(any(each is ours for _, each in signal.receivers) for signal, ours in wanted)


def check_conf(conf: Any) -> Iterator[Finding]:
    """Yield the settings of the app that bear on records or logs."""
    if conf.task_always_eager:
        text = "task_always_eager is on: tasks run, and are recorded, where they are called."
        yield Finding("celery", "note", text)
    if not conf.worker_hijack_root_logger:
        text = (
            "worker_hijack_root_logger is off: your own logging decides what the worker's log holds. "
            "slowtask's records are written all the same."
        )
        yield Finding("celery", "note", text)
