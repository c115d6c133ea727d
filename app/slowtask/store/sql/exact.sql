-- The figures of each task, with exact percentiles. Needs 16 bytes of memory for each run; if that is too
-- much, DuckDB raises an out-of-memory error and sketch.sql is used instead.
SELECT
    task,
    count(*) AS count,
    count(*) FILTER (outcome = 'failure') AS failures,
    count(duration) AS timed,
    sum(duration)::DOUBLE AS total,
    max(duration) AS max,
    quantile_cont(duration, [0.5, 0.95, 0.99]) AS percentiles,
    quantile_cont(wait, 0.95) AS wait_p95,
    coalesce(max(margin), 0) AS margin,
    epoch_us(min(ended)) AS first,
    epoch_us(max(ended)) AS last,
    sound
FROM runs
WHERE
    NOT sound
    OR (
        ($since IS NULL OR ended >= $since)
        AND ($until IS NULL OR ended < $until)
        AND ($queues IS NULL OR list_contains($queues, queue))
    )
GROUP BY task, sound
