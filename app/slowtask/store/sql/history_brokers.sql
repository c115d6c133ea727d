-- Each slot of each broker, with the highest share of its limit in use.
SELECT slot, broker, capacity
FROM noted
WHERE kind = 'broker' AND broker IS NOT NULL AND capacity IS NOT NULL
ORDER BY slot, broker
