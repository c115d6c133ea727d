-- The worker time of all tasks.
SELECT sum(total) / 1e9 AS total
FROM busy
