-- The figures of each task as in exact.sql, in memory that doesn't grow with the runs: times are counted in
-- buckets 2 % wide, and percentiles read from those, within 1 % of the exact ones.
WITH

numbered AS (
    SELECT *, bucket(duration) AS slot, bucket(wait) AS wait_slot
    FROM runs
    WHERE
        NOT sound
        OR (
            ($since IS NULL OR ended >= $since)
            AND ($until IS NULL OR ended < $until)
            AND ($queues IS NULL OR list_contains($queues, queue))
        )
),

counted AS (
    SELECT
        task, sound, grouping(slot) = 0 AS by_duration, grouping(wait_slot) = 0 AS by_wait, slot, wait_slot,
        count(*) AS n,
        count(*) FILTER (outcome = 'failure') AS failures,
        count(duration) AS timed,
        sum(duration) AS total,
        min(duration) AS low, max(duration) AS high,
        min(wait) AS wait_low, max(wait) AS wait_high,
        max(margin) AS margin,
        min(ended) AS first, max(ended) AS last
    FROM numbered
    GROUP BY GROUPING SETS ((task, sound), (task, sound, slot), (task, sound, wait_slot))
),

plain AS (SELECT * FROM counted WHERE NOT by_duration AND NOT by_wait),

durations AS (
    SELECT
        task, sound, low, high, n,
        sum(n) OVER (PARTITION BY task, sound ORDER BY slot) - n AS before,
        sum(n) OVER (PARTITION BY task, sound) - 1 AS top
    FROM counted
    WHERE by_duration AND slot IS NOT NULL
),

waits AS (
    SELECT
        task, sound, wait_low AS low, wait_high AS high, n,
        sum(n) OVER (PARTITION BY task, sound ORDER BY wait_slot) - n AS before,
        sum(n) OVER (PARTITION BY task, sound) - 1 AS top
    FROM counted
    WHERE by_wait AND wait_slot IS NOT NULL
),

duration_percentiles AS (
    SELECT
        task, sound,
        [
            between_ranks(low, high, n, before, 0.5 * top),
            between_ranks(low, high, n, before, 0.95 * top),
            between_ranks(low, high, n, before, 0.99 * top)
        ] AS percentiles
    FROM durations
    GROUP BY task, sound
),

wait_percentiles AS (
    SELECT task, sound, between_ranks(low, high, n, before, 0.95 * top) AS wait_p95
    FROM waits
    GROUP BY task, sound
)

SELECT
    plain.task, n AS count, failures, timed, total::DOUBLE AS total, high AS max, percentiles, wait_p95,
    coalesce(margin, 0) AS margin, epoch_us(first) AS first, epoch_us(last) AS last, plain.sound
FROM plain
LEFT JOIN duration_percentiles AS d ON d.task IS NOT DISTINCT FROM plain.task AND d.sound = plain.sound
LEFT JOIN wait_percentiles AS w ON w.task IS NOT DISTINCT FROM plain.task AND w.sound = plain.sound
