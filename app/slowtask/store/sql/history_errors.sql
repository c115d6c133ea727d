-- How often each exception ended a run, most often first, and the task that it ended most often.
SELECT error, sum(n)::BIGINT AS count, arg_max(failing, n) AS task, count(*) AS tasks
FROM noted
WHERE kind = 'error' AND failing IS NOT NULL
GROUP BY error
ORDER BY count DESC, error
