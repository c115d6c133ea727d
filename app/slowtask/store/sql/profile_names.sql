-- The names of all tasks.
SELECT DISTINCT task
FROM runs
WHERE task IS NOT NULL
