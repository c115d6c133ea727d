-- The same as times_exact.sql, of cells.
CREATE OR REPLACE TEMP TABLE times AS
SELECT side, task, list(slot) AS slots, list(n) AS counts
FROM (
    SELECT side, task, entry_bin(entry) AS slot, sum(entry_count(entry))::BIGINT AS n
    FROM (SELECT side, task, unnest(times) AS entry FROM cells)
    GROUP BY ALL
)
GROUP BY side, task
