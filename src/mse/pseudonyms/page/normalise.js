// Normal forms: what two agencies typed differently for one person becomes the same text, or is missing. The tables are
// PAGE.rules (rules.json) and PAGE.transliteration, the same that mse.pseudonyms.normalise reads.

const UNKNOWN = "\ufffd";
const LETTERS = lettersOf(PAGE.transliteration, PAGE.rules.names.letters);
const PARTICLES = new Set(PAGE.rules.names.particles);
const PLACEHOLDERS = new Set(PAGE.rules.names.placeholders.map((name) => folded(name.replaceAll(" ", ""))));

/** A code point to its lower-case ASCII letters, a blank for the end of a word, nothing for what is not a letter. */
function lettersOf(runs, own) {
  const meaning = { _: "", "-": " " };
  const letters = new Map();
  for (const [first, run] of Object.entries(runs)) {
    run.split(" ").forEach((found, i) => letters.set(parseInt(first, 16) + i, meaning[found] ?? found));
  }
  for (const [letter, found] of Object.entries(own)) letters.set(letter.codePointAt(0), found);
  return letters;
}

function inLetters(text) {
  let letters = "";
  for (const character of text) letters += LETTERS.get(character.codePointAt(0)) ?? UNKNOWN;
  return letters;
}

/** The words of a name in lower-case ASCII letters; none when the name is missing. */
function nameWords(text) {
  const { longest, shortest } = PAGE.rules.names;
  if (nCharacters(text) > longest || inLetters(text).includes(UNKNOWN)) return [];
  const letters = inLetters(text.normalize("NFC"));
  if (letters.includes(UNKNOWN)) return [];
  const words = letters.split(" ").filter(Boolean).map(folded);
  const whole = joined(words);
  return whole.length < shortest || PLACEHOLDERS.has(whole) ? [] : words;
}

/** The words of a name as one. */
function joined(words) {
  return folded(words.join(""));
}

/** Norwegian letters written with two letters, folded until nothing changes. */
function folded(word) {
  let before = "";
  while (word !== before) {
    before = word;
    for (const [pair, letter] of PAGE.rules.names.digraphs) word = word.replaceAll(pair, letter);
  }
  return word;
}

/** The consonants that survive most ways of writing a name in Latin letters; empty for no words. */
function skeleton(words) {
  const { replace, silent, initial, shortest } = PAGE.rules.skeleton;
  const whole = joined(words);
  if (!whole) return "";
  let text = whole;
  for (const [old, found] of replace) text = text.replaceAll(old, found);
  text = text.replace(/(.)\1+/g, "$1");
  const first = silent.includes(text[0]) ? initial : text[0];
  const left = first + Array.from(text.slice(1)).filter((letter) => !silent.includes(letter)).join("");
  return left.length >= shortest ? left : whole;
}

function aliases(text) {
  return partsBetween(text, PAGE.rules.names.alias_separators).map(nameWords).filter((words) => words.length);
}

/** The date of birth in an ISO text, or null. */
function birthDate(text) {
  const found = /^([0-9]{4})-([0-9]{2})-([0-9]{2})$/.exec(withoutBlanks(text));
  const day = found ? existingDay(Number(found[1]), Number(found[2]), Number(found[3])) : null;
  const { earliest, latest } = PAGE.rules.birth;
  return day !== null && day.year >= earliest && day.year <= latest ? day : null;
}

/** A year of birth as four digits, or empty. */
function birthYear(text) {
  const found = /^([0-9]{4})(\.0+)?$/.exec(withoutBlanks(text));
  const { earliest, latest } = PAGE.rules.birth;
  return found && Number(found[1]) >= earliest && Number(found[1]) <= latest ? found[1] : "";
}

/** The digits of a number typed with blanks, points or dashes; empty when anything else stands in it. */
function digitsOf(text) {
  const { separators } = PAGE.rules.numbers;
  const kept = Array.from(text).filter((character) => !separators.includes(character)).join("");
  return isDigits(kept) ? kept : "";
}

function dufNumber(text) {
  const digits = digitsOf(text);
  return isDuf(digits) ? digits : "";
}

/** Which of the identity numbers the text is, and its digits; null when it cannot be one. */
function identityNumber(text) {
  const { digits: length } = PAGE.rules.numbers.identity;
  let digits = digitsOf(text);
  if (digits.length === length - 1) digits = `0${digits}`;
  const kind = identityKind(digits);
  return kind === null ? null : [kind, digits];
}

/** A telephone number as digits, a Norwegian one without its country code; empty when it cannot be one. */
function phoneNumber(text) {
  const { shortest, longest, country, national } = PAGE.rules.numbers.phone;
  const typed = withoutBlanks(text);
  let plus = typed.startsWith("+");
  let digits = digitsOf((plus ? typed.slice(1) : typed).replaceAll("(", "").replaceAll(")", ""));
  if (digits.startsWith("00")) [digits, plus] = [digits.slice(2), true];
  if (digits.startsWith(country) && digits.length === country.length + national) {
    [digits, plus] = [digits.slice(country.length), false];
  }
  const fits = digits.length >= shortest && digits.length <= longest && new Set(digits).size > 1;
  return fits ? (plus ? "+" : "") + digits : "";
}

