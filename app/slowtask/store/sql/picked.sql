-- The runs that can be replayed, by arrival; of those that came to a queue together, the first to begin first.
SELECT arrival, wait, duration, task, queue, worker
FROM picked
WHERE arrival IS NOT NULL AND duration IS NOT NULL
ORDER BY arrival, queue, wait, duration, task, worker
