-- The same as times_exact.sql, of cells.
CREATE OR REPLACE TEMP TABLE times AS
SELECT side, task, list(slot) AS slots, list(n) AS counts
FROM (
    SELECT side, task, slot, sum(n)::BIGINT AS n
    FROM (SELECT side, task, unnest(time_bins) AS slot, unnest(time_counts) AS n FROM cells)
    GROUP BY ALL
)
GROUP BY side, task
