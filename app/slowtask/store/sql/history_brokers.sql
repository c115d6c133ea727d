-- Each slot of each broker: how full it was at most.
SELECT slot, broker, capacity
FROM noted
WHERE kind = 'broker' AND broker IS NOT NULL AND capacity IS NOT NULL
ORDER BY slot, broker
