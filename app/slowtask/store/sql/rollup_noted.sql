-- The same table as history.sql makes of entries, of cells, whose slots are at least an hour wide. A time counts in
-- the middle of its bin; four bins are a bucket, 2 % wide. Nobody asks for percentiles of all other tasks together.
CREATE OR REPLACE TEMP TABLE noted AS
WITH

placed AS (
    SELECT
        *,
        epoch_us(start) // $width AS slot,
        coalesce(list_position($tasks, task), 0) AS place  -- 0: any other task
    FROM cells
),

times AS (
    SELECT slot, place, wide(duration_slot) AS duration_slot, sum(n) AS n, sum(n * middle(duration_slot)) AS total
    FROM (
        SELECT slot, place, unnest(time_bins) AS duration_slot, unnest(time_counts) AS n FROM placed WHERE place > 0
    )
    GROUP BY ALL
    UNION ALL
    SELECT slot, place, NULL, sum(CASE WHEN place > 0 THEN runs - timed ELSE runs END), sum(total) FILTER (place = 0)
    FROM placed
    GROUP BY slot, place
    HAVING place = 0 OR sum(runs - timed) > 0
),

waits AS (
    SELECT slot, queue, wide(wait_slot) AS wait_slot, sum(n) AS n, sum(n * middle(wait_slot)) AS waited
    FROM (SELECT slot, queue, unnest(wait_bins) AS wait_slot, unnest(wait_counts) AS n FROM placed)
    GROUP BY ALL
)

SELECT
    'task' AS kind, slot, place, duration_slot, n::BIGINT AS n, total,
    NULL::VARCHAR AS queue, NULL::VARCHAR AS broker, NULL::VARCHAR AS error, NULL::VARCHAR AS failing,
    NULL::SMALLINT AS wait_slot, NULL::DOUBLE AS wait, NULL::BIGINT AS depth, NULL::DOUBLE AS capacity
FROM times
UNION ALL BY NAME
SELECT 'queue' AS kind, slot, queue, wait_slot, n::BIGINT AS n, waited / n AS wait FROM waits
UNION ALL BY NAME
SELECT 'all' AS kind, wait_slot, sum(n)::BIGINT AS n, sum(waited) / sum(n) AS wait FROM waits GROUP BY wait_slot
UNION ALL BY NAME
SELECT 'error' AS kind, error, failing, sum(n)::BIGINT AS n
FROM (SELECT task AS failing, unnest(errors) AS error, unnest(error_counts) AS n FROM cells)
GROUP BY error, failing
UNION ALL BY NAME
SELECT
    CASE kind WHEN 'depth' THEN 'queue' ELSE 'broker' END AS kind,
    epoch_us(start) // $width AS slot, queue, broker, depth, capacity
FROM sampled
