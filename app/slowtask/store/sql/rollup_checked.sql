-- How many runs were counted, and how many lines that may be runs.
SELECT sound, sum(runs)::BIGINT AS count FROM counted WHERE kind = 'cell' GROUP BY sound
