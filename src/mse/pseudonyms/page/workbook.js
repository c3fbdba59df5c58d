// Excel workbooks, read as mse.registers.tables reads them with openpyxl. zip.js opens the archive and checks its sums,
// the browser's own parser reads the XML. Formulas are not computed and macros not looked at: only stored values count.
// Where this reader and openpyxl could come to different texts, the file or cell is refused.

const LIMITS = { file: 20 << 20, part: 60 << 20, rows: 200000, cells: 4000000 };
const MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main";
const RELATIONS = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";
const PACKAGE_RELATIONS = "http://schemas.openxmlformats.org/package/2006/relationships";
const CONTENT_TYPES = "http://schemas.openxmlformats.org/package/2006/content-types";
const STRINGS_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml.sharedStrings+xml";
const WORKBOOK_TYPES = [
  "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml",
  "application/vnd.ms-excel.sheet.macroEnabled.main+xml",
];
// The formats that Excel knows by number and that show a date, and those of them that show a length of time.
const DATE_FORMATS = new Set([14, 15, 16, 17, 18, 19, 20, 21, 22, 45, 46, 47]);
const DURATION_FORMATS = new Set([46]);
const STYLES_PATH = "xl/styles.xml";
const DAY_MS = 86400000;
const EPOCHS = { 1900: Date.UTC(1899, 11, 30), 1904: Date.UTC(1904, 0, 1) };

/** The cells of one sheet of a workbook; its first row is the heading row. */
async function xlsxTable(content, sheet) {
  if (content.length > LIMITS.file) throw new BadInput("workbook_too_large", { mb: LIMITS.file >> 20 });
  let found;
  try {
    found = await excelRows(content, sheet);
  } catch (error) {
    if (error instanceof BadInput) throw error;
    throw new BadInput("workbook_damaged"); // whatever the parsers say may hold what stands in a cell
  }
  const { name, rows: raw } = found;
  if (raw.length === 0 || !raw[0].some(Boolean)) throw new BadInput("sheet_without_heading", { sheet: name });
  if (raw[0].some(isFault)) throw new BadInput("heading_is_fault", { sheet: name });
  const nColumns = width(raw[0]);
  // Formatted but empty cells to the right of the last heading are no columns; content there is reported.
  const rows = raw.map((row) =>
    [...row, ...Array(nColumns).fill("")].slice(0, Math.max(nColumns, width(row))),
  );
  return tableOf(rows[0], rows.slice(1));
}

/** The number of cells up to the last one with content. */
function width(row) {
  return row.reduce((last, cell, i) => (cell ? i + 1 : last), 0);
}

async function excelRows(content, wanted) {
  const parts = await partsOf(content);
  const book = await openWorkbook(parts);
  const sheets = [];
  for (const { name, path } of book.sheets) {
    if (wanted && name !== wanted) continue;
    sheets.push({ name, cells: sheetCells(await parts.xml(path), book) });
  }
  const names = book.sheets.map(({ name }) => name).join(", ");
  if (wanted) {
    if (sheets.length === 0) throw new BadInput("no_such_sheet", { sheet: wanted, sheets: names });
    return { name: wanted, rows: textRows(sheets[0].cells.rows) };
  }
  const filled = sheets.filter(({ cells }) => cells.filled);
  if (filled.length === 0) throw new BadInput("file_is_empty");
  if (filled.length > 1) {
    const filledNames = filled.map(({ name: each }) => each);
    throw new BadInput("several_sheets", { n: filled.length, sheets: filledNames.join(", "), names: filledNames });
  }
  return { name: filled[0].name, rows: textRows(filled[0].cells.rows) };
}

/** The parts of the archive, each unpacked when it is asked for, up to a limit, and with its sum checked. */
async function partsOf(content) {
  zip.configure({ useWebWorkers: false });
  const reader = new zip.ZipReader(new zip.Uint8ArrayReader(content), { strictness: "balanced", checkSignature: true });
  const entries = new Map();
  for (const entry of await reader.getEntries()) {
    if (entry.encrypted) throw new BadInput("workbook_damaged");
    entries.set(entry.filename, entry);
  }
  return {
    has: (path) => entries.has(path),
    xml: async (path) => parsedXml(await unpacked(entries.get(path))),
  };
}

async function unpacked(entry) {
  if (entry.uncompressedSize > LIMITS.part) throw new BadInput("workbook_too_large_inside", { mb: LIMITS.part >> 20 });
  const pieces = [];
  let size = 0;
  const sink = new WritableStream({
    write(piece) {
      size += piece.length;
      if (size > LIMITS.part) throw new BadInput("workbook_too_large_inside", { mb: LIMITS.part >> 20 });
      pieces.push(piece.slice());
    },
  });
  await entry.getData(sink);
  return new Uint8Array(await new Blob(pieces).arrayBuffer());
}

