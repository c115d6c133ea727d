"""The script that makes certificates says what it can't make, and leaves nothing half made."""

import subprocess

import pytest

from places import ROOT

SCRIPT = ROOT / "docker" / "make-certificates.sh"


def make(folder, *names, **variables):
    """The finished script."""
    return subprocess.run(
        ["/bin/sh", SCRIPT, folder, *names],
        env={"PATH": "/usr/bin:/bin", **variables},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(
    ("name", "variables", "message"),
    [
        ("../logs=logs.example.org", {}, "'../logs' can't be the NAME of files"),
        ("=logs.example.org", {}, "'' can't be the NAME of files"),
        ("logs=", {}, "openssl refuses 'logs=' for 825 days: check HOST and DAYS."),
        ("logs=$(id)", {}, "openssl refuses 'logs=$(id)' for 825 days"),
        ("logs", {"DAYS": "many"}, "openssl refuses 'logs' for many days"),
        ("logs", {"PATH": "/nowhere"}, "openssl isn't installed"),
    ],
)
def test_what_it_cannot_make_is_told(tmp_path, name, variables, message):
    done = make(tmp_path / "certificates", name, **variables)

    assert message in done.stderr
    assert done.returncode == 1
    assert not [each for each in tmp_path.rglob("*") if "logs" in each.name]
