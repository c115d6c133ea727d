-- The figures of each cell but for its bins, which rollup_bins.sql counts. A cell has its beginning by an expression
-- of keeping.py's.
CREATE OR REPLACE TEMP TABLE counted AS
SELECT
    side, sound, start, task, queue, version,
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
FROM (SELECT *, start_of_cell AS start FROM runs)
GROUP BY side, sound, start, task, queue, version
