-- The runs by queue, host, version and worker: of each field the values that used most worker time.
WITH grouped AS (
    SELECT
        CASE
            WHEN grouping(queue) = 0 THEN 'queue'
            WHEN grouping(host) = 0 THEN 'host'
            WHEN grouping(version) = 0 THEN 'version'
            ELSE 'worker'
        END AS field,
        coalesce(queue, host, version, worker) AS value,
        count(*) AS count,
        count(*) FILTER (outcome = 'failure') AS failures,
        sum(duration) / 1e9 AS total,
        sum(cpu) FILTER (duration IS NOT NULL) / 1e9 AS cpu,
        sum(duration) FILTER (cpu IS NOT NULL) / 1e9 AS cpu_time
    FROM copied NATURAL JOIN chosen
    GROUP BY GROUPING SETS ((queue), (host), (version), (worker))
)

SELECT *, count(*) OVER (PARTITION BY field) AS values
FROM grouped
QUALIFY row_number() OVER (PARTITION BY field ORDER BY total DESC NULLS LAST, count DESC, value) <= 10
ORDER BY field, total DESC NULLS LAST, count DESC, value
