-- The longest runs of each task, read again with all that names them.
SELECT
    task, epoch_us(ended) AS ended, duration / 1e9 AS took, wait / 1e9 AS wait, cpu / 1e9 AS cpu, memory, outcome,
    action, error, queue, host, worker, version, id, task_id, attempt, trace, filename, place
FROM runs
JOIN least USING (task)
WHERE sound AND duration >= least
QUALIFY row_number() OVER (PARTITION BY task ORDER BY duration DESC, ended, id) <= $worst
ORDER BY task, duration DESC, ended, id
