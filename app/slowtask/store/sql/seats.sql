-- How many runs the workers could do at once: the seats that were taken in an hour, in all but the busiest
-- twentieth of the hours. A worker whose processes are replaced all the time leaves that unknown.
WITH

taken AS (
    SELECT seat >> 44 AS hour, (seat >> 24) & 1048575 AS worker, seat & 16777215 AS process
    FROM (SELECT DISTINCT unnest(seats) AS seat FROM measured WHERE sound)
),

hourly AS (SELECT hour, worker, count(*) AS seats FROM taken GROUP BY hour, worker),

workers AS (
    SELECT worker, count(DISTINCT process) AS processes, count(DISTINCT hour) AS hours
    FROM taken GROUP BY worker
),

replaced AS (
    SELECT any_value(processes) > 3 * quantile_disc(seats, 0.95) AND any_value(hours) > 3 AS replaced
    FROM workers JOIN hourly USING (worker)
    GROUP BY worker
)

SELECT CASE WHEN NOT (SELECT bool_or(replaced) FROM replaced) THEN quantile_disc(seats, 0.95) END AS workers
FROM (SELECT hour, sum(seats)::BIGINT AS seats FROM hourly GROUP BY hour)
