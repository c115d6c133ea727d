-- Copy the runs of a replay into a table, so that a log is read once. Arrivals are ns since the epoch. A run
-- began its run time before its end, unless the line has `event.start`. Workers without a name count as one
-- for each queue.
CREATE OR REPLACE TEMP TABLE picked AS
SELECT
    task,
    coalesce(queue, '') AS queue,
    coalesce(worker, 'of ' || coalesce(queue, '')) AS worker,
    try(epoch_us(coalesce(started, ended - to_microseconds(duration // 1000))) * 1000 - wait) AS arrival,
    wait,
    duration,
    sound
FROM runs
