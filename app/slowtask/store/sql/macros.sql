-- The kinds of files as rows of one shape. A row is sound if it is a run for certain. A row that isn't is
-- read again by slowtask.parse, unless it is a sample or an alert.
CREATE OR REPLACE TEMP MACRO sound(dataset, ended, task, outcome, duration, wait) AS
    coalesce(
        dataset = 'slowtask.run'
        AND ended IS NOT NULL
        AND task IS NOT NULL
        AND outcome IN ('success', 'failure', 'unknown')
        AND coalesce(duration, 0) >= 0
        AND coalesce(wait, 0) >= 0,
        false
    );

-- A seat is what does one run at a time, in one hour: a worker of RQ's, or a process of a worker of Celery's.
-- One number holds 18 bits of the hour, 20 bits that tell the worker, and 24 bits that tell the process.
CREATE OR REPLACE TEMP MACRO seat(ended, system, worker, pid) AS
    CASE
        WHEN worker IS NOT NULL THEN
            (((epoch_us(ended) // 3600000000) & 262143) << 44)
            | ((hash(worker) & 1048575)::BIGINT << 24)
            | CASE WHEN system = 'celery' THEN coalesce(pid, 0) & 16777215 ELSE 0 END
    END;

-- Flat JSON lines of any kind.
CREATE OR REPLACE TEMP MACRO entries(files) AS TABLE
SELECT *, sound(dataset, ended, task, outcome, duration, wait) AS sound
FROM read_flat(files);

-- Flat JSON lines that are runs, or may be.
CREATE OR REPLACE TEMP MACRO lines(files) AS TABLE
FROM entries(files)
WHERE dataset IS NULL OR dataset NOT IN ('slowtask.queue', 'slowtask.alert');

-- Flat JSON lines of files whose strays are parsed: only sound rows.
CREATE OR REPLACE TEMP MACRO mended(files) AS TABLE
FROM lines(files) WHERE sound;

-- Runs, and the samples of a monitor.
CREATE OR REPLACE TEMP MACRO observed(files) AS TABLE
FROM entries(files)
WHERE sound OR (dataset = 'slowtask.queue' AND ended IS NOT NULL);

-- Only samples, of files whose runs are all parsed.
CREATE OR REPLACE TEMP MACRO sampled(files) AS TABLE
FROM observed(files) WHERE NOT sound;

-- Nested JSON lines that are runs, or may be.
CREATE OR REPLACE TEMP MACRO nested(files) AS TABLE
SELECT
    *,
    NULL::BIGINT AS depth, NULL::VARCHAR AS broker, NULL::DOUBLE AS capacity,
    sound(dataset, ended, task, outcome, duration, wait) AS sound
FROM read_nested(files)
WHERE dataset IS NULL OR dataset NOT IN ('slowtask.queue', 'slowtask.alert');

-- The same in search hits of Elasticsearch, where the event is their `_source`.
CREATE OR REPLACE TEMP MACRO hits(files) AS TABLE
SELECT
    *,
    NULL::BIGINT AS depth, NULL::VARCHAR AS broker, NULL::DOUBLE AS capacity,
    sound(dataset, ended, task, outcome, duration, wait) AS sound
FROM read_hits(files)
WHERE dataset IS NULL OR dataset NOT IN ('slowtask.queue', 'slowtask.alert');

-- Parquet files that `slowtask pack` wrote.
CREATE OR REPLACE TEMP MACRO packed(files) AS TABLE
SELECT
    *, NULL::BIGINT AS depth, NULL::VARCHAR AS broker, NULL::DOUBLE AS capacity, true AS sound
FROM read_packed(files);

-- CSV files that slowtask.parse wrote of other logs.
CREATE OR REPLACE TEMP MACRO parsed(files) AS TABLE
SELECT
    *, NULL::BIGINT AS depth, NULL::VARCHAR AS broker, NULL::DOUBLE AS capacity, true AS sound
FROM read_parsed(files);
