-- Count the runs of each cell: all of them, by their times, by their waits, by exception, and by who was busy, as
-- far as keeping.py asks for it. A cell has its beginning by an expression of that module's, too.
CREATE OR REPLACE TEMP TABLE counted AS
WITH placed AS (
    SELECT
        *,
        start_of_cell AS start,
        bin(duration) AS time_bin,
        bin(wait) AS wait_bin,
        outcome = 'failure' AS failed,
        seat(ended, system, worker, pid) AS seat
    FROM runs
)

SELECT
    CASE
        WHEN grouping(time_bin) = 0 THEN 'time'
        WHEN grouping(wait_bin) = 0 THEN 'wait'
        when_failed
        when_seated
        ELSE 'cell'
    END AS kind,
    side, sound, start, task, queue, version, time_bin, wait_bin, column_failed, column_error, column_seat,
    count(*) AS runs,
    count(*) FILTER (outcome = 'failure') AS failures,
    count(*) FILTER (action = 'killed') AS killed,
    count(duration) AS timed,
    coalesce(sum(duration), 0)::DOUBLE AS total,
    coalesce(var_pop(duration) * count(duration), 0) AS spread,
    max(duration) AS max,
    sum(cpu)::DOUBLE AS cpu,
    sum(duration) FILTER (cpu IS NOT NULL)::DOUBLE AS cpu_time,
    max(memory) AS memory,
    max(margin) AS margin,
    min(ended) AS first,
    max(ended) AS last
FROM placed
GROUP BY GROUPING SETS (sets_of_kinds)
