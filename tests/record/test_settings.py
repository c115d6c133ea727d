"""Settings come from the environment or from code; an invalid one never stops a worker."""

import pytest

from slowtask.errors import UsageError
from slowtask.record import settings as module
from slowtask.record.guard import Trouble, troubles
from slowtask.record.settings import Settings, configure, current_settings, read_environment


def test_each_setting_is_a_variable():
    values = read_environment(
        {
            "SLOWTASK_LOG": "-",
            "SLOWTASK_LOG_MAX_BYTES": "1000000",
            "SLOWTASK_STACK_TRACE": "off",
            "SLOWTASK_SERVICE_NAME": "shop",
            "OTHER": "x",
        }
    )

    assert Settings(**values) == Settings(
        log="-", log_max_bytes=1_000_000, stack_trace=False, service_name="shop"
    )


@pytest.mark.parametrize(
    ("name", "text"), [("LOG_MAX_BYTES", "1 GB"), ("LOG_BACKUPS", "-1"), ("STACK_TRACE", "perhaps")]
)
def test_an_invalid_variable_leaves_the_default_and_is_counted(name, text, capfd):
    before = troubles()[Trouble.SETTING]

    assert read_environment({f"SLOWTASK_{name}": text}) == {}
    assert troubles()[Trouble.SETTING] == before + 1


def test_code_wins_over_the_environment(monkeypatch):
    monkeypatch.setattr(module, "_configured", {})
    monkeypatch.setenv("SLOWTASK_SERVICE_NAME", "environment")
    configure(service_name="code")

    assert current_settings().service_name == "code"


def test_an_unknown_setting_is_refused_with_a_list_of_the_settings():
    with pytest.raises(UsageError, match=r"no setting service_nam\. The settings are error_message"):
        configure(service_nam="shop")
