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

-- JSON lines of any kind. A line that isn't JSON becomes a row of NULLs.
CREATE OR REPLACE TEMP MACRO entries(files) AS TABLE
SELECT
    "event.dataset" AS dataset,
    "task.name" AS task,
    "queue.name" AS queue,
    "worker.name" AS worker,
    "event.start" AS started,
    "@timestamp" AS ended,
    "event.outcome" AS outcome,
    "event.duration" AS duration,
    "event.margin" AS margin,
    "task.wait" AS wait,
    "error.type" AS error,
    "queue.depth" AS depth,
    "broker.name" AS broker,
    coalesce("broker.capacity", "broker.memory.used" / nullif("broker.memory.max", 0)) AS capacity,
    filename,
    sound("event.dataset", "@timestamp", "task.name", "event.outcome", "event.duration", "task.wait") AS sound
FROM read_json(
    files,
    format = 'newline_delimited',
    ignore_errors = true,
    hive_partitioning = false,
    filename = true,
    columns = {
        '@timestamp': 'TIMESTAMPTZ', 'event.dataset': 'VARCHAR', 'event.start': 'TIMESTAMPTZ',
        'event.duration': 'BIGINT', 'event.margin': 'BIGINT', 'event.outcome': 'VARCHAR',
        'task.name': 'VARCHAR', 'task.wait': 'BIGINT', 'queue.name': 'VARCHAR', 'worker.name': 'VARCHAR',
        'error.type': 'VARCHAR', 'queue.depth': 'BIGINT', 'broker.name': 'VARCHAR',
        'broker.capacity': 'DOUBLE', 'broker.memory.used': 'BIGINT', 'broker.memory.max': 'BIGINT'
    }
);

-- JSON lines that are runs, or may be.
CREATE OR REPLACE TEMP MACRO lines(files) AS TABLE
SELECT task, queue, worker, started, ended, outcome, duration, margin, wait, error, filename, sound
FROM entries(files)
WHERE dataset IS NULL OR dataset NOT IN ('slowtask.queue', 'slowtask.alert');

-- JSON lines of files whose strays are parsed: only sound rows.
CREATE OR REPLACE TEMP MACRO mended(files) AS TABLE
FROM lines(files) WHERE sound;

-- Runs, and the samples of a monitor.
CREATE OR REPLACE TEMP MACRO observed(files) AS TABLE
SELECT task, queue, ended, outcome, duration, wait, error, depth, broker, capacity, sound
FROM entries(files)
WHERE sound OR (dataset = 'slowtask.queue' AND ended IS NOT NULL);

-- Only samples, of files whose runs are all parsed.
CREATE OR REPLACE TEMP MACRO sampled(files) AS TABLE
FROM observed(files) WHERE NOT sound;

-- Parquet files that `slowtask pack` wrote.
CREATE OR REPLACE TEMP MACRO packed(files) AS TABLE
SELECT
    "task.name" AS task,
    "queue.name" AS queue,
    "worker.name" AS worker,
    "event.start" AS started,
    "@timestamp" AS ended,
    "event.outcome" AS outcome,
    "event.duration" AS duration,
    "event.margin" AS margin,
    "task.wait" AS wait,
    "error.type" AS error,
    NULL::BIGINT AS depth,
    NULL::VARCHAR AS broker,
    NULL::DOUBLE AS capacity,
    NULL AS filename,
    true AS sound
FROM read_parquet(files, hive_partitioning = false);

-- CSV files that slowtask.parse wrote of other logs.
CREATE OR REPLACE TEMP MACRO parsed(files) AS TABLE
SELECT
    task,
    queue,
    worker,
    NULL::TIMESTAMPTZ AS started,
    make_timestamptz("timestamp") AS ended,
    outcome,
    duration,
    margin,
    wait,
    error,
    NULL::BIGINT AS depth,
    NULL::VARCHAR AS broker,
    NULL::DOUBLE AS capacity,
    NULL AS filename,
    true AS sound
FROM read_csv(
    files,
    header = true,
    delim = ',',
    quote = '"',
    escape = '"',
    hive_partitioning = false,
    columns = {
        'timestamp': 'BIGINT', 'duration': 'BIGINT', 'margin': 'BIGINT', 'wait': 'BIGINT',
        'outcome': 'VARCHAR', 'task': 'VARCHAR', 'queue': 'VARCHAR', 'worker': 'VARCHAR', 'error': 'VARCHAR'
    }
);
