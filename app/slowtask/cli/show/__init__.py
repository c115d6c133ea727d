"""What a person sees: tables, live views, pages."""
