-- The greatest depth of each queue in each hour, and the greatest capacity of each broker, of a monitor's samples.
CREATE OR REPLACE TEMP TABLE samples AS
SELECT
    CASE WHEN grouping(queue) = 0 THEN 'depth' ELSE 'capacity' END AS kind,
    make_timestamptz(epoch_us(ended) // 3600000000 * 3600000000) AS start,
    queue, broker,
    max(depth) AS depth,
    max(capacity) AS capacity,
    min(ended) AS first,
    max(ended) AS last
FROM runs
WHERE NOT sound AND ended >= TIMESTAMPTZ '1970-01-01' AND ended < TIMESTAMPTZ '9999-01-01'
GROUP BY GROUPING SETS ((epoch_us(ended) // 3600000000, queue), (epoch_us(ended) // 3600000000, broker))
HAVING (grouping(queue) = 0 AND max(depth) IS NOT NULL) OR (grouping(broker) = 0 AND max(capacity) IS NOT NULL)
