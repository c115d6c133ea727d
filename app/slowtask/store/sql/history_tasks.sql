-- Each slot of each task with its 95th percentile: the mean of the bucket in which that lies, within 2 %.
WITH ranked AS (
    SELECT
        *,
        sum(n) FILTER (duration_slot IS NOT NULL) OVER (PARTITION BY slot, place ORDER BY duration_slot) AS upto,
        sum(n) FILTER (duration_slot IS NOT NULL) OVER (PARTITION BY slot, place) AS timed
    FROM noted
    WHERE kind = 'task' AND place IS NOT NULL
)

SELECT
    slot,
    place,
    sum(n)::BIGINT AS count,
    coalesce(sum(total), 0) AS total,
    min(total / n) FILTER (duration_slot IS NOT NULL AND upto >= 0.95 * timed) AS p95
FROM ranked
GROUP BY slot, place
ORDER BY slot, place
