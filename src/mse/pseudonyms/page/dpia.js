// The log for the data protection impact assessment, the same bytes that mse.pseudonyms.dpia writes. The page to fill in
// comes as patterns of its template (PAGE.dpia), in which marks such as ⟦project|⟧ stand for values.

const MARK = /⟦(?:(encoded|in clear|stays|accepted|open) )?([a-z_]+)(\\?)\|⟧/g;

/** The log as values; its text holds no identifier and no exact count. */
function dpiaLog(register, encoded, risks, accepted) {
  const about = encoded.header;
  const inBoth = (make) => ({ nb: make("nb"), en: make("en") });
  return {
    format: PAGE.dpia.format,
    project: about.project,
    list: about.register,
    agency: about.agency,
    population: about.population,
    period: [about.period.start, about.period.end],
    case_definition: about.case_definition,
    delivery: about.delivery,
    encoding: about.encoding,
    rules: `${about.rules_version} (${about.rules_digest.slice(0, 12)})`,
    key: about.key_fingerprint.slice(0, 12),
    records: inBoth((each) => rounded(about.n_records, each)),
    columns: register.codebook.columns.map(({ name, kind, field }) => {
      const into = about.fields.filter(({ of }) => kind !== "ignore" && of.includes(field)).map((token) => token.name);
      const becomes = into.length ? "encoded" : about.attributes.includes(field) ? "in clear" : "stays";
      return { heading: name, field, becomes, into };
    }),
    leaves: ["record", ...encoded.columns.keys()],
    risks: risks.map(({ risk, found }) => ({
      id: risk.id,
      accepted: accepted.has(risk.id),
      title: risk.title,
      text: inBoth((each) => riskText(risk.text[each], found, each, (field) => field)),
    })),
    to_fill_in: Object.fromEntries(PAGE.dpia.to_fill_in.map((entry) => [entry, ""])),
  };
}

/** The log as a page to read and fill in, in Markdown. */
function dpiaMarkdown(log, language) {
  const pattern = PAGE.dpia.patterns[language][log.population][log.encoding][log.risks.length ? "some" : "none"];
  const values = {
    ...log,
    start: log.period[0],
    end: log.period[1],
    records: log.records[language],
    leaves: log.leaves.join(", "),
  };
  const columns = log.columns.map((column) => [column.becomes, { ...column, into: column.into.join(", ") }]);
  const risks = log.risks.map((risk) => [
    risk.accepted ? "accepted" : "open",
    { id: risk.id, title: risk.title[language], text: risk.text[language] },
  ]);
  return pattern
    .split("\n")
    .map((line) => ({ line, kind: [...line.matchAll(MARK)][0]?.[1] ?? null }))
    .flatMap(({ line, kind }, i, lines) => {
      if (kind === null) return [withValues(line, values)];
      const group = ["accepted", "open"].includes(kind) ? risks : columns;
      const kinds = group === risks ? ["accepted", "open"] : ["encoded", "in clear", "stays"];
      if (kind !== kinds[0]) return []; // the lines of the other kinds stand where the first one does
      const lineOf = new Map(lines.filter((each) => kinds.includes(each.kind)).map((each) => [each.kind, each.line]));
      return group.map(([own, about]) => withValues(lineOf.get(own), about));
    })
    .join("\n");
}

function withValues(line, values) {
  return line.replace(MARK, (_, kind, name, inTable) => {
    const text = String(values[name]);
    return inTable ? text.replaceAll("|", "\\|").replaceAll("\n", " ") : text;
  });
}

/** The two files of the log: the page, and the values with the sum of the page. */
async function dpiaFiles(log, language) {
  const markdown = dpiaMarkdown(log, language);
  const json = { ...log, markdown_sha256: await sha256(markdown) };
  return { markdown, json: `${JSON.stringify(json, null, 2)}\n` };
}
