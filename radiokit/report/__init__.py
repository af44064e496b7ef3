"""One self-contained HTML page, tables and methods text from a study result."""

from radiokit.report._checklists import checklist, checklist_score
from radiokit.report._write import write_folder, write_report

__all__ = ["checklist", "checklist_score", "write_folder", "write_report"]
