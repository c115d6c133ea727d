-- The run time of the last of the $worst longest runs of each task.
CREATE OR REPLACE TEMP TABLE least AS
SELECT task, min(duration) AS least
FROM (
    SELECT task, duration
    FROM copied
    WHERE duration IS NOT NULL AND list_contains($tasks, task)
    QUALIFY row_number() OVER (PARTITION BY task ORDER BY duration DESC) <= $worst
)
GROUP BY task
