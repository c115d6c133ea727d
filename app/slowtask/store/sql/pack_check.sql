-- Count what a file of lines holds before it is packed: runs, samples and alerts, all lines; and find out
-- whether the ids fit in 16 bytes.
SELECT
    count(*) FILTER (is_run) AS runs,
    count(*) FILTER (NOT is_run AND coalesce("event.dataset" IN ('slowtask.queue', 'slowtask.alert'), false)) AS others,
    count(*) AS lines,
    coalesce(bool_and(regexp_full_match("event.id", '[0-9a-f]{32}')) FILTER (is_run), true) AS short_ids,
    coalesce(
        bool_and(regexp_full_match("task.id", '[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}')) FILTER (is_run), true
    ) AS short_task_ids
FROM (
    SELECT
        *,
        "event.id" IS NOT NULL AND sound(
            "event.dataset", "@timestamp", "task.name", "event.outcome", "event.duration", "task.wait"
        ) AS is_run
    FROM lines_in_full
)
