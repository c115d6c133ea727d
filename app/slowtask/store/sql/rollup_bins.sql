-- Count the runs of each cell by their times, by their waits, and as far as keeping.py asks for it also by exception
-- and by who was busy. A statement of its own: with all figures, so many groups would take too much memory.
CREATE OR REPLACE TEMP TABLE binned AS
WITH placed AS (
    SELECT
        side, start_of_cell AS start, task, queue, version, error,
        bin(duration) AS time_bin,
        bin(wait) AS wait_bin,
        outcome = 'failure' AS failed,
        seat(ended, system, worker, pid) AS seat
    FROM runs
    WHERE sound
)

SELECT
    CASE
        WHEN grouping(time_bin) = 0 THEN 'time'
        WHEN grouping(wait_bin) = 0 THEN 'wait'
        when_failed
        when_seated
    END AS kind,
    side, start, task, queue, version, time_bin, wait_bin, column_failed, column_error, column_seat,
    count(*) AS runs
FROM placed
GROUP BY GROUPING SETS (sets_of_kinds)
