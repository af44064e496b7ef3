"""One self-contained HTML page, tables and methods text from a study result."""
