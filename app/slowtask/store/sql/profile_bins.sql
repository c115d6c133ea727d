-- How many run times are in each bin.
SELECT bin(duration) AS bin, count(*) AS count
FROM copied NATURAL JOIN chosen
WHERE duration IS NOT NULL
GROUP BY bin
