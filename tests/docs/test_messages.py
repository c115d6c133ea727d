"""docs/messages.md holds everything that slowtask says to people, as the source says it."""

import messages


def test_the_page_is_that_of_the_source():
    assert messages.PAGE.read_text(encoding="utf-8") == messages.page(), "run `make messages`"


def test_values_are_named_and_docstrings_are_left_out(tmp_path):
    source = tmp_path / "one.py"
    source.write_text(
        'def f(name):\n    """Is no message of ours."""\n    return f"the {name} can\'t be read"\n'
    )

    assert [*messages.sentences(source)] == ["the {name} can't be read"]
