// The form in which an agency without a codebook says what its list is and what its columns mean.

const TEXT_ENTRIES = [
  ["name", "input"],
  ["agency", "input"],
  ["start", "date"],
  ["end", "date"],
  ["population", "select"],
  ["presence", "select"],
  ["case_definition", "textarea"],
  ["case_definition_id", "input"],
  ["counting_rule", "textarea"],
  ["population_covered", "textarea"],
];
const MOST_CODES = 60;

/** What is filled in: the entries, and for each heading its field and the meaning of its values. */
function emptyForm() {
  return { entries: { population: "adults", presence: "in contact" }, columns: new Map(), sheet: "" };
}

/** The form for a table, with guesses for headings that it does not hold yet; a column without heading is not in it. */
function fitForm(form, table) {
  const taken = new Set();
  const columns = new Map();
  for (const [place, name] of table.header.entries()) {
    if (!name) continue;
    const values = table.rows.map(([, cells]) => cells[place]).filter((cell) => cell && !isFault(cell));
    const guess = guessedField(name);
    const field = form.columns.get(name)?.field ?? (taken.has(guess) && guess !== "alias" ? "" : guess);
    taken.add(field);
    const local = [...new Set(values.map((value) => value.normalize("NFC")))].sort(new Intl.Collator("nb").compare);
    columns.set(name, { field, nFilled: values.length, local, codes: form.columns.get(name)?.codes ?? new Map() });
  }
  for (const column of columns.values()) guessCodes(column);
  return { ...form, columns, nRows: table.rows.length };
}

/** The codebook that the filled form is. */
function codebookOfForm(form) {
  const text = (key) => stripped(form.entries[key] ?? "");
  const problems = [];
  const columns = [...form.columns].map(([name, { field, local, codes }]) => {
    if (!(field in PAGE.common_categories)) return columnFor(name, field);
    if (local.some((code) => !codes.get(code))) problems.push(fault("codes_not_chosen", { column: name }));
    return columnFor(name, field, new Map(local.filter((code) => codes.get(code)).map((code) => [code, codes.get(code)])));
  });
  const entries = Object.fromEntries(TEXT_ENTRIES.map(([key]) => [key, text(key)]));
  return checked({ ...entries, sheet: form.sheet, columns }, problems, "form_not_done");
}

function plain(text) {
  return inLetters(text.toLowerCase()).replaceAll(UNKNOWN, "").trim().replace(/ +/g, " ");
}

function guessedField(heading) {
  const name = plain(heading.replaceAll("_", " "));
  const found = Object.entries(PAGE.guesses.headings).find(([, names]) => names.some((each) => plain(each) === name));
  return found ? found[0] : "";
}

/** Fills in what a value means where it is the code or label of a category, or a common abbreviation of it. */
function guessCodes({ field, local, codes }) {
  const common = PAGE.common_categories[field];
  for (const value of common ? local : []) {
    if (codes.has(value)) continue;
    const found = common.categories.find(({ code, nb, en }) =>
      [code, nb, en, ...(PAGE.guesses.values[field]?.[code] ?? [])].some((each) => each.toLowerCase() === value.toLowerCase()),
    );
    if (found) codes.set(value, found.code);
  }
}

/** Draws the form; `changed` is called after every change of it. */
function drawForm(place, form, changed) {
  const entries = element("div", { class: "grid" }, TEXT_ENTRIES.map(([key, kind]) => entry(form, key, kind, changed)));
  const save = element("button", { type: "button", id: "save-codebook" }, say("form.codebook_save"));
  const columns = form.columns.size
    ? [...form.columns.keys()].map((name) => columnRow(form, name, changed))
    : [element("p", { class: "quiet" }, say("meaning.waiting"))];
  place.replaceChildren(
    entries,
    element("h3", {}, say("form.columns")),
    element("p", {}, say("form.columns_text")),
    ...columns,
    element("div", { class: "buttons" }, save),
  );
}

function entry(form, key, kind, changed) {
  const id = `form-${key}`;
  const hint = PAGE.texts[language].form[`${key}_hint`];
  const about = { id, "aria-describedby": hint ? `${id}-hint` : null };
  let control;
  if (kind === "select") {
    const choices = key === "population" ? PAGE.populations : PAGE.presences;
    const options = choices.map((value) => element("option", { value }, say(`${key}.${value.replace(" ", "_")}`)));
    control = element("select", about, options);
  } else if (kind === "textarea") {
    control = element("textarea", { ...about, rows: 2 });
  } else {
    control = element("input", { ...about, type: kind === "date" ? "date" : "text", autocomplete: "off" });
  }
  control.value = form.entries[key] ?? "";
  control.addEventListener("input", () => {
    form.entries[key] = control.value;
    changed();
  });
  const label = element("label", { for: id }, say(`form.${key}`));
  const hints = hint ? [element("span", { class: "hint", id: `${id}-hint` }, hint)] : [];
  return element("div", { class: kind === "textarea" ? "wide" : null }, label, hints, control);
}

function columnRow(form, name, changed) {
  const column = form.columns.get(name);
  const id = `column-${[...form.columns.keys()].indexOf(name)}`;
  const used = new Set(Object.values(PAGE.rules.forms).flatMap(({ all_of: all, any_of: any }) => all ?? any));
  const group = (title, fields) =>
    element("optgroup", { label: title }, fields.map((field) => element("option", { value: field }, fieldName(field))));
  const select = element(
    "select",
    { id },
    element("option", { value: "" }, say("form.not_used")),
    group(say("form.to_be_encoded"), PAGE.identifier_fields.filter((field) => used.has(field))),
    group(say("form.sent_as_categories"), Object.keys(PAGE.common_categories)),
  );
  select.value = column.field;
  const filled = say("form.filled", {
    filled: number(column.nFilled),
    rows: number(form.nRows),
    distinct: number(column.local.length),
  });
  const row = element(
    "div",
    { class: "column" },
    element("label", { for: id }, name, " ", element("span", { class: "quiet" }, filled)),
    select,
  );
  const drawCodes = () => {
    row.querySelector(".codes")?.remove();
    if (column.field in PAGE.common_categories && column.local.length) row.append(codesPart(column, name, id, changed));
  };
  select.addEventListener("change", () => {
    column.field = select.value;
    column.codes.clear();
    guessCodes(column);
    drawCodes();
    changed();
  });
  drawCodes();
  return row;
}

function codesPart(column, name, id, changed) {
  const about = { class: "codes" };
  const legend = element("legend", {}, say("form.codes_of", { column: name }));
  if (column.local.length > MOST_CODES) {
    return element("fieldset", about, legend, say("form.too_many_codes", { n: number(column.local.length) }));
  }
  const options = () => [
    element("option", { value: "" }, say("form.choose")),
    ...PAGE.common_categories[column.field].categories.map((each) => element("option", { value: each.code }, each[language])),
  ];
  const rows = column.local.map((local, i) => {
    const select = element("select", { id: `${id}-${i}` }, options());
    select.value = column.codes.get(local) ?? "";
    select.addEventListener("change", () => {
      column.codes.set(local, select.value);
      changed();
    });
    return element("div", { class: "column" }, element("label", { for: `${id}-${i}` }, local), select);
  });
  return element("fieldset", about, legend, element("p", { class: "quiet" }, say("form.codes_text")), rows);
}
