// What the disclosure check finds in a list before anything is saved, by the table PAGE.risks (risks.json), as
// mse.pseudonyms.disclosure finds it. What only other lists could tell is left to the receiving check.

const DATES = ["birth_date", "birth_year"];

/** The risks found: each with its id, level, and the values that stand in its text. */
function risksOf(register, encoded) {
  const finders = {
    nothing_to_link: () => nothingToLink(encoded),
    small_groups: () => smallGroups(encoded),
    frequent_values: () => frequentValues(encoded),
    small_domain: () => columnsOnlyOf(encoded, PAGE.risks.small_domain_fields),
    similarity: () => (encoded.header.encoding === "bloom" ? {} : null),
    missing_values: () => missingValues(register),
    january_first: () => januaryFirst(register),
  };
  return PAGE.risks.risks
    .filter(({ id, at }) => at.includes("agency") && id in finders)
    .map((risk) => ({ risk, found: finders[risk.id]() }))
    .filter(({ found }) => found !== null);
}

/** A count as it may be shown: never exact. */
function rounded(n, language) {
  const { rounding } = PAGE.risks.limits;
  if (n < rounding) return PAGE.risks.few[language].replace("{n}", rounding);
  return PAGE.risks.about[language].replace("{n}", rounding * Math.floor((n + 2) / rounding));
}

/** A text of the table with what was found in it; `nameOf` says what a field is called. */
function riskText(text, found, language, nameOf) {
  return filledIn(text, {
    limit: found.limit ?? "",
    count: found.count === undefined ? "" : rounded(found.count, language),
    fields: (found.fields ?? []).map(nameOf).join(", "),
  });
}

function tokenCellsOf(encoded) {
  return encoded.tokens.map(({ name, kind }) => ({ name, kind, cells: encoded.columns.get(name) }));
}

function nothingToLink(encoded) {
  const columns = tokenCellsOf(encoded);
  const isFew = columns.every(({ cells }) => cells.length < PAGE.risks.limits.small_group);
  return isFew || columns.some(({ cells }) => cells.some(Boolean)) ? null : {};
}

function smallGroups(encoded) {
  const fields = PAGE.risks.group_fields.filter((field) => encoded.attributes.includes(field));
  const { small_group: limit } = PAGE.risks.limits;
  const sizes = new Map();
  for (let i = 0; fields.length && i < encoded.header.n_records; i += 1) {
    const group = fields.map((field) => encoded.columns.get(field)[i]).join("|");
    sizes.set(group, (sizes.get(group) ?? 0) + 1);
  }
  const count = [...sizes.values()].filter((size) => size < limit).reduce((sum, size) => sum + size, 0);
  return count > 0 ? { count, limit, fields } : null;
}

function frequentValues(encoded) {
  const { frequent_percent: limit, frequent_records: fewest } = PAGE.risks.limits;
  const found = [];
  for (const { name, kind, cells } of tokenCellsOf(encoded)) {
    if (!["token", "tokens"].includes(kind)) continue;
    const counts = new Map();
    for (const cell of cells) {
      for (const token of new Set(cell ? cell.split("|") : [])) counts.set(token, (counts.get(token) ?? 0) + 1);
    }
    const most = [...counts.values()].reduce((a, b) => Math.max(a, b), 0);
    if (most >= fewest && 100 * most > limit * cells.length) found.push({ name, most });
  }
  const count = found.reduce((largest, { most }) => Math.max(largest, most), 0);
  return found.length ? { count, limit, fields: found.map(({ name }) => name) } : null;
}

function columnsOnlyOf(encoded, small) {
  const fields = encoded.header.fields.filter(({ of }) => of.every((field) => small.includes(field)));
  return fields.length ? { fields: fields.map(({ name }) => name) } : null;
}

/** Names and birth that more than half of the rows lack; a date or a year of birth is enough. */
function missingValues(register) {
  const { missing_percent: limit } = PAGE.risks.limits;
  const nRows = register.records.length;
  const nMissing = (field) => register.records.filter(({ values }) => !values.has(field)).length;
  const declared = PAGE.risks.expected_fields.filter((field) => register.fields.get(field)?.identifier);
  const few = declared.filter((field) => 100 * nMissing(field) > limit * nRows);
  const dated = declared.some((field) => DATES.includes(field) && !few.includes(field));
  const fields = few.filter((field) => !(dated && DATES.includes(field)));
  return fields.length ? { limit, fields } : null;
}

function januaryFirst(register) {
  const { january_percent: limit, january_records: fewest } = PAGE.risks.limits;
  const dates = register.records.map(({ values }) => values.get("birth_date")).filter(Boolean);
  const count = dates.filter((day) => day.endsWith("-01-01")).length;
  return count >= fewest && 100 * count > limit * dates.length ? { count, limit, fields: ["birth_date"] } : null;
}
