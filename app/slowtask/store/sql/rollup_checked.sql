-- How many runs were counted, and how many lines that may be runs.
SELECT sound, sum(runs)::BIGINT AS count FROM counted GROUP BY sound
