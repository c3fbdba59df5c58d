// The page itself: what is chosen, in memory only, and what follows from it.

const chosen = {
  list: null, // { name, content, table }, or with an error instead of the table
  sheets: [], // the names to choose from, where several sheets hold something
  meaning: "",
  codebookFile: null, // { name, codebook } or { error }
  form: emptyForm(),
  key: null, // the key or { error }
  outcome: null, // { register, encoded, risks } or { error }
  accepted: new Set(),
  stale: false,
  working: false,
  saved: "",
  selfTest: "running",
};
const at = (id) => document.getElementById(id);

/** The codebook that is chosen or filled in; throws what is wrong with it. */
function chosenCodebook() {
  if (chosen.meaning === "form") return codebookOfForm(chosen.form);
  return chosen.codebookFile?.codebook ?? null;
}

function changed() {
  if (chosen.outcome) [chosen.outcome, chosen.stale] = [null, true];
  chosen.accepted.clear();
  chosen.saved = "";
  draw();
}

function draw() {
  drawPage();
  drawChoices();
  drawCheck();
  drawSave();
}

function drawPage() {
  document.documentElement.lang = language;
  document.title = say("page.title");
  for (const each of document.querySelectorAll("[data-text]")) each.textContent = say(each.dataset.text);
  for (const button of document.querySelectorAll("button[data-language]")) {
    button.setAttribute("aria-pressed", String(button.dataset.language === language));
  }
  const failed = ["not_secure", "too_old", "self_test_failed"].includes(chosen.selfTest);
  at("page-said").replaceChildren(saidBox(say(`page.${pageSaid()}`), [], failed ? "wrong" : ""));
  at("steps").hidden = chosen.selfTest !== "passed";
  at("footer").textContent = say("page.footer", {
    version: PAGE.version,
    rules: PAGE.rules.version,
    digest: PAGE.rules_digest.slice(0, 12),
  });
}

function pageSaid() {
  return { running: "self_test", passed: "self_test_passed" }[chosen.selfTest] ?? chosen.selfTest;
}

function drawChoices() {
  const { list, meaning, codebookFile, key } = chosen;
  show("list-said", list, ({ name, table }) =>
    saidBox(
      say("list.read", {
        name,
        rows: number(table.rows.length),
        columns: table.header.length,
        headings: table.rows.length ? table.header.join(", ") : "?",
      }),
      table.notes,
    ),
  );
  drawSheets();
  at("codebook-part").hidden = meaning !== "file";
  at("form-part").hidden = meaning !== "form";
  show("meaning-said", meaning === "file" ? codebookFile : null, ({ name, codebook }) =>
    saidBox(
      say("meaning.read", {
        name,
        list: codebook.name,
        agency: codebook.agency,
        start: codebook.start,
        end: codebook.end,
        n: recordFields(codebook).size,
      }),
    ),
  );
  show("key-said", key, ({ project, fingerprint }) =>
    saidBox(say("key.read", { project, fingerprint: fingerprint.slice(0, 12) })),
  );
  at("step-list").classList.toggle("done", Boolean(list?.table));
  at("step-meaning").classList.toggle("done", meaning === "file" ? Boolean(codebookFile?.codebook) : isFormWhole());
  at("step-key").classList.toggle("done", Boolean(key?.fingerprint));
}

/** A choice of the sheet where several hold something and no codebook says which one is the list. */
function drawSheets() {
  const { sheets } = chosen;
  at("sheet-part").hidden = !sheets.length || Boolean(chosen.codebookFile?.codebook);
  const options = ["", ...sheets].map((name) => element("option", { value: name }, name || say("form.choose")));
  at("sheet").replaceChildren(...options);
  at("sheet").value = chosen.form.sheet;
}

function isFormWhole() {
  if (chosen.meaning !== "form" || !chosen.list?.table) return false;
  try {
    return Boolean(codebookOfForm(chosen.form));
  } catch {
    return false;
  }
}

