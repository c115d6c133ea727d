-- The runs whose process was killed, by the reason, the host and the worker.
SELECT reason, host, worker, count(*) AS count, max(memory) AS memory, max(ended) AS last
FROM copied NATURAL JOIN chosen
WHERE action = 'killed'
GROUP BY reason, host, worker
ORDER BY count DESC, last DESC, reason, host, worker
LIMIT 20
