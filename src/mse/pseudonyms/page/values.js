// One cell of a list: text in, common form out, as mse.registers.values does it. A cell that cannot be read throws its
// fault, which never holds the value.

const NUMBER_FIELDS = ["fnr", "d_number", "duf"];
const FIRST_YEAR = 1900;
const MOST_CODES_SHOWN = 12;

class Unreadable extends Error {
  constructor(name, values) {
    super(name);
    this.fault = fault(name, values);
  }
}

/** A Norwegian or ISO date as YYYY-MM-DD; `latest` is an ISO date. */
function parseDate(text, latest) {
  const iso = /^([0-9]{4})-([0-9]{2})-([0-9]{2})(?:[T ]([0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:\.0+)?)?))?$/.exec(text);
  const norwegian = /^([0-9]{1,2})[ \t\n\r\f\v]?[./-][ \t\n\r\f\v]?([0-9]{1,2})[ \t\n\r\f\v]?[./-][ \t\n\r\f\v]?([0-9]{4}|[0-9]{2})$/.exec(text);
  let parts;
  if (iso) {
    if (iso[4] && !["00:00", "00:00:00"].includes(iso[4].split(".")[0])) throw new Unreadable("date_with_time");
    parts = [iso[1], iso[2], iso[3]];
  } else if (norwegian) {
    if (norwegian[3].length === 2) throw new Unreadable("date_short_year");
    parts = [norwegian[3], norwegian[2], norwegian[1]];
  } else if (isDigits(text)) {
    throw new Unreadable(text.length === 4 ? "date_is_year" : "date_is_digits");
  } else {
    throw new Unreadable("not_a_date");
  }
  const day = existingDay(...parts.map(Number));
  if (day === null) throw new Unreadable("no_such_date");
  if (day.year < FIRST_YEAR) throw new Unreadable("date_too_early", { year: FIRST_YEAR });
  if (isoDay(day) > latest) throw new Unreadable("date_too_late", { date: latest });
  return isoDay(day);
}

/** A number with decimal comma or point, as digits with a point; with `latestYear`, a year of birth. */
function parseNumber(text, latestYear = null) {
  const found = /^([+-]?)([0-9]+)(?:[.,]([0-9]+))?$/.exec(text);
  if (!found) throw new Unreadable("not_a_number");
  let whole = found[2].replace(/^0+(?=[0-9])/, "");
  const decimals = (found[3] ?? "").replace(/0+$/, "");
  if (found[1] === "-" && (whole !== "0" || decimals)) whole = `-${whole}`;
  if (latestYear !== null && (decimals || !(Number(whole) >= FIRST_YEAR && Number(whole) <= latestYear))) {
    throw new Unreadable("not_a_year", { first: FIRST_YEAR, latest: latestYear });
  }
  return decimals ? `${whole}.${decimals}` : whole;
}

/** The common category of a local code, exactly as the codebook writes it. */
function parseCategory(text, codes) {
  const common = codes.get(text.normalize("NFC"));
  if (common !== undefined) return common;
  const listed = [...codes.keys()].slice(0, MOST_CODES_SHOWN).join(", ") + (codes.size > MOST_CODES_SHOWN ? " ..." : "");
  throw new Unreadable("unlisted_code", { codes: listed });
}

/** An official number as digits, or null, and the name of what was found wrong or mended ("" when nothing). */
function officialNumber(text, field, latestYear) {
  let digits = Array.from(text, (c) => (BLANKS.has(c.codePointAt(0)) || c === "." || c === "-" ? "" : c)).join("");
  const length = field === "duf" ? 12 : 11;
  if (!isDigits(digits)) return [null, "number_not_digits"];
  let mended = "";
  if (field !== "duf" && digits.length === length - 1) [digits, mended] = [`0${digits}`, "number_zero_put_back"];
  if (digits.length !== length) return [null, field === "duf" ? "number_not_12" : "number_not_11"];
  if (field === "duf") return isDuf(digits) ? [digits, ""] : [null, "number_duf_year"];
  if (isIdentityNumber(digits, latestYear)) return [digits, mended];
  return [null, mended ? "number_not_11" : "number_check_digits"];
}
