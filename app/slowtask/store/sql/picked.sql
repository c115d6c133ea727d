-- The runs that can be replayed, in order of arrival; of those that arrived together, the first to begin first.
SELECT arrival, wait, duration, task, queue, worker
FROM picked
WHERE arrival IS NOT NULL AND duration IS NOT NULL
ORDER BY arrival, wait, duration, task, queue, worker
