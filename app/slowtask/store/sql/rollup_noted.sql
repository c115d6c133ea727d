-- The same table as history.sql makes of entries, of cells, whose slots are at least an hour wide. A time counts in
-- the middle of its bin.
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
    SELECT slot, place, duration_slot, sum(n) AS n
    FROM (SELECT slot, place, unnest(time_bins) AS duration_slot, unnest(time_counts) AS n FROM placed)
    GROUP BY ALL
    UNION ALL
    SELECT slot, place, NULL, sum(runs - timed) FROM placed GROUP BY slot, place HAVING sum(runs - timed) > 0
),

waits AS (
    SELECT slot, queue, wait_slot, sum(n) AS n
    FROM (SELECT slot, queue, unnest(wait_bins) AS wait_slot, unnest(wait_counts) AS n FROM placed)
    GROUP BY ALL
)

SELECT
    'task' AS kind, slot, place, duration_slot, n::BIGINT AS n, n * middle(duration_slot) AS total,
    NULL::VARCHAR AS queue, NULL::VARCHAR AS broker, NULL::VARCHAR AS error, NULL::VARCHAR AS failing,
    NULL::SMALLINT AS wait_slot, NULL::DOUBLE AS wait, NULL::BIGINT AS depth, NULL::DOUBLE AS capacity
FROM times
UNION ALL BY NAME
SELECT 'queue' AS kind, slot, queue, wait_slot, n::BIGINT AS n, middle(wait_slot) AS wait FROM waits
UNION ALL BY NAME
SELECT 'all' AS kind, wait_slot, sum(n)::BIGINT AS n, middle(wait_slot) AS wait FROM waits GROUP BY wait_slot
UNION ALL BY NAME
SELECT 'error' AS kind, error, failing, sum(n)::BIGINT AS n
FROM (SELECT task AS failing, unnest(errors) AS error, unnest(error_counts) AS n FROM cells)
GROUP BY error, failing
UNION ALL BY NAME
SELECT
    CASE kind WHEN 'depth' THEN 'queue' ELSE 'broker' END AS kind,
    epoch_us(start) // $width AS slot, queue, broker, depth, capacity
FROM sampled
