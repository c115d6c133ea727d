-- The exceptions by their messages without digits, each with its newest message as it was. `others` are the runs of
-- the rarer messages that are left out.
SELECT
    error, arg_max(message, (ended, message)) AS message, count(*) AS count, min(ended) AS first, max(ended) AS last,
    sum(count(*)) OVER ()::BIGINT AS all_runs
FROM copied NATURAL JOIN chosen
WHERE error IS NOT NULL OR message IS NOT NULL
GROUP BY error, regexp_replace(message, '[0-9]+', '0', 'g')
ORDER BY count DESC, error, message
LIMIT 2000
