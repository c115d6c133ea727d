-- The figures of each task, with exact percentiles. Needs 16 bytes of memory for each run; if that is too
-- much, DuckDB raises an out-of-memory error and sketch.sql is used instead. `seats` are what seats.sql
-- counts, and `bins` what times_exact.sql does. Both cost a third of all else, so measuring.py puts them in
-- only where they are asked for: a filter that lets nothing through costs as much.
CREATE OR REPLACE TEMP TABLE measured AS
SELECT
    task,
    count(*) AS count,
    count(*) FILTER (outcome = 'failure') AS failures,
    count(*) FILTER (action = 'killed') AS killed,
    count(duration) AS timed,
    sum(duration)::DOUBLE AS total,
    max(duration) AS max,
    quantile_cont(duration, [0.5, 0.95, 0.99]) AS percentiles,
    stddev_pop(duration) AS deviation,
    quantile_cont(wait, 0.95) AS wait_p95,
    sum(cpu)::DOUBLE AS cpu,
    sum(duration) FILTER (cpu IS NOT NULL)::DOUBLE AS cpu_time,
    max(memory) AS memory,
    coalesce(max(margin), 0) AS margin,
    epoch_us(min(ended)) AS first,
    epoch_us(max(ended)) AS last,
    list_of_seats AS seats,
    list_of_bins AS bins,
    side,
    sound
FROM runs
GROUP BY task, side, sound
