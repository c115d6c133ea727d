-- Each slot of each queue: the 95th percentile of the waits, within 2 %, and the greatest depth in a sample.
WITH ranked AS (
    SELECT
        *,
        sum(n) FILTER (wait_slot IS NOT NULL) OVER (PARTITION BY slot, queue ORDER BY wait_slot) AS upto,
        sum(n) FILTER (wait_slot IS NOT NULL) OVER (PARTITION BY slot, queue) AS known
    FROM noted
    WHERE kind = 'queue' AND queue IS NOT NULL
)

SELECT
    slot,
    queue,
    coalesce(max(known), 0)::BIGINT AS count,
    min(wait) FILTER (wait_slot IS NOT NULL AND upto >= 0.95 * known) AS wait,
    max(depth) AS depth
FROM ranked
GROUP BY slot, queue
ORDER BY slot, queue