function drawCheck() {
  const missing = [
    [chosen.list?.table, "needs_list"],
    [chosen.meaning === "form" || chosen.codebookFile?.codebook, "needs_meaning"],
    [chosen.key?.fingerprint, "needs_key"],
  ].filter(([there]) => !there);
  at("check").disabled = missing.length > 0 || chosen.working;
  at("needs").textContent = missing.length
    ? say("check.needs", { what: missing.map(([, name]) => say(`check.${name}`)).join(", ") })
    : chosen.stale
      ? say("check.again")
      : "";
  at("working").hidden = !chosen.working;
  at("step-check").classList.toggle("done", Boolean(chosen.outcome?.encoded));
  show("check-said", chosen.outcome, (outcome) => {
    const place = element("div");
    drawResult(place, outcome, chosen.accepted, drawSave);
    return place;
  });
}

function drawSave() {
  const { outcome, accepted } = chosen;
  const done = Boolean(outcome?.encoded);
  const open = done ? outcome.risks.filter(({ risk }) => risk.level === "refuse" || !accepted.has(risk.id)) : [];
  at("save").disabled = !done || open.length > 0;
  at("save-merged").disabled = !done || !outcome.encoded.merged.length;
  at("save-id-map").disabled = !done;
  for (const id of ["save-dpia", "save-dpia-json"]) at(id).disabled = !done || open.length > 0;
  at("save-needs").textContent = !done ? say("save.not_yet") : open.length ? say("save.accept_first") : "";
  at("save-said").replaceChildren(...(chosen.saved ? [saidBox(say("save.saved", { name: chosen.saved }))] : []));
  at("step-save").classList.toggle("done", chosen.saved.endsWith(".mse"));
}

/** Shows what became of a choice: its failure, or what `told` makes of it. */
function show(id, what, told) {
  at(id).replaceChildren(...(what === null ? [] : [what.error ? failureBox(what.error) : told(what)]));
}

/** The content of the file chosen in an input, through `read`; a failure is kept to be shown. */
async function fileFrom(input, read) {
  const file = input.files[0];
  if (!file) return null;
  try {
    return await read(file.name, new Uint8Array(await file.arrayBuffer()));
  } catch (error) {
    return { error };
  }
}

/** The table of the chosen list, or why it cannot be read. */
async function readTable() {
  if (!chosen.list?.content) return;
  const { name, content } = chosen.list;
  try {
    const sheet = { sheet: chosen.form.sheet, columns: [] };
    const table = await tableOfFile({ name, content }, chosen.codebookFile?.codebook ?? sheet);
    chosen.list = { name, content, table };
    chosen.form = fitForm(chosen.form, table);
  } catch (error) {
    chosen.list = { name, content, error };
    chosen.sheets = error.fault?.values.names ?? chosen.sheets;
  }
  drawFormPart();
}

async function check() {
  Object.assign(chosen, { working: true, stale: false, outcome: null, saved: "" });
  chosen.accepted.clear();
  draw();
  const tell = (share) => {
    at("progress").value = share;
    at("working-text").textContent = say("check.working", { percent: Math.round(100 * share) });
  };
  tell(0);
  await nextTask();
  try {
    const register = await readRegister(chosen.list, chosenCodebook(), at("set-aside").checked ? "set_aside" : "refuse");
    const choices = { key: chosen.key, encoding: at("encoding").value, delivery: at("delivery").valueAsNumber, tell };
    const encoded = await encode(register, choices);
    chosen.outcome = { register, encoded, risks: risksOf(register, encoded) };
  } catch (error) {
    chosen.outcome = { error };
  }
  chosen.working = false;
  draw();
  at("check-said").focus();
}

/** Offers a text as a file to save. */
function download(name, text) {
  const link = element("a", { href: URL.createObjectURL(new Blob([text], { type: "text/plain;charset=utf-8" })), download: name });
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(link.href), 60000);
}

/** Saves what came out of the check, and says under which name. */
function save(name, text) {
  download(name, text);
  chosen.saved = name;
  drawSave();
}

