// Norwegian identifiers, by the tables of the rules; mse.identifiers tells where they come from.

// What a list may hold: numbers issued today, those of the rule from 2032, and synthetic ones.
const TODAY = [
  { kind: "fnr", day_added: 0, month_added: 0, remainders: [[0], [0]], dated_by: "series" },
  { kind: "d_number", day_added: 40, month_added: 0, remainders: [[0], [0]], dated_by: "any century" },
];

/** The first kind of number that the digits fit, or null. */
function identityKind(digits, kinds = PAGE.rules.numbers.identity.kinds) {
  return kinds.find((kind) => fitsKind(digits, kind))?.kind ?? null;
}

/** Whether a list that ends in this year may hold the number; those of the 2032 rule appear with it. */
function isIdentityNumber(digits, latestYear) {
  const kinds = PAGE.rules.numbers.identity.kinds;
  // A number may be filled in during the year after the period.
  return identityKind(digits, latestYear >= 2031 ? [...kinds, ...TODAY] : [...synthetic(kinds), ...TODAY]) !== null;
}

function synthetic(kinds) {
  return kinds.filter((kind) => kind.month_added > 0);
}

function fitsKind(digits, kind) {
  const { digits: length, weights, modulus } = PAGE.rules.numbers.identity;
  if (!isDigits(digits) || digits.length !== length) return false;
  const controlled = weights.every((each, i) => {
    const sum = each.reduce((total, weight, place) => total + weight * Number(digits[place]), 0);
    return kind.remainders[i].includes(sum % modulus);
  });
  if (!controlled) return false;
  const [day, month, year] = [0, 2, 4].map((start) => Number(digits.slice(start, start + 2)));
  // 2000 was a leap year, so a date that exists in any century exists in that one.
  const whole = kind.dated_by === "series" ? yearOfSeries(year, Number(digits.slice(6, 9))) : 2000 + year;
  return whole !== null && existingDay(whole, month - kind.month_added, day - kind.day_added) !== null;
}

/** Year of birth by the series of the serial number; the first row that fits counts. */
function yearOfSeries(twoDigits, serial) {
  const found = PAGE.rules.numbers.identity.series.find(
    ([low, high, first, last]) => serial >= low && serial <= high && twoDigits >= first && twoDigits <= last,
  );
  return found ? found[4] + twoDigits : null;
}

/** Whether the digits have the form of a DUF number, real or synthetic. */
function isDuf(digits) {
  const { digits: length, earliest, latest } = PAGE.rules.numbers.duf;
  const year = Number(digits.slice(0, 4));
  return isDigits(digits) && digits.length === length && year >= earliest && year <= latest;
}
