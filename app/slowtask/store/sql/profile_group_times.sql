-- The percentiles of the runs with each of $chosen as the value of one field, which stands for `field`.
SELECT
    field AS value,
    quantile_cont(duration, [0.5, 0.95]) AS times,
    quantile_cont(wait, 0.95) / 1e9 AS wait_p95
FROM copied NATURAL JOIN chosen
WHERE field IS NULL OR list_contains($chosen, field)
GROUP BY field
