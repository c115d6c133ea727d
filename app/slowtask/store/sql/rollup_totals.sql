-- The run time of each task in the history, and when its first and last run ended.
SELECT task, sum(total) AS total, epoch_us(min(first)) AS first, epoch_us(max(last)) AS last
FROM history_rows
GROUP BY task
