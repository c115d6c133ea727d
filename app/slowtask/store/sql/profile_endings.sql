-- How the runs ended.
SELECT outcome, action, count(*) AS count, sum(duration) / 1e9 AS total
FROM copied NATURAL JOIN chosen
GROUP BY outcome, action
ORDER BY count DESC, outcome, action
