"""Who lacks a library is told the words that install it, also where pip isn't the one to ask."""

import sys

import pytest

from slowtask.install import install_command


@pytest.mark.parametrize(
    ("tool", "file", "extra", "words"),
    [
        ("venv", "pyvenv.cfg", "", "pip install slowtask-cli"),
        ("venv", "pyvenv.cfg", "rq", "pip install 'slowtask-cli[rq]'"),
        ("slowtask", "pipx_metadata.json", "", "pipx inject slowtask slowtask-cli"),
        ("slowtask-cli", "pipx_metadata.json", "rq", "pipx runpip slowtask-cli install 'slowtask-cli[rq]'"),
        ("slowtask", "uv-receipt.toml", "", "uv tool install slowtask --with slowtask-cli"),
        ("slowtask-cli", "uv-receipt.toml", "rq", "uv tool install 'slowtask-cli[rq]'"),
    ],
)
def test_the_words_are_those_of_the_program_that_made_the_environment(
    tmp_path, monkeypatch, tool, file, extra, words
):
    (tmp_path / tool).mkdir()
    (tmp_path / tool / file).touch()
    monkeypatch.setattr(sys, "prefix", str(tmp_path / tool))

    assert install_command(extra) == words
