-- The workers that serve the queues in which jobs of the tasks waited, with a number for each set of queues. A
-- worker without a name serves one queue.
CREATE OR REPLACE TEMP TABLE crews AS
WITH

waited AS (
    SELECT
        coalesce(worker, 'of ' || coalesce(queue, '')) AS worker, coalesce(queue, '') AS queue,
        worker IS NULL AS unnamed
    FROM served
    WHERE coalesce(queue, '') IN (SELECT coalesce(queue, '') FROM copied WHERE wait > 0)
),

sets AS (
    SELECT worker, list_sort(list(DISTINCT queue)) AS queues, bool_or(unnamed) AS unnamed
    FROM waited
    GROUP BY worker
)

SELECT worker, queues, unnamed, dense_rank() OVER (ORDER BY queues)::SMALLINT AS crew
FROM sets
