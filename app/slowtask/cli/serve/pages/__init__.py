"""The pages of `slowtask serve`: each module has one function `render`, of figures and a context to HTML."""
