"""A poll looks at as many tasks as it has time for, each in its turn."""

from itertools import count

from slowtask.watch.turns import Turns


def test_all_tasks_have_their_turn_in_the_time_that_the_first_call_has():
    turns = Turns(seconds=2, first=100, clock=count().__next__)

    assert [*turns.take(["a", "b", "c"])] == ["a", "b", "c"]


def test_what_is_left_comes_first_at_the_next_call():
    turns = Turns(seconds=2, first=2, clock=count().__next__)
    first = [*turns.take(["a", "b", "c"])]

    assert (first, [*turns.take(["a", "b", "c"])]) == (["a", "b"], ["c", "a"])


def test_a_task_that_is_gone_holds_up_no_other():
    turns = Turns(seconds=1, first=1, clock=count().__next__)
    first = [*turns.take(["a", "b"])]

    assert (first, [*turns.take(["b", "c"])]) == (["a"], ["b"])
