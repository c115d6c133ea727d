-- Count the runs of each task and side in memory that doesn't grow with them: by their run times, and by their
-- waits, both in buckets 2 % wide.
CREATE OR REPLACE TEMP TABLE counted AS
WITH numbered AS (SELECT *, bucket(duration) AS slot, bucket(wait) AS wait_slot FROM runs)

SELECT
    task, side, sound, grouping(slot) = 0 AS by_duration, slot, wait_slot,
    count(*) AS n,
    count(*) FILTER (outcome = 'failure') AS failures,
    count(*) FILTER (action = 'killed') AS killed,
    count(duration) AS timed,
    sum(duration) AS total,
    var_pop(duration) AS variance,
    sum(cpu)::DOUBLE AS cpu,
    sum(duration) FILTER (cpu IS NOT NULL)::DOUBLE AS cpu_time,
    max(memory) AS memory,
    min(duration) AS low, max(duration) AS high,
    min(wait) AS wait_low, max(wait) AS wait_high,
    max(margin) AS margin,
    min(ended) AS first, max(ended) AS last
FROM numbered
GROUP BY GROUPING SETS ((task, side, sound, slot), (task, side, sound, wait_slot))
