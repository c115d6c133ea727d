-- The runs that ended in each slot of time: of $width µs, or of a $unit of the calendar.
SELECT
    CASE
        WHEN $unit IS NULL THEN ended // $width * $width
        ELSE epoch_us(date_trunc($unit, make_timestamptz(ended)))
    END AS slot,
    count(*) AS count,
    count(*) FILTER (outcome = 'failure') AS failures,
    quantile_cont(duration, [0.5, 0.95, 0.99]) AS times,
    max(duration) / 1e9 AS max,
    quantile_cont(wait, 0.95) / 1e9 AS wait_p95
FROM copied NATURAL JOIN chosen
GROUP BY slot
ORDER BY slot
