"""An event is made of what the hooks know, and is short, whatever the user's code gives us."""

import subprocess
import sys
from typing import get_type_hints

import pytest

from places import ROOT
from slowtask import record
from slowtask.record.build import RunFields, error_fields, type_name
from slowtask.record.event import Run
from slowtask.record.settings import Settings


class UnprintableError(Exception):
    def __str__(self):
        raise RuntimeError("no")


def raised(error):
    try:
        raise error
    except type(error) as caught:
        return caught


def test_a_builtin_error_has_a_short_name():
    assert type_name(ValueError) == "ValueError"


def test_any_other_error_keeps_its_module():
    assert type_name(UnprintableError) == f"{__name__}.UnprintableError"


def test_an_error_has_its_type_message_and_trace():
    fields = error_fields(raised(ValueError("no such user")), Settings())

    assert fields["error"] == "ValueError"
    assert fields["message"] == "no such user"
    assert fields["stack_trace"].endswith("ValueError: no such user\n")


def test_without_messages_the_trace_holds_none_either():
    fields = error_fields(raised(ValueError("secret")), Settings(error_message=False))

    assert "secret" not in str(fields).replace("raised(ValueError", "")
    assert "message" not in fields


def test_an_error_that_cannot_be_printed_still_has_its_type():
    assert error_fields(UnprintableError(), Settings())["error"].endswith("UnprintableError")


#: What `run` itself sets, from the ending and the settings.
BY_RUN = {
    *("timestamp", "dataset", "outcome", "action", "reason", "error", "message", "stack_trace"),
    *("service", "version", "environment", "labels"),
}


def test_hooks_may_give_each_field_of_a_run_that_isnt_set_from_ending_or_settings():
    """By the same types, so that a type checker refuses what the line couldn't hold."""
    kinds = {
        name: kind for name, kind in get_type_hints(Run, include_extras=True).items() if name not in BY_RUN
    }
    keywords = get_type_hints(record.run, include_extras=True)

    assert get_type_hints(RunFields, include_extras=True) == kinds
    assert keywords == kinds | {name: keywords[name] for name in ("how", "job", "taken", "return")}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("keyword", "complaint"),
    [
        ("memory=1", ""),
        ("memroy=1", 'Unexpected keyword argument "memroy" for "run"'),
        ("memory='1 GB'", 'Argument "memory" to "run" has incompatible type "str"'),
    ],
)
def test_a_type_checker_refuses_a_field_that_a_run_does_not_have(tmp_path, keyword, complaint):
    script = tmp_path / "hook.py"
    script.write_text(
        "from slowtask.record import FINISHED, run\n\n"
        f"event = run(FINISHED, object(), id='1', task='jobs.a', {keyword})\n"
    )
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "mypy",
            "--cache-dir",
            tmp_path,
            "--config-file",
            ROOT / "pyproject.toml",
            script,
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == bool(complaint), done.stdout
    assert complaint in done.stdout
