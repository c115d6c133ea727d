-- How many run times of each task and side are in each bin, by the durations of exact.sql.
SELECT side, task, bin(duration) AS slot, count(*) AS n
FROM (SELECT side, task, unnest(durations) AS duration FROM measured WHERE sound)
WHERE duration IS NOT NULL
GROUP BY ALL
