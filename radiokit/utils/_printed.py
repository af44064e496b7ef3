"""Tables as papers print them: HTML, LaTeX, Word.

Whatever cells and title hold is escaped. HTML is a fragment with inline rules, LaTeX needs the package ``booktabs``,
Word is written by python-docx. The same table gives the same bytes.
"""

from __future__ import annotations

import html
import zipfile
from collections.abc import Callable
from io import BytesIO
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from docx.document import Document as DocumentObject
    from docx.oxml.xmlchemy import BaseOxmlElement


def _html(header: list[str], rows: list[list[str]], title: str) -> bytes:
    rule = "border-bottom:1px solid"
    lines = ['<table style="border-collapse:collapse;border-top:2px solid;border-bottom:2px solid">']
    if title:
        lines.append(f'<caption style="text-align:left">{html.escape(title)}</caption>')
    cells = "".join(
        f'<th scope="col" style="text-align:left;padding:2px 8px;{rule}">{html.escape(h)}</th>' for h in header
    )
    lines.append(f"<thead><tr>{cells}</tr></thead>\n<tbody>")
    for row in rows:
        indent = f"padding:2px 8px 2px {8 + 8 * _depth(row[0])}px" if row else ""
        cells = "".join(
            f'<td style="{indent if i == 0 else "padding:2px 8px"}">{html.escape(cell.strip())}</td>'
            for i, cell in enumerate(row)
        )
        lines.append(f"<tr>{cells}</tr>")
    return "\n".join([*lines, "</tbody>\n</table>\n"]).encode()


def _latex(header: list[str], rows: list[list[str]], title: str) -> bytes:
    lines = [r"\begin{table}", r"\centering"]
    if title:
        lines.append(rf"\caption{{{_latex_text(title)}}}")
    lines += [rf"\begin{{tabular}}{{{'l' * len(header)}}}", r"\toprule"]
    lines += [" & ".join(map(_latex_text, header)) + r" \\", r"\midrule"]
    for row in rows:
        cells = [_latex_text(cell.strip()) for cell in row]
        if row and _depth(row[0]):
            cells[0] = r"\quad " + cells[0]
        lines.append(" & ".join(cells) + r" \\")
    return "\n".join([*lines, r"\bottomrule", r"\end{tabular}", r"\end{table}", ""]).encode()


def _latex_text(text: str) -> str:
    special = {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"}
    special |= {c: "\\" + c for c in "&%$#_{}"} | {"<": r"\ensuremath{<}", ">": r"\ensuremath{>}"}
    return "".join(special.get(character, character) for character in text)


def _docx(header: list[str], rows: list[list[str]], title: str) -> bytes:
    """Rules above, under the header and below; the header repeats on every page."""
    from docx import Document  # a tenth of a second, for those who write Word files only
    from docx.oxml import OxmlElement
    from docx.shared import Mm, Pt

    document = Document()
    document.styles["Normal"].paragraph_format.space_after = Pt(0)
    about = document.core_properties
    about.author, about.title, about.comments = "radiokit", _printable(title)[:255], ""
    if title:
        document.add_paragraph(_printable(title), style="Caption")
    table = document.add_table(1 + len(rows), len(header))
    longest = [max(4, *map(len, column)) for column in zip(header, *rows, strict=True)]
    widths = [Mm(150 * length / sum(longest)) for length in longest]
    for number, (row, texts) in enumerate(zip(table.rows, [header, *rows], strict=True)):
        for cell, text, width in zip(row.cells, texts, widths, strict=True):
            cell.width = width
            (paragraph,) = cell.paragraphs
            paragraph.paragraph_format.left_indent = Pt(10 * _depth(text)) if _depth(text) else None
            paragraph.add_run(_printable(text.strip())).bold = number == 0 or None
    (grid,) = document.element.body.tbl_lst
    grid.tblPr.insert_element_before(_rules("w:tblBorders", top=12, bottom=12), "w:tblLayout", "w:tblLook")
    head = grid.tr_lst[0]
    head.get_or_add_trPr().append(OxmlElement("w:tblHeader"))
    for cell in head.tc_lst:
        cell.get_or_add_tcPr().append(_rules("w:tcBorders", bottom=4))
    return _undated(document)


def _rules(tag: str, **eighths_of_a_point: int) -> BaseOxmlElement:
    from docx.oxml import OxmlElement
    from docx.oxml.ns import qn

    borders = OxmlElement(tag)
    for edge, size in eighths_of_a_point.items():
        rule = OxmlElement(f"w:{edge}")
        for name, value in {"val": "single", "sz": str(size), "space": "0", "color": "auto"}.items():
            rule.set(qn(f"w:{name}"), value)
        borders.append(rule)
    return borders


def _printable(text: str) -> str:
    """XML holds no control characters."""
    return "".join(c for c in text if c in "\t\n" or ord(c) >= 32)


def _undated(document: DocumentObject) -> bytes:
    """Return the bytes of a document, without the date in the archive: the same table gives the same bytes."""
    dated, same = BytesIO(), BytesIO()
    document.save(dated)
    with zipfile.ZipFile(dated) as source, zipfile.ZipFile(same, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in source.namelist():
            archive.writestr(zipfile.ZipInfo(name), source.read(name), zipfile.ZIP_DEFLATED)
    return same.getvalue()


def _depth(text: str) -> int:
    """Leading spaces of a label mark a level under a variable."""
    return len(text) - len(text.lstrip(" "))


PRINTED: dict[str, Callable[[list[str], list[list[str]], str], bytes]] = {
    ".html": _html,
    ".tex": _latex,
    ".docx": _docx,
}
