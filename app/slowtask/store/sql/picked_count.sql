-- How many runs were picked, and how many of them lack what a replay needs.
SELECT sound, count(*) AS count, count(*) FILTER (arrival IS NULL OR duration IS NULL) AS left_out
FROM picked
GROUP BY sound