function parsedXml(bytes) {
  const text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  const encoding = /^<\?xml[^>]*?encoding\s*=\s*["']([^"']*)/.exec(text);
  if (text.includes("<!DOCTYPE") || (encoding && encoding[1].toLowerCase() !== "utf-8")) {
    throw new BadInput("workbook_damaged");
  }
  const tree = new DOMParser().parseFromString(text, "application/xml");
  if (tree.getElementsByTagName("parsererror").length) throw new BadInput("workbook_damaged");
  return tree.documentElement;
}

/** The children of an element that have this name, in the namespace of sheets unless another is given. */
function children(element, name, namespace = MAIN) {
  return Array.from(element?.children ?? []).filter(
    (child) => child.localName === name && child.namespaceURI === namespace,
  );
}

function child(element, name) {
  const found = children(element, name);
  if (found.length > 1) throw new BadInput("workbook_damaged");
  return found[0] ?? null;
}

async function openWorkbook(parts) {
  const types = children(await parts.xml("[Content_Types].xml"), "Override", CONTENT_TYPES);
  const pathOf = (wanted) =>
    types.find((type) => wanted.includes(type.getAttribute("ContentType")))?.getAttribute("PartName").slice(1);
  const path = pathOf(WORKBOOK_TYPES);
  const stringsPath = pathOf([STRINGS_TYPE]);
  const folder = path.slice(0, path.lastIndexOf("/") + 1);
  const root = await parts.xml(path);
  if (root.namespaceURI !== MAIN) throw new BadInput("workbook_strict");
  const relations = await parts.xml(`${folder}_rels/${path.slice(folder.length)}.rels`);
  const byId = new Map(
    children(relations, "Relationship", PACKAGE_RELATIONS).map((relation) => [relation.getAttribute("Id"), relation]),
  );
  const sheets = [];
  for (const sheet of children(child(root, "sheets"), "sheet")) {
    const relation = byId.get(sheet.getAttributeNS(RELATIONS, "id"));
    const kind = relation.getAttribute("Type").split("/").at(-1);
    if (kind === "chartsheet") continue;
    if (kind !== "worksheet") throw new BadInput("workbook_damaged");
    const target = relation.getAttribute("Target");
    sheets.push({ name: sheet.getAttribute("name"), path: target.startsWith("/") ? target.slice(1) : folder + target });
  }
  if (sheets.some((sheet) => !parts.has(sheet.path))) throw new BadInput("workbook_damaged");
  const date1904 = child(root, "workbookPr")?.getAttribute("date1904");
  return {
    sheets,
    epoch: ["1", "true"].includes(date1904) ? 1904 : 1900,
    strings: stringsPath ? children(await parts.xml(stringsPath), "si").map(stringOf) : [],
    styles: parts.has(STYLES_PATH) ? stylesOf(await parts.xml(STYLES_PATH)) : [],
  };
}

/** The text of a shared or inline string, its runs joined, without the reading aids of Asian scripts. */
function stringOf(element) {
  const plain = child(element, "t")?.textContent ?? "";
  return plain + children(element, "r").map((run) => child(run, "t")?.textContent ?? "").join("");
}

/** For each cell style whether it shows a date, and whether it shows a length of time. */
function stylesOf(root) {
  const custom = new Map(
    children(child(root, "numFmts"), "numFmt").map((format) => [
      Number(format.getAttribute("numFmtId")),
      format.getAttribute("formatCode"),
    ]),
  );
  return children(child(root, "cellXfs"), "xf").map((style) => {
    const id = Number(style.getAttribute("numFmtId") ?? 0);
    if (!custom.has(id)) return { date: DATE_FORMATS.has(id), duration: DURATION_FORMATS.has(id) };
    const format = custom.get(id).split(";")[0];
    const bare = format.replace(/".*?"|\[(?!hh?\]|mm?\]|ss?\])[^\]]*\]/g, "");
    return { date: /(?<![_\\])[dmhysDMHYS]/.test(bare), duration: /\[(?:hh?|mm?|ss?)\]/i.test(format) };
  });
}

