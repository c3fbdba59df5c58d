// Sentences in the language of the page, and the small building blocks of what it shows. Text goes in as text only.

let language = "nb";

/** The sentence of a name such as "list.heading", with its values filled in. */
function say(path, values = {}) {
  const sentence = path.split(".").reduce((part, key) => part[key], PAGE.texts[language]);
  return filledIn(sentence, values);
}

function filledIn(sentence, values) {
  return sentence.replace(/\{([a-z_]+)\}/g, (whole, key) => (key in values ? String(values[key]) : whole));
}

function sayFault({ name, values }) {
  return say(`faults.${name}`, values.key ? { ...values, key: entryName(values.key) } : values);
}

/** What an entry of the codebook is called in the form. */
function entryName(key) {
  return key in PAGE.texts[language].form ? say(`form.${key}`) : key;
}

function sayProblem({ row, column, fault: what }) {
  if (row === null) return sayFault(what);
  const line = row + 1; // the headings are the first row of the sheet
  const place = column === null ? say("failure.row", { row, line }) : say("failure.row_column", { row, line, column });
  return `${place}: ${sayFault(what)}`;
}

function fieldName(field) {
  const common = PAGE.common_categories[field];
  if (common) return common[language];
  const [, base, count] = /^(.*?)(?:_([0-9]+))?$/.exec(field);
  if (!(base in PAGE.texts[language].field)) return field;
  return say(`field.${base}`) + (count ? ` ${count}` : "");
}

function number(n) {
  return n.toLocaleString(language === "nb" ? "nb-NO" : "en-GB");
}

function percent(part, whole) {
  return whole === 0 ? "" : `${number(Math.round((100 * part) / whole))}${language === "nb" ? "\u00a0" : ""}%`;
}

/** An element with attributes, and children that are elements or text. */
function element(tag, attributes = {}, ...content) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === true) made.setAttribute(name, "");
    else if (value !== false && value !== null) made.setAttribute(name, value);
  }
  made.append(...content.flat());
  return made;
}

function bullets(lines, most = 20) {
  const shown = lines.slice(0, most).map((line) => element("li", {}, line));
  if (lines.length > most) shown.push(element("li", {}, say("failure.more", { n: number(lines.length - most) })));
  return element("ul", { class: "plain" }, shown);
}

/** What is wrong, with all its reasons. */
function failureBox(error) {
  if (!(error instanceof BadInput)) {
    // Neither message nor stack is shown: they might hold what stands in a cell.
    return element("div", { class: "said wrong" }, element("p", {}, say("failure.unexpected", { kind: error.name })));
  }
  const box = element("div", { class: "said wrong" }, element("p", {}, sayFault(error.fault)));
  if (error.reasons.length) {
    const n = error.reasons.length;
    box.append(element("p", {}, n === 1 ? say("failure.one") : say("failure.several", { n: number(n) })));
    if (error.reasons.every(({ row }) => row > 0)) box.append(element("p", {}, say("failure.set_aside")));
    box.append(bullets(error.reasons.map((reason) => ("fault" in reason ? sayProblem(reason) : sayFault(reason)))));
  }
  return box;
}

function saidBox(text, notes = [], kind = "") {
  const box = element("div", { class: `said ${kind}` }, element("p", {}, text));
  if (notes.length) box.append(bullets(notes.map(sayFault)));
  return box;
}
