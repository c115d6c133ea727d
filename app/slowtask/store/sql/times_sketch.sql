-- How many run times of each task and side are in each bin, of what count.sql counted.
SELECT side, task, slot, n
FROM counted
WHERE by_duration AND slot IS NOT NULL AND sound
