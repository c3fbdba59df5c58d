// Text as Python treats it, where JavaScript would treat it differently.

const BLANKS = new Set(
  [9, 10, 11, 12, 13, 28, 29, 30, 31, 32, 0x85, 0xa0, 0x1680, 0x2028, 0x2029, 0x202f, 0x205f, 0x3000].concat(
    Array.from({ length: 11 }, (_, i) => 0x2000 + i),
  ),
);

/** Without the blanks around it; `trim` would also take U+FEFF and leave U+0085 and the separators U+001C to U+001F. */
function stripped(text) {
  let start = 0;
  let end = text.length;
  while (start < end && BLANKS.has(text.charCodeAt(start))) start += 1;
  while (end > start && BLANKS.has(text.charCodeAt(end - 1))) end -= 1;
  return text.slice(start, end);
}

/** Number of characters, where one outside the basic plane counts once. */
function nCharacters(text) {
  let n = 0;
  for (const _ of text) n += 1;
  return n;
}

function isDigits(text) {
  return /^[0-9]+$/.test(text);
}

/** Order of two ASCII texts. */
function byText(a, b) {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** JSON with sorted keys and no spaces, as Python writes it. The keys are ASCII; texts hold no half of a surrogate pair. */
function canonicalJson(value) {
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(",")}]`;
  if (value !== null && typeof value === "object") {
    const keys = Object.keys(value).sort(byText);
    return `{${keys.map((key) => `${JSON.stringify(key)}:${canonicalJson(value[key])}`).join(",")}}`;
  }
  return JSON.stringify(value);
}

const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, "0"));
const UTF8 = new TextEncoder();

function toHex(bytes, n = bytes.length) {
  let text = "";
  for (let i = 0; i < n; i += 1) text += HEX[bytes[i]];
  return text;
}

function toUtf8(text) {
  return UTF8.encode(text);
}

/** The bytes of each text; texts in ASCII are converted together, which is faster. */
function allToUtf8(texts) {
  const bytes = toUtf8(texts.join(""));
  if (bytes.length !== texts.reduce((sum, text) => sum + text.length, 0)) return texts.map(toUtf8);
  let end = 0;
  return texts.map((text) => bytes.subarray(end, (end += text.length)));
}

/** A calendar day, or null when it does not exist. */
function existingDay(year, month, day) {
  const leap = (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0;
  const lengths = [31, leap ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
  if (year < 1 || year > 9999 || month < 1 || month > 12 || day < 1 || day > lengths[month - 1]) return null;
  return { year, month, day };
}

function isoDay({ year, month, day }) {
  const two = (number) => String(number).padStart(2, "0");
  return `${String(year).padStart(4, "0")}-${two(month)}-${two(day)}`;
}
