"""What a person sees: tables, live views and the HTML report."""
