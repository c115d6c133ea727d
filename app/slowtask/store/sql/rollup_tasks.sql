-- Keep the cells of some tasks, so that each part of them can be measured as if it were a task.
CREATE OR REPLACE TEMP TABLE tasks_cells AS FROM cells
