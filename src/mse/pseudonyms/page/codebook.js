// The codebook of a list: read from TOML or filled in on the page, and checked as mse.registers.codebook checks it.

const REGISTER_NAME = /^\p{L}[\p{L}\p{N}_-]*$/u;
const FIELD_NAME = /^[a-z][a-z0-9]*(_[a-z0-9]+)*$/;
const NUMBERED_ALIAS = /^alias_[0-9]+$/;
const CATEGORY_NAME = /^[a-z0-9]+([_-][a-z0-9]+)*$/;

/** The codebook of a TOML text. */
function codebookOf(text) {
  let raw;
  try {
    raw = toml.parse(text.replace(/^\ufeff/, "").replaceAll("\r\n", "\n"));
  } catch (error) {
    throw new BadInput("codebook_not_toml", { line: error.line ?? "?" });
  }
  // smol-toml reads 30 February as 1 March.
  for (const [, ...parts] of text.matchAll(/(?:start|end)["']?\s*=\s*([0-9]{4})-([0-9]{2})-([0-9]{2})/g)) {
    if (existingDay(...parts.map(Number)) === null) throw new BadInput("bad_codebook", {}, [fault("bad_period")]);
  }
  const problems = Object.keys(raw)
    .filter((key) => !["register", "columns"].includes(key))
    .map((key) => fault("unknown_part", { key }));
  for (const key of ["register", "columns"]) {
    if (!isTable(raw[key])) problems.push(fault("missing_part", { key }));
  }
  if (problems.length) throw new BadInput("bad_codebook", {}, problems);
  const register = raw.register;
  const period = isTable(register.period) ? register.period : {};
  for (const key of Object.keys(register)) {
    if (!["period", "sheet", ...PAGE.register_keys].includes(key)) problems.push(fault("unknown_register_key", { key }));
  }
  if ("sheet" in register && !isFilled(register.sheet)) problems.push(fault("empty_entry", { key: "sheet" }));
  if (Object.keys(period).sort().join() !== "end,start") problems.push(fault("bad_period"));
  const columns = Object.entries(raw.columns).map(([name, spec]) => columnOfSpec(name, spec, problems));
  const codebook = {
    ...Object.fromEntries(PAGE.register_keys.filter((key) => key !== "period").map((key) => [key, register[key]])),
    start: dayOf(period.start),
    end: dayOf(period.end),
    sheet: register.sheet ?? "",
    columns: columns.filter((column) => column !== null),
  };
  return checked(codebook, problems);
}

/** The codebook if nothing is wrong with it. */
function checked(codebook, problems = [], name = "bad_codebook") {
  const found = [...problems, ...registerProblems(codebook), ...codebook.columns.flatMap(columnProblems)];
  found.push(...betweenColumns(codebook.columns));
  if (found.length) throw new BadInput(name, {}, found);
  return codebook;
}

/** The columns that are read, by the field of the records; a second `alias` becomes `alias_2`, and so on. */
function recordFields(codebook) {
  const seen = new Map();
  const fields = new Map();
  for (const column of codebook.columns) {
    if (column.kind === "ignore") continue;
    const count = (seen.get(column.field) ?? 0) + 1;
    seen.set(column.field, count);
    fields.set(count === 1 ? column.field : `${column.field}_${count}`, column);
  }
  return fields;
}

/** Local code to category: the declared codes, or else the common categories themselves; may be empty. */
function acceptedCodes(column) {
  const common = PAGE.common_categories[column.field];
  if (column.codes.size || common === undefined) return column.codes;
  return new Map(common.categories.map(({ code }) => [code, code]));
}

/** The codebook as a TOML text that `codebookOf` and the command line read again. */
function tomlOf(codebook) {
  const register = Object.fromEntries(
    PAGE.register_keys.filter((key) => key !== "period").map((key) => [key, codebook[key]]),
  );
  register.period = { start: new toml.TomlDate(codebook.start), end: new toml.TomlDate(codebook.end) };
  if (codebook.sheet) register.sheet = codebook.sheet;
  const columns = Object.fromEntries(codebook.columns.map((column) => [column.name, specOf(column)]));
  return toml.stringify({ register, columns });
}

function specOf(column) {
  if (column.kind === "ignore") return { kind: "ignore" };
  const spec = { kind: column.kind, field: column.field, identifier: column.identifier };
  if (column.ictip) spec.ictip = column.ictip;
  if (column.codes.size) spec.codes = Object.fromEntries(column.codes);
  return spec;
}

/** A column as the rules of identifiers want it, for a field chosen on the page. */
function columnFor(name, field, codes = new Map()) {
  if (!field) return { name, kind: "ignore", field: "", identifier: false, ictip: "", codes: new Map() };
  const common = PAGE.common_categories[field];
  const kind = PAGE.kind_of_field[field] ?? "category";
  return { name, kind, field, identifier: common === undefined, ictip: common?.ictip ?? "", codes };
}

function columnOfSpec(name, spec, problems) {
  const column = name.normalize("NFC");
  if (!isTable(spec)) {
    problems.push(fault("column_not_table", { column }));
    return null;
  }
  const shapes = { kind: "string", field: "string", identifier: "boolean", ictip: "string", codes: "object" };
  const before = problems.length;
  for (const [key, value] of Object.entries(spec)) {
    if (!(key in shapes)) problems.push(fault("unknown_column_key", { column, key }));
    else if (key === "codes" ? !isTable(value) : typeof value !== shapes[key]) {
      problems.push(fault("bad_column_entry", { column, key }));
    }
  }
  if (!("kind" in spec)) problems.push(fault("no_kind", { column }));
  if (problems.length > before) return null;
  const codes = new Map();
  for (const [local, common] of Object.entries(spec.codes ?? {})) {
    if (typeof common !== "string") problems.push(fault("code_not_text", { column, code: local }));
    else codes.set(local.normalize("NFC"), common);
  }
  const field = spec.field ?? "";
  const guess = PAGE.identifier_fields.includes(field) || [...PAGE.free_kinds, "date"].includes(spec.kind);
  return { name: column, kind: spec.kind, field, identifier: spec.identifier ?? guess, ictip: spec.ictip ?? "", codes };
}

function* registerProblems(codebook) {
  for (const key of PAGE.text_keys) if (!isFilled(codebook[key])) yield fault("empty_entry", { key });
  if (isFilled(codebook.name) && !REGISTER_NAME.test(codebook.name)) yield fault("bad_list_name", { name: codebook.name });
  for (const [key, allowed] of [["population", PAGE.populations], ["presence", PAGE.presences]]) {
    if (!allowed.includes(codebook[key])) yield fault("bad_choice", { key, allowed: allowed.join(", ") });
  }
  if (!codebook.start || !codebook.end) yield fault("bad_period");
  else if (codebook.end < codebook.start) yield fault("period_backwards", { start: codebook.start, end: codebook.end });
}

function columnProblems(column) {
  return [...faultsOf(column)].map(([name, values]) => fault(name, { column: column.name, ...values }));
}

function* faultsOf(column) {
  const common = PAGE.common_categories[column.field];
  if (!column.name || stripped(column.name) !== column.name) yield ["bad_column_name"];
  // JavaScript puts such names before all others, whatever the order in the file; the order of aliases counts.
  if (isDigits(column.name)) yield ["heading_of_digits"];
  if (!PAGE.kinds.includes(column.kind)) {
    yield ["bad_kind", { kinds: PAGE.kinds.join(", ") }];
    return;
  }
  if (column.kind === "ignore") {
    if (column.field || column.codes.size || column.identifier) yield ["ignored_with_entries"];
    return;
  }
  if (!FIELD_NAME.test(column.field)) {
    yield ["bad_field"];
    return;
  }
  if (NUMBERED_ALIAS.test(column.field)) yield ["numbered_alias"];
  const right = PAGE.kind_of_field[column.field] ?? column.kind;
  if (column.kind !== right) yield ["wrong_kind", { field: column.field, kind: right }];
  if (PAGE.identifier_fields.includes(column.field) && !column.identifier) yield ["must_identify", { field: column.field }];
  if (common && column.identifier) yield ["must_not_identify", { field: column.field }];
  if (PAGE.free_kinds.includes(column.kind) && !column.identifier) yield ["free_text"];
  if (column.codes.size && column.kind !== "category") {
    yield ["codes_without_category"];
    return;
  }
  if (column.kind === "category" && !column.codes.size && !column.identifier && !common) yield ["codes_missing"];
  for (const [local, category] of column.codes) {
    if (!local || stripped(local) !== local) yield ["blank_code"];
    const codes = common?.categories.map(({ code }) => code);
    if (codes && !codes.includes(category)) yield ["unknown_category", { code: local, allowed: codes.join(", ") }];
    if (!codes && !column.identifier && !CATEGORY_NAME.test(category)) yield ["bad_category", { code: local }];
  }
}

function* betweenColumns(columns) {
  const names = columns.map(({ name }) => name);
  for (const name of new Set(names.filter((each, i) => names.indexOf(each) !== i))) yield fault("column_twice", { name });
  const read = columns.filter(({ kind }) => kind !== "ignore");
  const fields = read.map(({ field }) => field).filter((field) => !PAGE.repeatable_fields.includes(field));
  for (const field of new Set(fields.filter((each, i) => fields.indexOf(each) !== i))) {
    const declared = read.filter((column) => column.field === field).map(({ name }) => name);
    yield fault("field_twice", { field, columns: declared.join(", ") });
  }
  if (!read.length) yield fault("nothing_read");
}

function isTable(value) {
  return typeof value === "object" && value !== null && !Array.isArray(value) && !(value instanceof Date);
}

function isFilled(value) {
  return typeof value === "string" && stripped(value) !== "";
}

/** An ISO date of a TOML date without a time; empty for anything else. */
function dayOf(value) {
  return value instanceof toml.TomlDate && value.isDate() ? value.toISOString() : "";
}

/** The codebook in the content of a file. */
function codebookOfBytes(content) {
  let text;
  try {
    text = new TextDecoder("utf-8", { fatal: true }).decode(content);
  } catch {
    throw new BadInput("codebook_not_toml", { line: 1 });
  }
  return codebookOf(text);
}
