-- How many run times of each task and side are in each bin, by the durations of exact.sql: two lists that
-- belong together, since rows would be slow to fetch.
CREATE OR REPLACE TEMP TABLE times AS
SELECT side, task, list(slot) AS slots, list(n) AS counts
FROM (
    SELECT side, task, bin(duration) AS slot, count(*) AS n
    FROM (SELECT side, task, unnest(durations) AS duration FROM measured WHERE sound)
    WHERE duration IS NOT NULL
    GROUP BY ALL
)
GROUP BY side, task
