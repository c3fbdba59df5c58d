// Rows of one list that are the same person in plain text, found as mse.pseudonyms.merging finds them.

const SAME_NUMBER = { fnr: "same_fnr", d_number: "same_d_number", duf: "same_duf" };

/** What was typed in the identifier fields of each record; missing fields are absent, all aliases stand in one. */
function personsOf(register) {
  const fields = [...register.fields]
    .filter(([, column]) => column.identifier)
    .map(([field]) => [field, isAlias(field) ? "alias" : field])
    .filter(([, common]) => PAGE.identifier_fields.includes(common));
  return register.records.map(({ values }) => {
    const person = new Map();
    for (const [field, common] of fields) {
      const value = values.get(field);
      if (value === undefined) continue;
      person.set(common, person.has(common) ? `${person.get(common)};${value}` : value);
    }
    return person;
  });
}

function isAlias(field) {
  return /^alias(_[0-9]+)?$/.test(field);
}

/** Groups of two or more positions that are the same person, and for each that joined an earlier one, what was the same. */
function samePerson(forms) {
  const groupOf = new Map();
  const reasons = new Map();
  const group = (position) => {
    if (!groupOf.has(position)) groupOf.set(position, [position]);
    return groupOf.get(position);
  };
  const join = (first, other, reason) => {
    const [into, absorbed] = [group(first), group(other)].sort((a, b) => a[0] - b[0]);
    if (into === absorbed) return;
    reasons.set(absorbed[0], reason);
    for (const position of absorbed) groupOf.set(position, into);
    into.push(...absorbed);
    into.sort((a, b) => a - b);
  };
  for (const [kind, reason] of Object.entries(SAME_NUMBER)) {
    for (const same of shared(forms, (own) => own.get(kind) ?? [])) {
      for (const other of same.slice(1)) join(same[0], other, reason);
    }
  }
  for (const same of shared(forms, (own) => together(own, "birth_date"))) {
    for (const other of same.slice(1)) {
      if (!contradict(forms, group(same[0]), group(other))) join(same[0], other, "same_names_and_date");
    }
  }
  const groups = [...new Set(groupOf.values())].filter((own) => own.length > 1).sort((a, b) => a[0] - b[0]);
  return { groups, reasons };
}

/** Pairs of positions with the same names and year of birth, which are for the agency to look at. */
function undatedPairs(forms, groups) {
  const firstOf = new Map(groups.flatMap((group) => group.map((position) => [position, group[0]])));
  const found = [];
  for (const [first, ...others] of shared(forms, (own) => together(own, "birth_year"))) {
    for (const other of others) {
      const undated = [first, other].some((position) => !together(forms[position], "birth_date").length);
      const apart = (firstOf.get(first) ?? first) !== (firstOf.get(other) ?? other);
      if (undated && apart && !contradict(forms, [first], [other])) found.push([first, other]);
    }
  }
  return found;
}

/** One person from several rows: what was typed first in each field, all numbers, other names as aliases. */
function mergedPerson(persons) {
  const one = new Map();
  for (const person of persons) for (const [field, value] of person) if (!one.has(field)) one.set(field, value);
  const names = persons.flatMap((person) =>
    ["given_name", "family_name", "alias"].filter((field) => person.has(field)).map((field) => person.get(field)),
  );
  const others = [...new Set(names)].filter((name) => name !== one.get("given_name") && name !== one.get("family_name"));
  for (const kind of [...Object.keys(SAME_NUMBER), "phone"]) {
    const typed = persons.filter((person) => person.has(kind)).map((person) => person.get(kind));
    if (typed.length) one.set(kind, [...new Set(typed)].join(";"));
  }
  if (others.length) one.set("alias", others.join(";"));
  return one;
}

/** The names with the date or year of birth, as a list of one, or of none when either is missing. */
function together(own, birth) {
  return own.has("names") && own.has(birth) ? [`${own.get("names")[0]};${own.get(birth)[0]}`] : [];
}

/** Positions that have the same value, two or more at a time, in the order of the values' first positions. */
function shared(forms, valuesOf) {
  const byValue = new Map();
  forms.forEach((own, position) => {
    for (const value of valuesOf(own)) {
      if (!byValue.has(value)) byValue.set(value, []);
      byValue.get(value).push(position);
    }
  });
  return [...byValue.values()].filter((same) => same.length > 1);
}

/** Whether both sides hold numbers of one kind and none in common. */
function contradict(forms, one, other) {
  return Object.keys(SAME_NUMBER).some((kind) => {
    const [left, right] = [one, other].map((side) => new Set(side.flatMap((position) => forms[position].get(kind) ?? [])));
    return left.size > 0 && right.size > 0 && ![...left].some((number) => right.has(number));
  });
}
