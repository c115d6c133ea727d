-- How many runs each exception ended, the most frequent first, and the task in which it was most frequent.
SELECT error, sum(n)::BIGINT AS count, first(failing ORDER BY n DESC, failing) AS task, count(*) AS tasks
FROM noted
WHERE kind = 'error' AND failing IS NOT NULL
GROUP BY error
ORDER BY count DESC, error
