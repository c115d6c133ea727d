-- Copy the runs of some tasks into a table; if asked for, also those of tasks whose names have the same end,
-- as which one is meant shows when all are known. Times are µs since the epoch, messages are cut. What names a single run
-- stays out, as a task may have millions.
CREATE OR REPLACE TEMP TABLE copied AS
SELECT
    task, sound, duration, wait, cpu, memory, margin, queue, host, version, worker, system, service, environment,
    outcome, action, reason, error,
    left(message, 400) AS message,
    attempt > 1 AS retry,
    epoch_us(ended) AS ended,
    epoch_us(started) AS started
FROM runs
WHERE
    NOT sound OR task = $name OR ($several AND list_contains($names, task))
    OR ($by_ending AND ends_with(task, $ending))
