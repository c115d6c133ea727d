-- Make cells of what rollup_count.sql and rollup_bins.sql counted.
CREATE OR REPLACE TEMP TABLE cells AS
WITH lists AS (
    SELECT
        side, start, task, queue, version,
        list_sort(list(entry(time_bin, runs)) FILTER (kind = 'time' AND time_bin IS NOT NULL)) AS times,
        list_sort(list(entry(wait_bin, runs)) FILTER (kind = 'wait' AND wait_bin IS NOT NULL)) AS waits,
        list(error) FILTER (kind = 'error' AND failed) AS errors,
        list(runs) FILTER (kind = 'error' AND failed) AS error_counts
    FROM binned
    WHERE kind <> 'seat'
    GROUP BY ALL
)

SELECT
    c.side, c.start, c.task, c.queue, c.version, c.runs, c.failures, c.killed, c.timed, c.total, c.spread, c.max,
    c.cpu, c.cpu_time, c.memory, c.margin, c.first, c.last,
    bins_of(times) AS time_bins, counts_of(times) AS time_counts,
    bins_of(waits) AS wait_bins, counts_of(waits) AS wait_counts,
    errors, error_counts
FROM counted AS c
LEFT JOIN lists
    ON lists.side IS NOT DISTINCT FROM c.side
    AND lists.start IS NOT DISTINCT FROM c.start
    AND lists.task IS NOT DISTINCT FROM c.task
    AND lists.queue IS NOT DISTINCT FROM c.queue
    AND lists.version IS NOT DISTINCT FROM c.version
WHERE c.sound
