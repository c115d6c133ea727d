-- Add who was busy by the logs.
INSERT INTO busy SELECT seat FROM counted WHERE kind = 'seat' AND sound AND seat IS NOT NULL
