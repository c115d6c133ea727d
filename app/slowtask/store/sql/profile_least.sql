-- The run time of the last of the $worst longest runs.
SELECT min(duration) AS least
FROM (SELECT duration FROM profiled WHERE duration IS NOT NULL ORDER BY duration DESC LIMIT $worst)
