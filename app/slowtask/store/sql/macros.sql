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

-- Flat JSON lines of any kind. A line that isn't JSON becomes a row of NULLs.
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

-- Flat JSON lines that are runs, or may be.
CREATE OR REPLACE TEMP MACRO lines(files) AS TABLE
SELECT task, queue, worker, started, ended, outcome, duration, margin, wait, error, filename, sound
FROM entries(files)
WHERE dataset IS NULL OR dataset NOT IN ('slowtask.queue', 'slowtask.alert');

-- Flat JSON lines of files whose strays are parsed: only sound rows.
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

-- Nested JSON lines that are runs, or may be. A field may be flat all the same.
CREATE OR REPLACE TEMP MACRO nested(files) AS TABLE
SELECT
    * EXCLUDE (dataset),
    NULL::BIGINT AS depth,
    NULL::VARCHAR AS broker,
    NULL::DOUBLE AS capacity,
    sound(dataset, ended, task, outcome, duration, wait) AS sound
FROM (
    SELECT
        coalesce(event.dataset, "event.dataset") AS dataset,
        coalesce(task.name, "task.name") AS task,
        coalesce(queue.name, "queue.name") AS queue,
        coalesce(worker.name, "worker.name") AS worker,
        coalesce(event.start, "event.start") AS started,
        "@timestamp" AS ended,
        coalesce(event.outcome, "event.outcome") AS outcome,
        coalesce(event.duration, "event.duration") AS duration,
        coalesce(event.margin, "event.margin") AS margin,
        coalesce(task.wait, "task.wait") AS wait,
        coalesce(error.type, "error.type") AS error,
        filename
    FROM read_json(
        files,
        format = 'newline_delimited',
        ignore_errors = true,
        hive_partitioning = false,
        filename = true,
        columns = {
            '@timestamp': 'TIMESTAMPTZ',
            'event': 'STRUCT(
                dataset VARCHAR, start TIMESTAMPTZ, duration BIGINT, margin BIGINT, outcome VARCHAR
            )',
            'task': 'STRUCT(name VARCHAR, wait BIGINT)', 'queue': 'STRUCT(name VARCHAR)',
            'worker': 'STRUCT(name VARCHAR)', 'error': 'STRUCT(type VARCHAR)',
            'event.dataset': 'VARCHAR', 'event.start': 'TIMESTAMPTZ', 'event.duration': 'BIGINT',
            'event.margin': 'BIGINT', 'event.outcome': 'VARCHAR', 'task.name': 'VARCHAR',
            'task.wait': 'BIGINT', 'queue.name': 'VARCHAR', 'worker.name': 'VARCHAR', 'error.type': 'VARCHAR'
        }
    )
)
WHERE dataset IS NULL OR dataset NOT IN ('slowtask.queue', 'slowtask.alert');

-- The same in search hits of Elasticsearch: the event, nested or flat, is their `_source`.
CREATE OR REPLACE TEMP MACRO hits(files) AS TABLE
SELECT
    * EXCLUDE (dataset),
    NULL::BIGINT AS depth,
    NULL::VARCHAR AS broker,
    NULL::DOUBLE AS capacity,
    sound(dataset, ended, task, outcome, duration, wait) AS sound
FROM (
    SELECT
        coalesce(_source.event.dataset, _source."event.dataset") AS dataset,
        coalesce(_source.task.name, _source."task.name") AS task,
        coalesce(_source.queue.name, _source."queue.name") AS queue,
        coalesce(_source.worker.name, _source."worker.name") AS worker,
        coalesce(_source.event.start, _source."event.start") AS started,
        _source."@timestamp" AS ended,
        coalesce(_source.event.outcome, _source."event.outcome") AS outcome,
        coalesce(_source.event.duration, _source."event.duration") AS duration,
        coalesce(_source.event.margin, _source."event.margin") AS margin,
        coalesce(_source.task.wait, _source."task.wait") AS wait,
        coalesce(_source.error.type, _source."error.type") AS error,
        filename
    FROM read_json(
        files,
        format = 'newline_delimited',
        ignore_errors = true,
        hive_partitioning = false,
        filename = true,
        columns = {
            '_source': 'STRUCT(
                "@timestamp" TIMESTAMPTZ,
                event STRUCT(
                    dataset VARCHAR, start TIMESTAMPTZ, duration BIGINT, margin BIGINT, outcome VARCHAR
                ),
                task STRUCT(name VARCHAR, wait BIGINT), queue STRUCT(name VARCHAR),
                worker STRUCT(name VARCHAR), error STRUCT(type VARCHAR),
                "event.dataset" VARCHAR, "event.start" TIMESTAMPTZ, "event.duration" BIGINT,
                "event.margin" BIGINT, "event.outcome" VARCHAR, "task.name" VARCHAR,
                "task.wait" BIGINT, "queue.name" VARCHAR, "worker.name" VARCHAR, "error.type" VARCHAR
            )'
        }
    )
)
WHERE dataset IS NULL OR dataset NOT IN ('slowtask.queue', 'slowtask.alert');

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