/** The rows of a sheet by place, and whether any cell within its declared dimension holds a value. */
function sheetCells(root, book) {
  if (root.namespaceURI !== MAIN) throw new BadInput("workbook_strict");
  const [lastColumn, lastRow] = dimensionOf(root);
  const rows = [];
  let filled = false;
  let nCells = 0;
  for (const row of children(child(root, "sheetData"), "row")) {
    const number = row.hasAttribute("r") ? Number(row.getAttribute("r")) : rows.length + 1;
    if (!Number.isInteger(number) || number <= rows.length) throw new BadInput("workbook_damaged");
    if (number > LIMITS.rows) throw new BadInput("too_many_rows", { n: LIMITS.rows });
    while (rows.length < number - 1) rows.push([]);
    const cells = [];
    for (const element of children(row, "c")) {
      const place = element.hasAttribute("r") ? columnOf(element.getAttribute("r"), number) : cells.length;
      if (place < cells.length) throw new BadInput("workbook_damaged");
      nCells += place + 1 - cells.length;
      if (nCells > LIMITS.cells) throw new BadInput("too_many_cells", { n: LIMITS.cells });
      while (cells.length < place) cells.push(null);
      const cell = cellValue(element, book);
      filled ||= cell !== null && number <= lastRow && place < lastColumn && cell.hasValue;
      cells.push(cell === null ? null : cell.text);
    }
    rows.push(cells);
  }
  return { rows, filled };
}

function dimensionOf(root) {
  const found = /^(?:[A-Z]+[0-9]+:)?([A-Z]+)([0-9]+)$/.exec(child(root, "dimension")?.getAttribute("ref") ?? "");
  return found ? [columnNumber(found[1]), Number(found[2])] : [Infinity, Infinity];
}

function columnOf(reference, row) {
  const found = /^([A-Z]{1,3})([0-9]+)$/.exec(reference);
  if (!found || Number(found[2]) !== row) throw new BadInput("workbook_damaged");
  return columnNumber(found[1]) - 1;
}

function columnNumber(letters) {
  return Array.from(letters).reduce((number, letter) => number * 26 + letter.charCodeAt(0) - 64, 0);
}

function textRows(rows) {
  return rows.map((cells) => cells.map((text) => text ?? ""));
}

/** The text of a cell or its fault, and whether a value is stored; null for a cell that is only formatted. */
function cellValue(element, book) {
  const type = element.getAttribute("t") ?? "n";
  const stored = child(element, "v")?.textContent || null;
  if (type === "e") return { hasValue: stored !== null, text: fault("excel_error") };
  if (type === "inlineStr") {
    const inline = child(element, "is");
    return inline === null ? null : { hasValue: true, text: cellOf(stringOf(inline)) };
  }
  if (stored === null) {
    return child(element, "f") === null ? null : { hasValue: false, text: fault("formula_without_value") };
  }
  return { hasValue: true, text: storedText(type, stored, element, book) };
}

function storedText(type, stored, element, book) {
  if (type === "s") {
    // openpyxl takes these letters out of every shared string, wherever they stand.
    if (!/^[0-9]+$/.test(stored) || !(Number(stored) < book.strings.length)) throw new BadInput("workbook_damaged");
    return cellOf(book.strings[Number(stored)].replaceAll("x005F_", ""));
  }
  if (type === "str") return cellOf(stored);
  if (type === "b") return { 0: "FALSE", 1: "TRUE" }[stored] ?? fault("cell_of_other_kind");
  if (type !== "n") return fault("cell_of_other_kind");
  if (!/^-?[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?$/.test(stored)) throw new BadInput("workbook_damaged");
  const styleId = Number(element.getAttribute("s") ?? 0);
  const style = book.styles[styleId] ?? { date: false, duration: false };
  return style.date ? dateText(Number(stored), style, book.epoch) : numberText(stored);
}

/** A number as the text a person would have typed, without a needless decimal part. */
function numberText(stored) {
  const number = Number(stored);
  // Beyond these limits JavaScript and Python write a number differently, or JavaScript does not hold it exactly.
  if (Math.abs(number) > Number.MAX_SAFE_INTEGER) return fault("number_too_large");
  if (number !== 0 && Math.abs(number) < 1e-4) return fault("number_too_small");
  return String(Object.is(number, -0) ? 0 : number);
}

/** A day, with its time unless that is midnight, for a serial number of days. */
function dateText(serial, style, epoch) {
  if (style.duration) return fault("cell_is_duration");
  if (!(serial >= 0 && serial < 2958466)) return fault("excel_error"); // after 9999-12-31 openpyxl calls it an error too
  const day = Math.floor(serial);
  // Half-way cases are rounded to even there and upwards here; no date is typed to half a millisecond.
  const ms = Math.round((serial - day) * 86400 * 1000);
  if (day === 0 && ms < DAY_MS) return fault("cell_is_time");
  const shift = epoch === 1900 && serial > 0 && serial < 60 ? 1 : 0;
  const at = new Date(EPOCHS[epoch] + (day + shift) * DAY_MS + ms).toISOString();
  if (at.length > 24) return fault("excel_error");
  return at.slice(11, 23) === "00:00:00.000" ? at.slice(0, 10) : `${at.slice(0, 10)} ${at.slice(11, 19)}`;
}
