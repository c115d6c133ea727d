-- The workers that serve the queues in which jobs of the tasks waited, with a number for each set of queues. A
-- worker without a name serves one queue.
CREATE OR REPLACE TEMP TABLE crews AS
WITH

served AS (
    SELECT DISTINCT
        coalesce(worker, 'of ' || coalesce(queue, '')) AS worker, coalesce(queue, '') AS queue,
        worker IS NULL AS unnamed
    FROM (SELECT DISTINCT worker, queue FROM runs)
    WHERE coalesce(queue, '') IN (SELECT coalesce(queue, '') FROM copied WHERE wait > 0)
),

sets AS (
    SELECT worker, list_sort(list(queue)) AS queues, bool_or(unnamed) AS unnamed FROM served GROUP BY worker
)

SELECT worker, queues, unnamed, dense_rank() OVER (ORDER BY queues)::SMALLINT AS crew
FROM sets
