"""Charts are rendered in a process of their own, and just as well without it."""

import os
import signal
from pathlib import Path

import pytest

from program import list_children
from slowtask.cli.show.report import renderer
from slowtask.cli.show.report.chart import render
from slowtask.cli.show.report.renderer import Renderer

POINTS = {
    "data": {"values": [{"at": at, "name": "ünïcode\u2028 </script>\n"} for at in range(3)]},
    "mark": "bar",
    "encoding": {"x": {"field": "at"}, "y": {"field": "name"}},
}


def children():
    """The renderers that this process started and that still run."""
    return list_children(os.getpid(), renderer.__name__)


def test_the_process_draws_what_this_one_draws_and_ends():
    with Renderer() as draw:
        assert len(children()) == 1
        assert draw(POINTS) == draw(POINTS) == render(POINTS)

    assert children() == []


def test_if_the_process_is_killed_this_one_draws():
    with Renderer() as draw:
        first = draw(POINTS)
        [process] = children()
        os.kill(process, signal.SIGKILL)
        assert draw(POINTS) == first


def test_if_no_process_can_be_started_this_one_draws(monkeypatch):
    monkeypatch.setattr(renderer, "COMMAND", ("/nowhere/python",))

    with Renderer() as draw:
        assert draw(POINTS) == render(POINTS)


def test_what_can_t_be_drawn_is_an_error_here_and_no_process_stays():
    with pytest.raises(ValueError, match="conversion failed"), Renderer() as draw:
        draw({**POINTS, "mark": {"type": "nothing"}})

    assert children() == []


def test_a_process_that_was_asked_nothing_is_ended():
    with Renderer():
        assert len(children()) == 1

    assert children() == []


def test_it_imports_no_module_that_lies_in_this_folder(tmp_path, monkeypatch):
    mark = tmp_path / "imported"
    (tmp_path / "json.py").write_text(f"open({str(mark)!r}, 'w')")
    monkeypatch.chdir(tmp_path)

    with Renderer() as draw:
        assert draw(POINTS) == render(POINTS)
    assert not Path(mark).exists()
