-- The runs that can be replayed, in order of arrival.
SELECT arrival, wait, duration, task, queue, worker
FROM picked
WHERE arrival IS NOT NULL AND duration IS NOT NULL
ORDER BY arrival
