"""The help of each command says what it does, shows an example, and explains each option."""

import inspect

import click
import pytest

from slowtask import cli

CONTEXT = click.Context(cli.slowtask)
COMMANDS = {name: cli.slowtask.get_command(CONTEXT, name) for name in cli.COMMANDS}
each_command = pytest.mark.parametrize("name", COMMANDS)


@each_command
def test_the_list_of_commands_has_the_first_sentence_of_each_help(name):
    assert COMMANDS[name].help.splitlines()[0] == cli.COMMANDS[name]


@each_command
def test_the_help_shows_an_example_on_a_line_of_its_own(name):
    assert f"\n  slowtask {name}" in inspect.cleandoc(COMMANDS[name].help)


@each_command
def test_each_option_is_explained(name):
    options = [param for param in COMMANDS[name].params if isinstance(param, click.Option)]

    assert options
    assert [option.name for option in options if not option.help] == []


@each_command
def test_the_help_fits_80_columns(name):
    with click.Context(COMMANDS[name], info_name=name, max_content_width=80, terminal_width=80) as context:
        lines = COMMANDS[name].get_help(context).splitlines()

    assert [line for line in lines if len(line) > 80] == []
