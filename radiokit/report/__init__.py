"""One self-contained HTML page, tables and methods text from a study result."""

from radiokit.report._checklists import checklist, checklist_score
from radiokit.report._write import write_folder, write_report
from radiokit.utils.docs import fill_docstrings

__all__ = ["checklist", "checklist_score", "write_folder", "write_report"]

fill_docstrings(__name__)
