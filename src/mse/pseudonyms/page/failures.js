// What is wrong, by its name in the texts and with values to fill in; never with what stands in a cell.

class BadInput extends Error {
  constructor(name, values = {}, reasons = []) {
    super(name);
    this.fault = fault(name, values);
    this.reasons = reasons;
  }
}

/** One thing that is wrong, or to be known: the name of its sentence, and the values in it. */
function fault(name, values = {}) {
  return { name, values };
}

/** A cell that cannot be read stands in a table as such an object instead of its text. */
function isFault(cell) {
  return typeof cell === "object";
}

/** A fault with its place: `row` is 1 for the first row of data or null for the whole file, `column` a heading or null. */
function problem(row, column, what) {
  return { row, column, fault: what };
}
