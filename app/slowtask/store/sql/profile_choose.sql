-- Keep only the runs of the task that is meant.
DELETE FROM profiled
WHERE task IS DISTINCT FROM $task
