"""Tables as papers print them: HTML, LaTeX, Word.

Whatever cells and title hold is escaped. HTML is a fragment with inline rules, LaTeX needs the package ``booktabs``,
and Word is Office Open XML (ECMA-376). The same table gives the same bytes.
"""

from __future__ import annotations

import html
import zipfile
from collections.abc import Callable
from io import BytesIO
from xml.sax.saxutils import escape


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
    body = _paragraph(title, bold=True) if title else ""
    body += (
        '<w:tbl><w:tblPr><w:tblW w:w="0" w:type="auto"/><w:tblBorders>'
        '<w:top w:val="single" w:sz="12" w:space="0" w:color="auto"/>'
        '<w:bottom w:val="single" w:sz="12" w:space="0" w:color="auto"/></w:tblBorders></w:tblPr>'
        f"<w:tblGrid>{'<w:gridCol/>' * len(header)}</w:tblGrid>"
    )
    rule = '<w:tcBorders><w:bottom w:val="single" w:sz="4" w:space="0" w:color="auto"/></w:tcBorders>'
    body += "<w:tr><w:trPr><w:tblHeader/></w:trPr>"
    body += "".join(f"<w:tc><w:tcPr>{rule}</w:tcPr>{_paragraph(cell, bold=True)}</w:tc>" for cell in header)
    body += "</w:tr>"
    for row in rows:
        body += "<w:tr>" + "".join(f"<w:tc><w:tcPr/>{_paragraph(cell)}</w:tc>" for cell in row) + "</w:tr>"
    body += "</w:tbl><w:p/>"
    word = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
    package = "http://schemas.openxmlformats.org/package/2006"
    office = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    main = "application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"
    declaration = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
    parts = {
        "[Content_Types].xml": f'<Types xmlns="{package}/content-types"><Default Extension="rels" '
        'ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        f'<Override PartName="/word/document.xml" ContentType="{main}"/></Types>',
        "_rels/.rels": f'<Relationships xmlns="{package}/relationships"><Relationship Id="rId1" '
        f'Type="{office}/officeDocument" Target="word/document.xml"/></Relationships>',
        "word/document.xml": f'<w:document xmlns:w="{word}"><w:body>{body}<w:sectPr/></w:body></w:document>',
    }
    return _zip({name: (declaration + text).encode() for name, text in parts.items()})


def _paragraph(text: str, *, bold: bool = False) -> str:
    indent = f'<w:pPr><w:ind w:left="{200 * _depth(text)}"/></w:pPr>' if _depth(text) else ""
    style = "<w:rPr><w:b/></w:rPr>" if bold else ""
    printable = "".join(c for c in text.strip() if c in "\t\n" or ord(c) >= 32)
    return f'<w:p>{indent}<w:r>{style}<w:t xml:space="preserve">{escape(printable)}</w:t></w:r></w:p>'


def _zip(parts: dict[str, bytes]) -> bytes:
    buffer = BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            # ZipInfo without a date has 1980: the same table gives the same bytes.
            archive.writestr(zipfile.ZipInfo(name), content)
    return buffer.getvalue()


def _depth(text: str) -> int:
    """Leading spaces of a label mark a level under a variable."""
    return len(text) - len(text.lstrip(" "))


PRINTED: dict[str, Callable[[list[str], list[list[str]], str], bytes]] = {
    ".html": _html,
    ".tex": _latex,
    ".docx": _docx,
}
