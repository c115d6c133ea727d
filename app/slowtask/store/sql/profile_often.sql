-- How many runs with a wait each worker ran at least on average, of the queues in which jobs waited.
SELECT coalesce(min(runs), 0) AS runs
FROM (
    SELECT count(*) / greatest(1, count(DISTINCT worker)) AS runs
    FROM copied
    WHERE wait > 0
    GROUP BY queue
)
