"""`slowtask serve`: the ranking, the tasks, what changed and the queues as pages for a browser.

`app.py` answers requests from what `cache.py` keeps; `work.py` reads the logs in a process of its own;
`pages/` has a function `render(figures, context)` for each page.
"""
