-- Add who was busy by the logs.
INSERT INTO busy SELECT seat FROM binned WHERE kind = 'seat' AND seat IS NOT NULL
