-- Choose the cells of the task of which the next statements ask.
CREATE OR REPLACE TEMP TABLE task_cells AS FROM tasks_cells WHERE task = $task
