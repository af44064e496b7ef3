"""One self-contained HTML page, tables and methods text from a study result."""

from radiokit.report._write import write_folder, write_report

__all__ = ["write_folder", "write_report"]
