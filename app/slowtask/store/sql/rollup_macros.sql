-- The files of `slowtask rollup`, and how their cells are merged. A cell has the figures of the runs of one task,
-- queue and version in one hour, day or month. Its times and waits are counted by the bins of buckets.sql, in two
-- lists that belong together. While these are made, one number holds a bin (from 1) and 40 bits of the count, so
-- that sorting numbers sorts both.
CREATE OR REPLACE TEMP MACRO entry(slot, n) AS ((slot + 1)::BIGINT << 40) | n::BIGINT;
CREATE OR REPLACE TEMP MACRO bins_of(entries) AS [((x >> 40) - 1)::SMALLINT FOR x IN entries];
CREATE OR REPLACE TEMP MACRO counts_of(entries) AS [x & 1099511627775 FOR x IN entries];

-- The middle of a bin: no time in it is further away than 0.25 %.
CREATE OR REPLACE TEMP MACRO middle(slot) AS CASE WHEN slot < 0 THEN 0 ELSE exp((slot + 0.5) * ln(1.005)) END;

-- The bucket of a bin, four times as wide; zero has its own.
CREATE OR REPLACE TEMP MACRO wide(slot) AS CASE WHEN slot < 0 THEN -1 ELSE slot // 4 END;

-- Whether a bin holds the value at *rank*, or one of its two neighbours: percentiles need no others.
CREATE OR REPLACE TEMP MACRO has_rank(n, before, rank) AS before <= ceil(rank) AND floor(rank) < before + n;

-- The rows of files.
CREATE OR REPLACE TEMP MACRO rolled(files) AS TABLE
FROM read_parquet(files, hive_partitioning = false);

-- The cells of the table *source*, merged by the task, the queue, the version and the *span*.
CREATE OR REPLACE TEMP MACRO merged(span, source) AS TABLE
WITH

placed AS (SELECT * REPLACE (date_trunc(span, start) AS start) FROM query_table(source)),

averaged AS (
    SELECT *, sum(total) OVER cell / nullif(sum(timed) OVER cell, 0) AS mean
    FROM placed
    WINDOW cell AS (PARTITION BY start, task, queue, version)
),

figures AS (
    SELECT
        start, task, queue, version,
        sum(runs)::BIGINT AS runs, sum(failures)::BIGINT AS failures, sum(killed)::BIGINT AS killed,
        sum(timed)::BIGINT AS timed, sum(total) AS total,
        sum(spread + CASE WHEN timed > 0 THEN timed * (total / timed - mean) ** 2 ELSE 0 END) AS spread,
        max(max) AS max, sum(cpu) AS cpu, sum(cpu_time) AS cpu_time, max(memory) AS memory,
        max(margin) AS margin, min(first) AS first, max(last) AS last
    FROM averaged
    GROUP BY start, task, queue, version
),

entries AS (
    SELECT
        start, task, queue, version, 'time' AS kind, unnest(time_bins) AS slot, unnest(time_counts) AS n,
        NULL AS error
    FROM placed
    UNION ALL
    SELECT start, task, queue, version, 'wait', unnest(wait_bins), unnest(wait_counts), NULL FROM placed
    UNION ALL
    SELECT start, task, queue, version, 'error', NULL, unnest(error_counts), unnest(errors) FROM placed
),

summed AS (
    SELECT start, task, queue, version, kind, slot, error, sum(n)::BIGINT AS n FROM entries GROUP BY ALL
),

lists AS (
    SELECT
        start, task, queue, version,
        list_sort(list(entry(slot, n)) FILTER (kind = 'time')) AS times,
        list_sort(list(entry(slot, n)) FILTER (kind = 'wait')) AS waits,
        list(error) FILTER (kind = 'error') AS errors,
        list(n) FILTER (kind = 'error') AS error_counts
    FROM summed
    GROUP BY ALL
)

SELECT
    figures.*,
    bins_of(times) AS time_bins, counts_of(times) AS time_counts,
    bins_of(waits) AS wait_bins, counts_of(waits) AS wait_counts,
    errors, error_counts
FROM figures
LEFT JOIN lists
    ON lists.start IS NOT DISTINCT FROM figures.start
    AND lists.task IS NOT DISTINCT FROM figures.task
    AND lists.queue IS NOT DISTINCT FROM figures.queue
    AND lists.version IS NOT DISTINCT FROM figures.version;
