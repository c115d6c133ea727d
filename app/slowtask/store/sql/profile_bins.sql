-- How many run times are in each bin.
SELECT bin(duration) AS bin, count(*) AS count
FROM profiled
WHERE duration IS NOT NULL
GROUP BY bin
