-- The workers of all runs, and the queues that they serve.
CREATE OR REPLACE TEMP TABLE served AS
SELECT DISTINCT worker, queue
FROM runs
