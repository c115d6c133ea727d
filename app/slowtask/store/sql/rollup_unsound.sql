-- One row if the figures of files are none that somebody counted: without a count, below 0, or so high that their
-- sum overflows; or if all names together are so long (1 GiB) that only a bomb explains it.
SELECT 'unsound' AS problem
FROM read_parquet($files, hive_partitioning = false)
HAVING
    bool_or(
        kind IN ('hour', 'day', 'month') AND (
            runs IS NULL OR failures IS NULL OR timed IS NULL
            OR least(runs, failures, killed, timed) < 0
            OR greatest(runs, failures, killed, timed) > 1::BIGINT << 50
            OR NOT isfinite(coalesce(total, 0)) OR NOT isfinite(coalesce(spread, 0))
            OR NOT isfinite(coalesce(cpu, 0)) OR NOT isfinite(coalesce(cpu_time, 0))
        )
    )
    OR sum(coalesce(strlen(task), 0) + coalesce(strlen(queue), 0) + coalesce(strlen(version), 0)) > 1::BIGINT << 30
