// The cells of a list file, whatever its format: a heading row and rows of text, as mse.registers.tables makes them.

const LONGEST_CELL = 10000;

/** A typed text as a cell, or its fault. */
function cellOf(text) {
  if (text.length > LONGEST_CELL && nCharacters(text) > LONGEST_CELL) return fault("cell_too_long", { n: LONGEST_CELL });
  return text.includes("\0") ? fault("cell_with_nul") : stripped(text);
}

/** A table of the raw rows in file order; a raw row that is no array is the reason why it cannot be read. */
function tableOf(headings, raw, notes = []) {
  let header = headings.map((name) => stripped(name).normalize("NFC"));
  const found = [...notes];
  let nRows = raw.length;
  while (nRows > 0 && Array.isArray(raw[nRows - 1]) && !raw[nRows - 1].some(Boolean)) nRows -= 1;
  const nUnnamed = unnamedAtEnd(header, raw.slice(0, nRows));
  if (nUnnamed) {
    header = header.slice(0, -nUnnamed);
    found.push(fault("unnamed_columns", { n: nUnnamed }));
  }
  const rows = [];
  const problems = [];
  const empty = [];
  raw.slice(0, nRows).forEach((row, i) => {
    const reason = Array.isArray(row) ? rowFault(row, header.length, nUnnamed) : row;
    if (reason) problems.push(problem(i + 1, null, reason));
    else if (!row.some(Boolean)) empty.push(i + 1);
    else rows.push([i + 1, row.slice(0, header.length)]);
  });
  if (empty.length) found.push(fault("empty_rows", { rows: empty.join(", ") }));
  return { header, rows, problems, notes: found };
}

function unnamedAtEnd(header, raw) {
  const nNamed = header.reduce((last, name, i) => (name ? i + 1 : last), 0);
  if (raw.some((row) => Array.isArray(row) && row.slice(nNamed).some(Boolean))) return 0;
  return header.length - nNamed;
}

function rowFault(row, nColumns, nUnnamed) {
  if (!row.some(Boolean) || row.length === nColumns || row.length === nColumns + nUnnamed) return null;
  return fault(row.length > nColumns ? "row_too_long" : "row_too_short", { found: row.length, expected: nColumns });
}
