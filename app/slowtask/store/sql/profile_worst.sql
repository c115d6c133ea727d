-- The longest runs of the task, read again with all that names them.
SELECT
    epoch_us(ended) AS ended, duration / 1e9 AS took, wait / 1e9 AS wait, cpu / 1e9 AS cpu, memory, outcome,
    action, error, queue, host, worker, version, id, task_id, attempt, trace, filename, place
FROM runs
WHERE sound AND task = $task AND duration >= $least
ORDER BY duration DESC, ended
LIMIT $worst
