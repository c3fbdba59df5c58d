// Reading a list: the table of a file against its codebook, as mse.registers.reading does it. Nothing is guessed and
// nothing dropped without being said; no message holds what stands in a cell.

/** The list of a file. `unreadable` is "refuse" or "set_aside". */
async function readRegister({ name, content }, codebook, unreadable = "refuse") {
  const table = await tableOfFile({ name, content }, codebook);
  const problems = [...table.problems, ...headingProblems(table, codebook)];
  if (!table.rows.length && !problems.length) throw new BadInput("no_rows");
  const { records, found, notes } = recordsOf(table, codebook);
  problems.push(...found);
  problems.sort((a, b) => (a.row ?? 0) - (b.row ?? 0));
  if (problems.length && (unreadable === "refuse" || problems.some(({ row }) => row === null))) {
    throw new BadInput("unreadable_list", {}, problems);
  }
  if (!records.length) throw new BadInput("no_readable_row", {}, problems);
  const nSetAside = new Set(problems.map(({ row }) => row)).size;
  return { codebook, fields: recordFields(codebook), records, nSetAside, notes: [...table.notes, ...notes], problems };
}

async function tableOfFile({ name, content }, codebook) {
  if (!content.length) throw new BadInput("file_is_empty");
  const ending = name.slice(name.lastIndexOf(".")).toLowerCase();
  if (ending === ".xlsx") return xlsxTable(content, codebook?.sheet ?? "");
  if (ending === ".csv") return csvTable(content, new Set(codebook?.columns.map((column) => column.name) ?? []));
  throw new BadInput("not_a_list_file");
}

function headingProblems(table, codebook) {
  const declared = codebook.columns.map((column) => column.name);
  const named = table.header.filter(Boolean);
  if (!declared.some((name) => table.header.includes(name))) {
    return [problem(null, null, fault("no_declared_heading", { declared: declared.join(", ") }))];
  }
  const faults = [];
  const shown = (name) => shownHeading(name, table.header.indexOf(name) + 1, declared, table.rows.length > 0);
  table.header.forEach((name, i) => name || faults.push(fault("unnamed_column", { n: i + 1 })));
  for (const name of new Set(named)) {
    if (named.filter((other) => other === name).length > 1) faults.push(fault("heading_twice", { column: shown(name) }));
    if (!declared.includes(name)) faults.push(fault("undeclared_heading", { column: shown(name) }));
  }
  for (const name of declared) if (!named.includes(name)) faults.push(fault("absent_heading", { column: name }));
  return faults.map((each) => problem(null, null, each));
}

/** A heading for a message; one that may be data (digits, several lines, too long) is named by its place alone. */
function shownHeading(name, place, declared, fits) {
  const likeData = !fits || /[0-9]{3}|[\x00-\x1f]/.test(name) || name.length > 60;
  return likeData && !declared.includes(name) ? `#${place}` : name;
}

function recordsOf(table, codebook) {
  const fields = [...recordFields(codebook)].filter(([, column]) => table.header.includes(column.name));
  const readers = fields.map(([field, column]) => ({
    field,
    column,
    place: table.header.indexOf(column.name),
    parse: parserOf(column, codebook),
  }));
  const records = [];
  const found = [];
  const remarks = new Map();
  for (const [row, cells] of table.rows) {
    const values = new Map();
    let sound = true;
    for (const { field, column, place, parse } of readers) {
      const cell = cells[place];
      try {
        if (isFault(cell)) throw Object.assign(new Unreadable(cell.name), { fault: cell });
        const [value, remark] = cell ? parse(cell) : [null, ""];
        if (value !== null) values.set(field, value);
        if (remark) {
          const key = JSON.stringify([column.name, remark]);
          remarks.set(key, [...(remarks.get(key) ?? []), row]);
        }
      } catch (error) {
        if (!(error instanceof Unreadable)) throw error;
        found.push(problem(row, column.name, error.fault));
        sound = false;
      }
    }
    if (sound) records.push({ row, values });
  }
  return { records, found, notes: notesOf(remarks, new Set(records.map(({ row }) => row))) };
}

function notesOf(remarks, kept) {
  const notes = [];
  for (const [key, rows] of remarks) {
    const [column, remark] = JSON.parse(key);
    const own = rows.filter((row) => kept.has(row));
    if (own.length) notes.push(fault(remark, { column, rows: own.join(", ") }));
  }
  return notes;
}

/** From the text of a cell to its value and the name of a remark ("" when there is none). */
function parserOf(column, codebook) {
  const latestYear = Number(codebook.end.slice(0, 4));
  if (NUMBER_FIELDS.includes(column.field)) return (text) => officialNumber(text, column.field, latestYear);
  if (column.kind === "date") return (text) => [parseDate(text, codebook.end), ""];
  if (column.kind === "number") {
    return (text) => [parseNumber(text, column.field === "birth_year" ? latestYear : null), ""];
  }
  if (column.kind === "category") {
    const codes = acceptedCodes(column);
    return (text) => [codes.size ? parseCategory(text, codes) : text, ""];
  }
  return (text) => [text, text.includes("\ufffd") ? "character_lost" : ""];
}
