"""Read what a Redis reports of itself, without a write.

INFO tells most of it. Three settings, which a user may not be allowed to read, tell the rest.
"""

import importlib
from collections.abc import Mapping, Sequence
from typing import Any, Final

from slowtask.watch.broker.facts import RefusalReason, ServerFacts
from slowtask.watch.broker.redis import as_text, parse_memory

#: The words with which Redis begins the error of a refused write.
REFUSALS: Final = ("MISCONF", "OOM", "READONLY", "NOREPLICAS")
#: Settings that decide whether a Redis refuses writes.
SETTINGS: Final = ("stop-writes-on-bgsave-error", "save", "min-replicas-to-write")


class SettingsReader:
    """Reads the `SETTINGS` of a Redis, until it says that it doesn't allow that."""

    def __init__(self) -> None:
        self._denied = False

    def add_commands(self, pipe: Any) -> None:
        """Add the commands to *pipe*: one for each setting, since Redis 6 doesn't take several."""
        for name in () if self._denied else SETTINGS:
            pipe.config_get(name)

    def split_answers(self, answers: Sequence[Any]) -> tuple[Sequence[Any], Mapping[str, str] | None]:
        """Split *answers* of a pipe that ends with `add_commands`: those before, and the settings.

        The settings are None if this user may not read them.
        """
        errors: Any = importlib.import_module("redis.exceptions")
        if self._denied:
            return answers, None
        others, settings = answers[: -len(SETTINGS)], answers[-len(SETTINGS) :]
        self._denied = any(isinstance(answer, errors.ResponseError) for answer in settings)
        return others, None if self._denied else _merge_settings(raise_error_in(settings))


def raise_error_in(answers: Sequence[Any]) -> Sequence[Any]:
    """Return *answers*, or raise the first error among them."""
    for answer in answers:
        if isinstance(answer, Exception):
            raise answer
    return answers


def _merge_settings(answers: Sequence[Mapping[Any, Any]]) -> dict[str, str]:
    """Return the settings in *answers* by their names."""
    return {as_text(name): as_text(value) for each in answers for name, value in each.items()}


def parse_facts(info: Mapping[str, Any], settings: Mapping[str, str] | None, database: int) -> ServerFacts:
    """Return what INFO, and the *settings* unless they couldn't be read, tell of a Redis."""
    replica = info.get("role") == "slave"
    reason, certain = _find_refusal(info, settings)
    keyspace: Mapping[str, int] = info.get(f"db{database}", {})
    return ServerFacts(
        run_id=info.get("run_id"),
        uptime=info.get("uptime_in_seconds"),
        role="replica" if replica else "master",
        master=f"{info.get('master_host')}:{info.get('master_port')}" if replica else None,
        link_up=info.get("master_link_status") == "up" if replica else None,
        writes_refused=reason,
        refusal_certain=certain,
        refused=_count_refused(info),
        evicted_keys=info.get("evicted_keys"),
        expired_keys=info.get("expired_keys"),
        loaded_keys=_count_loaded(info),
        keys=keyspace.get("keys", 0),
        expiring_keys=keyspace.get("expires", 0),
    )


def _count_refused(info: Mapping[str, Any]) -> dict[str, int]:
    """Return how many writes were refused since the server started, by error. Redis 6.2 and newer count."""
    counts = {error: info.get(f"errorstat_{error}") for error in REFUSALS}
    return {error: int(count["count"]) for error, count in counts.items() if count}


def _count_loaded(info: Mapping[str, Any]) -> int | None:
    """Return the keys that a master loaded when it started; None with an append-only file, before Redis 7."""
    if info.get("aof_enabled") or info.get("role") == "slave":
        return None
    return info.get("rdb_last_load_keys_loaded")


def _find_refusal(
    info: Mapping[str, Any], settings: Mapping[str, str] | None
) -> tuple[RefusalReason | None, bool]:
    """Return why a Redis refuses writes, and whether that is certain, as its server's code decides it."""
    if info.get("role") == "slave":
        return ("replica", True) if info.get("slave_read_only", 1) else (None, True)
    if info.get("rdb_last_bgsave_status") == "err" and _stops_writes(settings):
        return "snapshot", settings is not None
    if info.get("aof_enabled") and info.get("aof_last_write_status") == "err":
        return "append-only", True
    if _has_few_replicas(info, settings):
        return "few-replicas", settings is not None
    return ("memory", True) if _is_full(info) else (None, True)


def _stops_writes(settings: Mapping[str, str] | None) -> bool:
    """Whether a failed snapshot stops writes, as far as it is known."""
    if settings is None:
        return True
    return settings.get("stop-writes-on-bgsave-error", "yes") == "yes" and settings.get("save", "-") != ""


def _has_few_replicas(info: Mapping[str, Any], settings: Mapping[str, str] | None) -> bool:
    """Whether fewer replicas are connected than writes need. INFO counts them only if writes need some."""
    connected = info.get("min_slaves_good_slaves")
    needed = int((settings or {}).get("min-replicas-to-write", 1))
    return connected is not None and connected < needed


def _is_full(info: Mapping[str, Any]) -> bool:
    """Whether `maxmemory` is reached, and nothing may be evicted."""
    memory = parse_memory(info)
    return memory.policy == "noeviction" and 0 < memory.limit <= memory.used
