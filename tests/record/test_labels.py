"""The labels callback is the user's code: its labels are cut, and its errors cost only the labels."""

import pytest

from slowtask.record.guard import Trouble, troubles
from slowtask.record.labels import MAX_LABELS, make_labels
from slowtask.record.settings import Settings


def test_labels_are_the_callbacks_as_text():
    assert make_labels(object(), Settings(labels=lambda job: {"tenant": 7, "none": None})) == {"tenant": "7"}


def test_a_label_s_name_is_one_that_elasticsearch_takes():
    labels = make_labels(object(), Settings(labels=lambda job: {"a.b": 1, 'c"*': 2, "": 3}))

    assert labels == {"a_b": "1", "c__": "2", "_": "3"}


def test_long_labels_are_cut_and_that_is_counted(capfd):
    before = troubles()[Trouble.CUT]
    labels = make_labels(object(), Settings(labels=lambda job: {f"key{n}": "x" * 9999 for n in range(99)}))

    assert len(labels) == MAX_LABELS
    assert all(len(value) <= 256 for value in labels.values())
    assert troubles()[Trouble.CUT] == before + 1


@pytest.mark.parametrize("callback", [lambda job: 1 / 0, lambda job: "text", "no.such.callback", "nodots"])
def test_a_broken_callback_costs_the_labels_and_nothing_else(callback, capfd):
    before = troubles()[Trouble.LABELS]

    assert make_labels(object(), Settings(labels=callback)) is None
    assert troubles()[Trouble.LABELS] == before + 1


def test_a_dotted_path_names_a_callback():
    assert make_labels({"a": 1}, Settings(labels="builtins.dict")) == {"a": "1"}