function csvText(rows) {
  const cell = (value) => (/[",\n]/.test(value) ? `"${String(value).replaceAll('"', '""')}"` : value);
  return `${rows.map((row) => row.map(cell).join(",")).join("\n")}\n`;
}

async function saveDpia(part) {
  const { register, encoded, risks } = chosen.outcome;
  const made = await dpiaFiles(dpiaLog(register, encoded, risks, chosen.accepted), language);
  save(`${register.codebook.name}.dpia.${part === "json" ? "json" : "md"}`, made[part]);
}

function saveMerged() {
  const { merged } = chosen.outcome.encoded;
  const rows = merged.map(({ row, sameAs, reason, merged: joined }) => [
    row,
    sameAs,
    joined ? say(`same.${reason}`) : say("result.undated", { row, same: sameAs }),
    joined,
  ]);
  save(`${chosen.outcome.register.codebook.name}-merged.csv`, csvText([["row", "same_as_row", "reason", "merged"], ...rows]));
}

function saveIdMap() {
  const rows = [...chosen.outcome.encoded.idMap].sort((a, b) => byText(a[0], b[0]) || a[1] - b[1]);
  save(`${chosen.outcome.register.codebook.name}-id-map.csv`, csvText([["record", "row"], ...rows]));
}

function saveCodebook() {
  try {
    const codebook = codebookOfForm(chosen.form);
    const name = `${codebook.name}.toml`;
    download(name, tomlOf(codebook));
    at("meaning-said").replaceChildren(saidBox(say("save.saved", { name })));
  } catch (error) {
    at("meaning-said").replaceChildren(failureBox(error));
  }
}

function drawFormPart() {
  drawForm(at("form-part"), chosen.form, changed);
}

function listen() {
  for (const button of document.querySelectorAll("button[data-language]")) {
    button.addEventListener("click", () => {
      language = button.dataset.language;
      drawFormPart();
      draw();
    });
  }
  at("list-file").addEventListener("change", async (event) => {
    chosen.list = await fileFrom(event.target, (name, content) => ({ name, content }));
    [chosen.sheets, chosen.form.sheet] = [[], ""];
    await readTable();
    changed();
  });
  at("sheet").addEventListener("change", async (event) => {
    chosen.form.sheet = event.target.value;
    await readTable();
    changed();
  });
  for (const radio of document.querySelectorAll("input[name=meaning]")) {
    radio.addEventListener("change", () => {
      chosen.meaning = radio.value;
      changed();
    });
  }
  at("codebook-file").addEventListener("change", async (event) => {
    chosen.codebookFile = await fileFrom(event.target, (name, content) => ({ name, codebook: codebookOfBytes(content) }));
    await readTable(); // a codebook says which sheet holds the list
    changed();
  });
  at("key-file").addEventListener("change", async (event) => {
    chosen.key = await fileFrom(event.target, (name, content) => keyOf(content));
    changed();
  });
  for (const id of ["delivery", "encoding", "set-aside"]) at(id).addEventListener("change", changed);
  at("form-part").addEventListener("click", (event) => event.target.id === "save-codebook" && saveCodebook());
  at("check").addEventListener("click", check);
  at("save").addEventListener("click", () =>
    save(`${chosen.outcome.register.codebook.name}.mse`, chosen.outcome.encoded.text),
  );
  at("save-dpia").addEventListener("click", () => saveDpia("markdown"));
  at("save-dpia-json").addEventListener("click", () => saveDpia("json"));
  at("save-merged").addEventListener("click", saveMerged);
  at("save-id-map").addEventListener("click", saveIdMap);
}

/** Whether this browser may be used at all: a secure context, all that the page needs, and the same codes as Python. */
async function selfTest() {
  if (!window.isSecureContext || !crypto.subtle) return "not_secure";
  try {
    new DecompressionStream("deflate-raw");
  } catch {
    return "too_old";
  }
  try {
    const { project, secret, kat_digest: expected } = PAGE.self_test;
    const bytes = Uint8Array.from(secret.match(/../g), (pair) => parseInt(pair, 16));
    return (await knownAnswerDigest(await newKey(project, bytes))) === expected ? "passed" : "self_test_failed";
  } catch {
    return "self_test_failed";
  }
}

listen();
drawFormPart();
draw();
selfTest().then((found) => {
  chosen.selfTest = found;
  draw();
});

// For the tests of the package, which compare these with Python; nothing here holds what was chosen on the page.
globalThis.mse = Object.freeze({ PAGE, normalForms, nameWords, joined, skeleton, samePerson, newKey, keyOf, tokenColumns, tokensOf,
  knownAnswerDigest, codebookOf, tomlOf, readRegister, tableOfFile, encode, risksOf, dpiaLog, dpiaFiles, parseDate, parseNumber, officialNumber,
  identityKind, canonicalJson, sayFault });
