// A list in, the text of an encoded file out, byte for byte the one that mse.pseudonyms.encode writes.

const FILE_FORMAT = "mse-encoded 2";
const UNKNOWN_CATEGORY = "unknown";

/**
 * The encoded list: `text` is the file, `summary` holds counts only, `merged` and `undated` are for the agency.
 * `tell` hears the share of the hashing done.
 */
async function encode(register, { key, encoding = "match_keys", delivery = 1, tell = () => {} }) {
  if (!PAGE.encodings.includes(encoding)) throw new BadInput("bad_choice", { key: "encoding", allowed: PAGE.encodings.join(", ") });
  if (!Number.isSafeInteger(delivery) || delivery < 1) throw new BadInput("bad_delivery");
  const present = new Set([...register.fields].filter(([, column]) => column.identifier).map(([field]) => commonField(field)));
  const tokens = tokensOf(present, encoding);
  if (!tokens.length) throw new BadInput("nothing_to_encode", { encoding });
  const attributes = Object.keys(PAGE.common_categories).filter(
    (field) => register.fields.has(field) && !register.fields.get(field).identifier,
  );
  const persons = personsOf(register);
  const forms = persons.map(normalForms);
  const { groups, reasons } = samePerson(forms);
  const repeats = new Set(groups.flatMap((group) => group.slice(1)));
  const groupOf = new Map(groups.map((group) => [group[0], group]));
  const units = forms
    .map((own, i) => ({ forms: own, positions: groupOf.get(i) ?? [i] }))
    .filter(({ positions: [first] }) => !repeats.has(first))
    .map((unit) =>
      unit.positions.length === 1
        ? unit
        : { ...unit, forms: normalForms(mergedPerson(unit.positions.map((i) => persons[i]))) },
    );
  const ids = await recordIds(register, units.map(({ positions: [first] }) => register.records[first].row), key, delivery);
  const columns = await tokenColumns(units.map((unit) => unit.forms), tokens, ids, key, tell);
  for (const field of attributes) {
    columns.set(field, units.map(({ positions }) => firstKnown(positions.map((i) => register.records[i].values.get(field)))));
  }
  const order = ids.map((_, i) => i).sort((a, b) => byText(ids[a], ids[b]));
  const lines = order.map((i) => [ids[i], ...[...columns.values()].map((cells) => cells[i])].join(","));
  const body = `${[["record", ...columns.keys()].join(","), ...lines].join("\n")}\n`;
  const about = await header(register, { key, encoding, delivery, tokens, attributes, nRecords: units.length });
  const digest = await sha256(canonicalJson(about), body);
  return {
    text: `${canonicalJson({ ...about, digest })}\n${body}`,
    header: about,
    tokens,
    attributes,
    columns,
    merged: mergedRows(register, forms, groups, reasons),
    idMap: units.flatMap(({ positions }, i) => positions.map((position) => [ids[i], register.records[position].row])),
  };
}

function commonField(field) {
  return isAlias(field) ? "alias" : field;
}

/** For each record an id that only the key can tell from a random one. */
async function recordIds(register, rows, key, delivery) {
  const { join, record_bytes: nBytes } = PAGE.rules.hashing;
  const { agency, name } = register.codebook;
  const signing = await subkey(key, "record", "all");
  const texts = rows.map((row) => [agency, name, delivery, row].join(join));
  const found = await digests(texts, signing, (digest) => toHex(digest, nBytes));
  return texts.map((text) => found.get(text));
}

/** Of the categories of merged rows the first that is known; empty when none is given. */
function firstKnown(values) {
  const given = values.filter((value) => value !== undefined);
  return given.find((value) => value !== UNKNOWN_CATEGORY) ?? given[0] ?? "";
}

async function header(register, { key, encoding, delivery, tokens, attributes, nRecords }) {
  const { codebook } = register;
  return {
    format: FILE_FORMAT,
    rules_version: PAGE.rules.version,
    rules_digest: PAGE.rules_digest,
    encoding,
    project: key.project,
    register: codebook.name,
    agency: codebook.agency,
    population: codebook.population,
    presence: codebook.presence,
    period: { start: codebook.start, end: codebook.end },
    case_definition: codebook.case_definition,
    case_definition_id: codebook.case_definition_id,
    counting_rule: codebook.counting_rule,
    population_covered: codebook.population_covered,
    key_fingerprint: key.fingerprint,
    kat_digest: await knownAnswerDigest(key),
    fields: tokens.map(tokenField),
    attributes,
    n_rows: register.records.length,
    n_set_aside: register.nSetAside,
    n_records: nRecords,
    delivery,
  };
}

/** One line per row that repeats an earlier one, by row number: merged, or left for the agency to look at. */
function mergedRows(register, forms, groups, reasons) {
  const row = (position) => register.records[position].row;
  const found = groups.flatMap(([first, ...others]) =>
    others.map((other) => ({ row: row(other), sameAs: row(first), reason: reasons.get(other), merged: true })),
  );
  for (const [first, other] of undatedPairs(forms, groups)) {
    found.push({ row: row(other), sameAs: row(first), reason: "same_names_undated", merged: false });
  }
  return found.sort((a, b) => a.row - b.row || a.sameAs - b.sameAs);
}
