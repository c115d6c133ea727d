-- The files of `slowtask rollup`, and how their cells are merged. A cell has the figures of the runs of one task,
-- queue and version in one hour, day or month. Its times and waits are counted by the bins of buckets.sql; in
-- memory one number holds a bin (from 1) and 40 bits of the count, so that a sorted list is in order of the bins.
CREATE OR REPLACE TEMP MACRO entry(slot, n) AS ((slot + 1)::BIGINT << 40) | n::BIGINT;
CREATE OR REPLACE TEMP MACRO entry_bin(entry) AS ((entry >> 40) - 1)::SMALLINT;
CREATE OR REPLACE TEMP MACRO entry_count(entry) AS entry & 1099511627775;

-- The middle of a bin: no time in it is further away than 0.25 %.
CREATE OR REPLACE TEMP MACRO middle(slot) AS CASE WHEN slot < 0 THEN 0 ELSE exp((slot + 0.5) * ln(1.005)) END;

-- The rows of files, with times and waits as they are in memory.
CREATE OR REPLACE TEMP MACRO rolled(files) AS TABLE
SELECT
    * EXCLUDE (time_bins, time_counts, wait_bins, wait_counts),
    CASE WHEN time_bins IS NOT NULL THEN [entry(x[1], x[2]) FOR x IN list_zip(time_bins, time_counts)] END AS times,
    CASE WHEN wait_bins IS NOT NULL THEN [entry(x[1], x[2]) FOR x IN list_zip(wait_bins, wait_counts)] END AS waits
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
    SELECT start, task, queue, version, 'time' AS kind, unnest(times) AS entry, NULL AS error FROM placed
    UNION ALL
    SELECT start, task, queue, version, 'wait', unnest(waits), NULL FROM placed
    UNION ALL
    SELECT start, task, queue, version, 'error', unnest(error_counts), unnest(errors) FROM placed
),

counted AS (
    SELECT
        start, task, queue, version, kind, error,
        CASE WHEN kind <> 'error' THEN entry_bin(entry) END AS slot,
        sum(CASE WHEN kind = 'error' THEN entry ELSE entry_count(entry) END)::BIGINT AS n
    FROM entries
    GROUP BY ALL
),

lists AS (
    SELECT
        start, task, queue, version,
        list_sort(list(entry(slot, n)) FILTER (kind = 'time')) AS times,
        list_sort(list(entry(slot, n)) FILTER (kind = 'wait')) AS waits,
        list(error) FILTER (kind = 'error') AS errors,
        list(n) FILTER (kind = 'error') AS error_counts
    FROM counted
    GROUP BY ALL
)

SELECT figures.*, lists.times, lists.waits, lists.errors, lists.error_counts
FROM figures
LEFT JOIN lists
    ON lists.start IS NOT DISTINCT FROM figures.start
    AND lists.task IS NOT DISTINCT FROM figures.task
    AND lists.queue IS NOT DISTINCT FROM figures.queue
    AND lists.version IS NOT DISTINCT FROM figures.version;
