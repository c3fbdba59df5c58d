// What the check shows before anything is saved: counts, never values.

/** Draws the outcome of the check; `accepted` holds the ids of the risks that were ticked. */
function drawResult(place, { register, encoded, risks }, accepted, changed) {
  place.replaceChildren(
    element("h3", {}, say("result.heading")),
    countsTable(register, encoded),
    fieldsTable(register, encoded),
    ...notesPart(register),
    ...mergedPart(encoded),
    ...risksPart(risks, accepted, changed),
  );
}

function countsTable(register, encoded) {
  const { n_rows: nRows, n_set_aside: nAside, n_records: nRecords } = encoded.header;
  const counts = [
    ["rows", nRows],
    ...(nAside ? [["aside", nAside]] : []),
    ["merged_rows", nRows - nRecords],
    ["records", nRecords],
  ];
  const rows = counts.map(([name, n]) => tableRow(say(`result.${name}`), number(n)));
  return element("table", {}, element("tbody", {}, rows));
}

function fieldsTable(register, encoded) {
  const used = new Set(encoded.header.fields.flatMap(({ of }) => of));
  const nRows = register.records.length;
  const present = (field) => register.records.filter(({ values }) => values.has(field)).length;
  const line = (field) => {
    const n = present(field);
    return tableRow(fieldName(field), number(n), percent(nRows - n, nRows));
  };
  const codes = [...register.fields.keys()].filter((field) => used.has(commonField(field)));
  const notSent = register.codebook.columns
    .filter(({ name }) => ![...codes, ...encoded.attributes].some((field) => register.fields.get(field)?.name === name))
    .map(({ name }) => name);
  const columns = [say("result.field"), say("result.present"), say("result.share")];
  const head = element("thead", {}, headRow(columns));
  const parts = [[say("result.fields"), codes], [say("result.attributes"), encoded.attributes]];
  const made = parts
    .filter(([, fields]) => fields.length)
    .flatMap(([title, fields]) => [
      element("h4", {}, title),
      element("table", {}, head.cloneNode(true), element("tbody", {}, fields.map(line))),
    ]);
  if (notSent.length) made.push(element("p", { class: "quiet" }, say("result.not_sent", { columns: notSent.join(", ") })));
  return element("div", {}, made);
}

function headRow(cells) {
  return element("tr", {}, cells.map((cell, i) => element("th", { scope: "col", class: i ? "number" : null }, cell)));
}

function tableRow(name, ...cells) {
  return element("tr", {}, element("th", { scope: "row" }, name), cells.map((cell) => element("td", { class: "number" }, cell)));
}

function notesPart(register) {
  const parts = [];
  if (register.notes.length) parts.push(element("h4", {}, say("result.notes")), bullets(register.notes.map(sayFault)));
  if (register.problems.length) {
    parts.push(element("h4", {}, say("result.row_problems")), bullets(register.problems.map(sayProblem)));
  }
  return parts;
}

function mergedPart({ merged }) {
  const line = ({ row, sameAs, reason, merged: joined }) =>
    joined
      ? say("result.merged_line", { row, line: row + 1, same: sameAs, same_line: sameAs + 1, reason: say(`same.${reason}`) })
      : say("result.undated", { row, same: sameAs });
  const parts = [];
  const [joined, left] = [merged.filter((each) => each.merged), merged.filter((each) => !each.merged)];
  if (joined.length) parts.push(element("p", {}, say("result.merged_text")), bullets(joined.map(line)));
  if (left.length) parts.push(bullets(left.map(line)));
  return parts.length ? [element("h4", {}, say("result.merged")), ...parts] : [];
}

function risksPart(risks, accepted, changed) {
  if (!risks.length) return [];
  const boxes = risks.map(({ risk, found }) => {
    const filled = (texts) => riskText(texts[language], found, language, fieldName);
    const box = element(
      "div",
      { class: `risk ${risk.level}` },
      element("h4", {}, risk.title[language]),
      element("p", {}, capital(filled(risk.text))),
      element("p", { class: "quiet" }, filled(risk.mend)),
    );
    box.append(risk.level === "refuse" ? element("p", {}, say("risk.refused")) : tick(risk.id, accepted, changed));
    return box;
  });
  return [element("h3", {}, say("risk.heading")), element("p", {}, say("risk.text")), ...boxes];
}

function capital(text) {
  return text.charAt(0).toLocaleUpperCase() + text.slice(1);
}

function tick(id, accepted, changed) {
  const box = element("input", { type: "checkbox", id: `accept-${id}` });
  box.checked = accepted.has(id);
  box.addEventListener("change", () => {
    if (box.checked) accepted.add(id);
    else accepted.delete(id);
    changed();
  });
  return element("label", { class: "tick" }, box, say("risk.accept"));
}