/** All normal forms of one person: form to its values. `person` maps identifier fields to what was typed. */
function normalForms(person) {
  const typed = (field) => person.get(field) ?? "";
  const forms = {
    ...nameForms(nameWords(typed("given_name")), nameWords(typed("family_name")), aliases(typed("alias"))),
    ...birthForms(birthDate(typed("birth_date")), birthYear(typed("birth_year"))),
  };
  const { several } = PAGE.rules.numbers;
  if (person.has("fnr") || person.has("d_number")) {
    Object.assign(forms, identityForms(`${typed("d_number")};${typed("fnr")}`));
  }
  for (const [field, read] of [["duf", dufNumber], ["phone", phoneNumber]]) {
    if (person.has(field)) forms[field] = distinct(partsBetween(typed(field), several).map(read));
  }
  return new Map(Object.entries(forms).filter(([, values]) => values.length));
}

function nameForms(given, family, others) {
  const { shortest } = PAGE.rules.names;
  const names = [given, family, ...others].filter((name) => name.length);
  const both = given.length > 0 && family.length > 0;
  const parts = nameParts(names);
  const pairs = distinct(namePairs(parts));
  return {
    given: distinct([joined(given)]),
    family: distinct([joined(family)]),
    aliases: distinct(others.map(joined)),
    names: both ? [distinct([...given, ...family]).join(" ")] : [],
    skeletons: both ? [inOrder(skeleton(given), skeleton(family))] : [],
    words: distinct(names.flat().filter((word) => word.length >= shortest)),
    word_skeletons: distinct(parts.map(({ text }) => text)),
    pairs,
    slips: distinct(pairs.flatMap(slipsOf)),
  };
}

/** What may stand for a name in a key: each of its telling words, and all of them as one. */
function nameParts(names) {
  const { shortest, most_words: most } = PAGE.rules.names;
  const parts = [];
  names.forEach((name, number) => {
    const long = name.filter((word) => word.length >= shortest);
    const telling = long.filter((word) => !PARTICLES.has(word));
    for (const word of telling.length ? telling : long) parts.push({ number, whole: false, text: skeleton([word]) });
    if (name.length > 1) parts.push({ number, whole: true, text: skeleton(name) });
  });
  return parts.slice(0, most);
}

/** Two different parts, in alphabetical order, of two names; two words of one name only where that is all there is. */
function namePairs(parts) {
  const pairs = [];
  const alone = new Set(parts.map(({ number }) => number)).size === 1;
  parts.forEach((one, i) => {
    for (const other of parts.slice(i + 1)) {
      if (one.text !== other.text && (one.number !== other.number || (alone && !(one.whole || other.whole)))) {
        pairs.push(inOrder(one.text, other.text));
      }
    }
  });
  return pairs;
}

/** A pair as it stands, and with one letter left out of one of the two. */
function slipsOf(pair) {
  const [one, other] = pair.split(" ");
  const slips = [pair];
  for (const [kept, shortened] of [[one, other], [other, one]]) {
    if (shortened.length < PAGE.rules.names.slip_shortest) continue;
    for (let i = 0; i < shortened.length; i += 1) slips.push(inOrder(kept, shortened.slice(0, i) + shortened.slice(i + 1)));
  }
  return slips;
}

function birthForms(day, typedYear) {
  const four = (number) => String(number).padStart(4, "0");
  const year = day === null ? typedYear : four(day.year);
  if (!year) return {};
  const digitsOfYear = [`1:${year[2]}`, `2:${year[3]}`];
  const forms = {
    birth_year: [year],
    birth_years: [`${four(Number(year) - 1)}-${year}`, `${year}-${four(Number(year) + 1)}`],
    birth_parts: distinct([`y:${year}`, ...digitsOfYear]),
  };
  const monthDay = day === null ? "" : isoDay(day).slice(5);
  if (day === null || PAGE.rules.birth.year_only.includes(monthDay)) return forms;
  const positions = Array.from(monthDay.replace("-", ""), (digit, i) => `${i + 3}:${digit}`);
  const [low, high] = [monthDay.slice(0, 2), monthDay.slice(3)].sort(byText);
  return {
    ...forms,
    birth_date: [`${year}-${monthDay}`],
    month_day: [monthDay],
    birth_parts: distinct([`y:${year}`, ...digitsOfYear, ...positions, `o:${low}-${high}`]),
  };
}

/** The numbers by their kind: one typed into the column of the other counts as what it is. */
function identityForms(typed) {
  const found = { d_number: [], fnr: [] };
  for (const part of partsBetween(typed, PAGE.rules.numbers.several)) {
    const number = identityNumber(part);
    if (number !== null) found[number[0]].push(number[1]);
  }
  return { d_number: distinct(found.d_number), fnr: distinct(found.fnr) };
}

/** The values that are not empty, each once, in ASCII order. */
function distinct(values) {
  return [...new Set(values.filter(Boolean))].sort(byText);
}

function inOrder(one, other) {
  return [one, other].sort(byText).join(" ");
}

/** The parts of a cell between any of the separators. */
function partsBetween(text, separators) {
  let one = text;
  for (const separator of separators.slice(1)) one = one.replaceAll(separator, separators[0]);
  return one ? one.split(separators[0]) : [];
}

function withoutBlanks(text) {
  const { blanks } = PAGE.rules;
  let start = 0;
  let end = text.length;
  while (start < end && blanks.includes(text[start])) start += 1;
  while (end > start && blanks.includes(text[end - 1])) end -= 1;
  return text.slice(start, end);
}
