-- The workers that serve the queues in which jobs of the task waited; a worker without a name serves one.
CREATE OR REPLACE TEMP TABLE crews AS
SELECT worker, queue
FROM (
    SELECT DISTINCT coalesce(worker, 'of ' || coalesce(queue, '')) AS worker, coalesce(queue, '') AS queue
    FROM runs
)
WHERE queue IN (SELECT coalesce(queue, '') FROM profiled WHERE wait > 0)
