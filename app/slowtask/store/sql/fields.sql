-- Which of the fields that have short names the runs have, and the names of their labels.
SELECT
    count(task) > 0 AS "task.name",
    count(queue) > 0 AS "queue.name",
    count(system) > 0 AS "queue.system",
    count(host) > 0 AS "host.name",
    count(worker) > 0 AS "worker.name",
    count(service) > 0 AS "service.name",
    count(version) > 0 AS "service.version",
    count(environment) > 0 AS "service.environment",
    count(error) > 0 AS "error.type",
    count(outcome) > 0 AS "event.outcome",
    count(action) > 0 AS "event.action",
    list_distinct(flatten(list(DISTINCT json_keys(labels)))) AS labels
FROM runs
