-- Who was busy in the hours of the history; nobody where that isn't asked for.
CREATE OR REPLACE TEMP TABLE busy AS
SELECT ((epoch_us(start) // 3600000000) & 262143) << 44 | unnest(seats) AS seat
FROM history_rows
