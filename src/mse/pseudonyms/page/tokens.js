// Tokens and filters: the normal forms of a person under a keyed hash, as mse.pseudonyms.tokens and filters make them.

const BATCH = 4000; // hashes asked of the browser at a time; more does not make it faster and takes memory

/** For each column its cells, in the order of the persons; a missing cell is empty. `tell` hears the share done. */
async function tokenColumns(persons, tokens, records, key, tell = () => {}) {
  const columns = new Map();
  for (const [i, token] of tokens.entries()) {
    const progress = (share) => tell((i + share) / tokens.length);
    const cells = token.grams
      ? await filterCells(token, persons, records, key, progress)
      : await tokenCells(token, persons, key, progress);
    columns.set(token.name, cells);
    tell((i + 1) / tokens.length);
  }
  return columns;
}

/** The columns that a list with these fields has in an encoding, in their fixed order. */
function tokensOf(present, encoding) {
  const hasForm = (name) => {
    const { all_of: all, any_of: any } = PAGE.rules.forms[name];
    return all ? all.every((field) => present.has(field)) : any.some((field) => present.has(field));
  };
  return PAGE.rules.tokens.filter((token) => token.encodings.includes(encoding) && token.forms.every(hasForm));
}

/** What the header says of a column: its name, its kind, and the fields it is made of. */
function tokenField({ name, kind, forms }) {
  const fields = forms.flatMap((form) => PAGE.rules.forms[form].all_of ?? PAGE.rules.forms[form].any_of);
  return { name, kind, of: [...new Set(fields)] };
}

async function tokenCells(token, persons, key, tell) {
  const { token_bytes: nBytes, join, several } = PAGE.rules.hashing;
  const texts = persons.map((forms) => {
    const values = token.forms.map((form) => forms.get(form));
    return values.includes(undefined) ? [] : combined(values).map((parts) => parts.join(join));
  });
  const signing = await subkey(key, "token", token.hashed_as ?? token.name);
  const hashed = await digests(texts.flat(), signing, (digest) => toHex(digest, nBytes), tell);
  return texts.map((own) => own.map((text) => hashed.get(text)).sort().join(several));
}

/** One value of each form, in every way. */
function combined(values) {
  return values.reduce((starts, next) => starts.flatMap((start) => next.map((value) => [...start, value])), [[]]);
}

async function filterCells(token, persons, records, key, tell) {
  const { join, several } = PAGE.rules.hashing;
  const { hashes, flips } = PAGE.rules.bloom;
  const [form] = token.forms;
  const sets = persons.map((forms) => {
    const values = forms.get(form) ?? [];
    return token.grams === "bigrams" ? values.map(bigrams) : values.length ? [values] : [];
  });
  const names = sets.map((own, i) => own.map((_, place) => `${records[i]}${join}${place}`));
  const signing = await subkey(key, "bloom", token.hashed_as ?? token.name);
  const bits = await digests(sets.flat(2), signing, (digest) => places(digest, hashes), (x) => tell(x / 2));
  const flipping = await subkey(key, "flips", token.name);
  const noise = await digests(names.flat(), flipping, (digest) => places(digest, flips), (x) => tell((1 + x) / 2));
  return sets.map((own, i) => {
    const made = own.map((grams, place) => {
      const filter = new Uint8Array(PAGE.rules.bloom.bits / 8);
      for (const gram of grams) for (const bit of bits.get(gram)) filter[bit >> 3] |= 0x80 >> (bit & 7);
      for (const bit of noise.get(names[i][place])) filter[bit >> 3] ^= 0x80 >> (bit & 7);
      return toHex(filter);
    });
    return made.sort().join(several);
  });
}

/** The different pairs of neighbouring letters, the ends padded; no more than the rules allow. */
function bigrams(text) {
  const { pad, most_grams: most } = PAGE.rules.bloom;
  const padded = `${pad}${text}${pad}`;
  const pairs = Array.from({ length: padded.length - 1 }, (_, i) => padded.slice(i, i + 2));
  return [...new Set(pairs)].slice(0, most);
}

/** The bits that a digest chooses: its first big-endian 16-bit words, modulo the size of the filter. */
function places(digest, n) {
  return Array.from({ length: n }, (_, i) => ((digest[2 * i] << 8) | digest[2 * i + 1]) % PAGE.rules.bloom.bits);
}

/** For every different text what `shape` makes of its HMAC-SHA-256. */
async function digests(texts, signing, shape, tell = () => {}) {
  const distinctTexts = [...new Set(texts)];
  const found = new Map();
  for (let start = 0; start < distinctTexts.length; start += BATCH) {
    const batch = distinctTexts.slice(start, start + BATCH);
    const made = await Promise.all(allToUtf8(batch).map((bytes) => crypto.subtle.sign("HMAC", signing, bytes)));
    batch.forEach((text, i) => found.set(text, shape(new Uint8Array(made[i]))));
    tell(Math.min(1, (start + BATCH) / distinctTexts.length));
    await nextTask();
  }
  return found;
}

/** Lets the page draw and answer before the work goes on. */
function nextTask() {
  return new Promise((resolve) => setTimeout(resolve));
}

/** Digest of the tokens of the fixed fake persons: equal for the same key, code and rules, and for nothing else. */
async function knownAnswerDigest(key) {
  const persons = PAGE.known_persons.map((person) => normalForms(new Map(Object.entries(person))));
  const records = persons.map((_, i) => String(i));
  const columns = await tokenColumns(persons, PAGE.rules.tokens, records, key);
  const lines = persons.map((_, i) => [...columns.values()].map((cells) => cells[i]).join(","));
  const signing = await subkey(key, "known answers", "all");
  return toHex(await hmac(signing, toUtf8([PAGE.rules_digest, ...lines].join("\n"))));
}
