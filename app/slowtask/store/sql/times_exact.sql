-- How many run times of each task and side are in each bin, by the bins of exact.sql: two lists that belong
-- together, since rows would be slow to fetch.
CREATE OR REPLACE TEMP TABLE times AS
SELECT side, task, list(slot) AS slots, list(n) AS counts
FROM (
    SELECT side, task, slot, count(*) AS n
    FROM (SELECT side, task, unnest(bins) AS slot FROM measured WHERE sound)
    WHERE slot IS NOT NULL
    GROUP BY ALL
)
GROUP BY side, task
