// CSV files as agencies save them, read as mse.registers.delimited reads them with Python's strict csv reader.

const DELIMITERS = [";", ","];
const LONGEST_FIELD = 131072;
const SIGNATURES = [
  [[0x50, 0x4b, 0x03, 0x04], "csv_is_workbook"],
  [[0xd0, 0xcf, 0x11, 0xe0], "csv_is_old_workbook"],
  [[0x50, 0x41, 0x52, 0x31], "csv_is_parquet"],
  [[0xff, 0xfe], "csv_is_utf16"],
  [[0xfe, 0xff], "csv_is_utf16"],
];
const IMPLAUSIBLE = /[A-Za-z][\u2018\u2019\u201c\u201d†‡ˆ‰‹›Œ¤¦¬¶±×÷¢¥¿¾½¼®¯][A-Za-z]/;
const APOSTROPHES = /(?<=[A-Za-z])\u2019(?=[A-Za-z])/g;
const TWICE_ENCODED = /Ã[¸¦¥†˜…]/;
const CONTROL = /[\x00-\x08\x0e-\x1f]/;
// Bytes that Windows-1252 does not define; browsers read control characters there, Python reads nothing.
const UNDEFINED_1252 = new Set([0x81, 0x8d, 0x8f, 0x90, 0x9d]);

/** The cells of a CSV file; of the separators the one that finds more of the declared headings is taken. */
function csvTable(content, declared) {
  let [text, notes] = decoded(content);
  const lineEnd = text.indexOf("\n");
  const first = stripped(lineEnd < 0 ? text : text.slice(0, lineEnd)).toLowerCase();
  if (first === "sep=;" || first === "sep=,") text = lineEnd < 0 ? "" : text.slice(lineEnd + 1);
  const [delimiter, header] = heading(text, declared);
  const reader = new CsvReader(text, delimiter);
  reader.next();
  const raw = [];
  const broken = [];
  for (;;) {
    const before = reader.nLines;
    const row = reader.next();
    if (row === null) break;
    if (Array.isArray(row)) {
      raw.push(row.map(cellOf));
      continue;
    }
    raw.push(row);
    // The rows that the fault swallowed cannot be counted, so none of them can be set aside one by one.
    if (reader.nLines > before + 1) {
      broken.push(problem(null, null, fault("rows_run_together", { row: raw.length, lines: reader.nLines - before })));
    }
  }
  const table = tableOf(header, raw, notes);
  return { ...table, problems: [...table.problems, ...broken] };
}

function heading(text, declared) {
  const found = DELIMITERS.map((delimiter) => [delimiter, new CsvReader(text, delimiter).next() ?? []]).filter(
    ([, header]) => Array.isArray(header),
  );
  if (!found.some(([, header]) => header.some(Boolean))) throw new BadInput("no_heading_row");
  const score = ([, header]) => {
    const names = new Set(header.map((name) => stripped(name).normalize("NFC")));
    return [[...names].filter((name) => declared.has(name)).length, header.length];
  };
  return found.reduce((best, other) => {
    const [a, b] = [score(best), score(other)];
    return b[0] > a[0] || (b[0] === a[0] && b[1] > a[1]) ? other : best;
  });
}

/** Rows of a CSV text: arrays of fields, or a fault in place of a row that cannot be taken apart, or null at the end. */
class CsvReader {
  constructor(text, delimiter) {
    // A line keeps its end; \r\n is one end, \r and \n alone are one each.
    this.lines = text.match(/[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+$/g) ?? [];
    this.delimiter = delimiter;
    this.nLines = 0;
  }

  next() {
    if (this.nLines >= this.lines.length) return null;
    const row = [];
    let field = "";
    let nInField = 0;
    let state = "start";
    while (this.nLines < this.lines.length) {
      const line = this.lines[this.nLines];
      this.nLines += 1;
      for (let i = 0; i < line.length; i += 1) {
        const c = line[i];
        if (state === "quoted") {
          if (c === '"') {
            state = "quote in quoted";
            continue;
          }
        } else if (c === "\n" || c === "\r") {
          if (state === "start") return row;
          row.push(field);
          return row;
        } else if (c === this.delimiter) {
          row.push(field);
          [field, nInField, state] = ["", 0, "field start"];
          continue;
        } else if (c === '"' && (state === "start" || state === "field start")) {
          state = "quoted";
          continue;
        } else if (state === "quote in quoted") {
          if (c !== '"') return fault("stray_quote");
          state = "quoted";
        } else {
          state = "field";
        }
        const isSecondHalf = c >= "\udc00" && c <= "\udfff";
        if (!isSecondHalf) nInField += 1;
        if (nInField > LONGEST_FIELD) return fault("cell_too_long", { n: LONGEST_FIELD });
        field += c;
      }
      if (state !== "quoted") {
        row.push(field); // the text ends without a line end
        return row;
      }
    }
    return fault("open_quote");
  }
}

function decoded(content) {
  if (!content.some((byte) => !(byte === 32 || (byte >= 9 && byte <= 13)))) throw new BadInput("file_is_empty");
  for (const [signature, name] of SIGNATURES) {
    if (signature.every((byte, i) => content[i] === byte)) throw new BadInput(name);
  }
  if (content.includes(0)) throw new BadInput("csv_with_nul");
  let text;
  try {
    text = new TextDecoder("utf-8", { fatal: true }).decode(content);
  } catch {
    return decodedOtherwise(content);
  }
  return [text, TWICE_ENCODED.test(text) ? [fault("encoded_twice")] : []];
}

function decodedOtherwise(content) {
  let windows = false;
  let undefinedByte = false;
  content.forEach((byte, i) => {
    if (byte === 0xc3 && content[i + 1] >= 0x80 && content[i + 1] <= 0xbf) throw new BadInput("mixed_encoding");
    windows ||= byte >= 0x80 && byte <= 0x9f;
    undefinedByte ||= UNDEFINED_1252.has(byte);
  });
  const text = new TextDecoder("windows-1252").decode(content);
  if (undefinedByte || CONTROL.test(text) || IMPLAUSIBLE.test(text.replace(APOSTROPHES, ""))) {
    throw new BadInput("unknown_encoding");
  }
  return [text, [fault("not_utf8", { encoding: windows ? "Windows-1252" : "Latin-1" })]];
}
