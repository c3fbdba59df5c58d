"""The tables that hold the synthetic lists against KOM's published figures, and the text around them."""

from collections.abc import Iterable, Mapping, Sequence

import pandas as pd

from mse.synthetic.norway import SyntheticList, SyntheticNorway
from mse.synthetic.population import assumptions, read_packaged
from mse.synthetic.published import FORM_COLUMNS, REGION_COLUMNS, SEX_COLUMNS, margins_of, overlap_facts
from mse.synthetic.rules import ListRule, rules_2020
from mse.synthetic.six_years import YEARS, published_totals

__all__ = ["attributes", "common_counts", "merged_overlaps", "readme_text"]

NOT_PUBLISHED = "–"
UDI = ("udi-reflection", "udi-asylum", "udi-housing-rosa", "udi-family", "udi-expulsion")
FILEMON = ("filemon-reflection", "filemon-clarification")
# The names in kom2020_overlap_facts.csv, as lists of ours; a name without a list of its own is absent.
FACT_LISTS: Mapping[str, tuple[str, ...]] = {
    "UDI asylum": ("udi-housing-rosa",),
    "UDI asylum decisions": ("udi-asylum",),
    "UDI sec 8-3": ("udi-reflection",),
    "UDI": UDI,
    "ROSA": ("rosa",),
    "ROSA or HTSO": ("rosa", "htso"),
    "Lauras hus": ("lauras-residents",),
    "Marita Women": ("marita-housing",),
    "Adora": ("adora",),
    "Migrasjonssenteret": ("migrasjonssenteret",),
    "Filemon clarification": ("filemon-clarification",),
    "Filemon": FILEMON,
    "IOM": ("iom",),
    "IOM return": ("iom",),
    "Police": ("police",),
    "HTSO": ("htso",),
    "Filemon|Marita|Lauras|ROSA crisis centre": (*FILEMON, "marita-housing", "lauras-residents", "rosa"),
    "Asylum track": ("udi-asylum", "udi-housing-rosa"),
    "HTSO|Marita|Filemon": ("htso", "marita-housing", "filemon-reflection"),
    "Reflection track": ("udi-reflection",),
    "Lauras|Marita|Adora|Albertine": ("lauras-residents", "lauras-aftercare", "marita-housing", "adora", "albertine"),
    "Hope for Justice": ("hope-for-justice",),
    "HTSO|Marita|FA|ROSA|IOM": ("htso", "marita-housing", "migrasjonssenteret", "fengselsarbeidet", "rosa", "iom"),
    "FRI": ("fri",),
    "ROSA|police Exit|NAV": ("rosa", "police", "htso"),
    "Shalam": ("shalam",),
}


def attributes(one: SyntheticList) -> pd.DataFrame:
    """The attribute columns of a list in the common categories, one row per row of the file, with the true person."""
    columns = {"person": list(one.persons)}
    for column in one.codebook.columns:
        if column.kind == "category" and not column.identifier:
            columns[column.field] = [column.codes.get(cell, "") for cell in one.table[column.name]]
    return pd.DataFrame(columns)


def common_counts(one: SyntheticList, *, by_row: bool = False) -> Mapping[str, Mapping[str, int]]:
    """Persons (or rows) of a list by field and common category; under ``total`` also their number."""
    frame = attributes(one)
    if not by_row:
        frame = frame.drop_duplicates("person")
    counts: dict[str, Mapping[str, int]] = {"total": {"": len(frame)}}
    for field in frame.columns.drop("person"):
        counts[str(field)] = {str(category): int(n) for category, n in frame[field].value_counts().items()}
    return counts


def merged_overlaps(norway: SyntheticNorway, lists: Sequence[Mapping[str, object]]) -> pd.DataFrame:
    """Persons on each pair of merged lists, the lists' own totals on the diagonal."""
    members = {str(one["name"]): norway.on(*one["registers"]) for one in lists}  # type: ignore[misc]
    names = list(members)
    return pd.DataFrame([[len(members[a] & members[b]) for b in names] for a in names], index=names, columns=names)


def readme_text(one_year: SyntheticNorway, six_years: SyntheticNorway) -> str:
    """The whole README of the committed synthetic data; every number in it is computed here."""
    rules, _, _ = rules_2020()
    parts = [
        _introduction(one_year),
        "## 2020: synthetic against published\n",
        "Each cell reads *synthetic / published*; a dash is what KOM does not publish. Persons are counted once in a "
        "list, also where they stand on two rows (the last column); UDI's decisions under section 8-3 are counted by "
        "row, as published.\n",
        _counts_table(one_year, rules),
        _sums(one_year, rules),
        "## 2020: overlaps that can be read from KOM's report\n",
        _facts_table(one_year),
        "## 2020: the merged lists of `2020/study.toml`\n",
        _merged(one_year),
        "## 2017-2022\n",
        _six_years(six_years),
        _deviations(),
        _assumptions(rules),
        _meaning(),
    ]
    return "\n".join(parts)


def _introduction(norway: SyntheticNorway) -> str:
    met = len(norway.on(*norway.lists))
    (true_n,) = norway.true_n.values()
    return f"""# Synthetic Norway

**No person in these files exists.** Names are combined at random from common given and family names of the countries
of origin, numbers belong to series that are never issued (fødselsnummer and D-number with 80 added to the month, DUF
with the year 2099), and every file has SYNTHETIC in its name and its first column. This page is written by
`tools/make_synthetic.py`, which also writes the files (seed {norway.seed}); no count on it is typed by hand.

`2020/` holds {true_n} adults, of whom {met} are on at least one of {len(norway.lists)} lists
({len(norway.truth)} rows) and {true_n - met} on none. `SYNTHETIC-persons.csv` has all of them, `SYNTHETIC-truth.csv`
says who stands on which row.
`minors/` is a population of its own and no part of any study here. `2017-2022/` has six years of merged lists.
Another true N or seed: `mse simulate norway --scenario 2020 --true-n 300 --seed 1 --out FOLDER`.
"""


def _counts_table(norway: SyntheticNorway, rules: Sequence[ListRule]) -> str:
    forms = ["sexual", "labour + services", "several", "organ", "not clarified"]
    regions = ["E. Europe", "Africa", "Asia", "W. Europe", "S. America", "Middle East"]
    header = ["list", "persons", "new", "women", "men", *forms, *regions, "rows"]
    rows = []
    for rule in rules:
        one = norway.lists[rule.name]
        counts = common_counts(one, by_row=rule.states == "decisions")
        cells = [_against(counts["total"][""], rule.margins.total)]
        new = counts.get("is_new", {}).get("new", 0)
        cells.append(_against(new, rule.margins.new) if "is_new" in counts else NOT_PUBLISHED)
        for field, columns in (("sex", SEX_COLUMNS), ("form", FORM_COLUMNS), ("region", REGION_COLUMNS)):
            for categories in columns.values():
                published = getattr(rule.margins, field).get(categories)
                if set(categories) & {region for group in rule.other_regions for region in group}:
                    published = None
                found = sum(counts.get(field, {}).get(category, 0) for category in categories)
                cells.append(_against(found, published) if field in counts else NOT_PUBLISHED)
        rows.append([rule.name, *cells, str(len(one.persons))])
    return _table(header, rows)


def _sums(norway: SyntheticNorway, rules: Sequence[ListRule]) -> str:
    """What the agency rows add up to, against the sums in the report, and the mismatch in the source."""
    agency_rows = [rule for rule in rules if rule.states == "new"]
    published = margins_of("SUM ALL (report)")
    added = {
        name: sum(common_counts(norway.lists[rule.name])["region"].get(categories[0], 0) for rule in agency_rows)
        for name, categories in REGION_COLUMNS.items()
    }
    total = sum(norway.lists[rule.name].n_persons for rule in agency_rows)
    differing = [
        f"{name.replace('_', ' ')} {count} here, {published.region[REGION_COLUMNS[name]]} in the report"
        for name, count in added.items()
        if count != published.region[REGION_COLUMNS[name]]
    ]
    distinct = len(norway.on(*(rule.name for rule in agency_rows)))
    return f"""
The agency rows of sections 7.4 and 7.5 add up to {total}, as in the report ({published.total}), and hold {distinct}
distinct persons here. By region the source is not consistent with itself by one person: {"; ".join(differing)}
(its sum for 7.4 differs from the rows it adds). The rows are followed, not the sum. The region of the women at
Albertine and the form at Shalam are not stated and follow by subtraction; the sexes at Migrasjonssenteret follow from
the text.
"""


def _facts_table(norway: SyntheticNorway) -> str:
    rows = []
    for fact in overlap_facts().to_dict("records"):
        a, b = FACT_LISTS.get(fact["list_a"]), FACT_LISTS.get(fact["list_b"])
        rows.append([fact["list_a"], fact["list_b"], fact["kind"], fact["value"], _fact_value(norway, a, b)])
    return _table(["list", "other list", "kind", "in the report", "persons on both here"], rows)


def _fact_value(norway: SyntheticNorway, a: tuple[str, ...] | None, b: tuple[str, ...] | None) -> str:
    if a is None or b is None:
        return "no list of its own"
    if a == b:
        one = norway.lists[a[0]]
        return f"{len(one.persons)} rows, {one.n_persons} persons"
    if a == ("udi-asylum",):
        earlier = common_counts(norway.lists["udi-asylum"])["earlier_decision"]["yes"]
        return f"{earlier} marked so; {len(norway.on(*a) & norway.on(*b))} of them in the same year"
    return str(len(norway.on(*a) & norway.on(*b)))


def _merged(norway: SyntheticNorway) -> str:
    lists = read_packaged("layouts_2020.toml")["study"]["lists"]
    overlaps = merged_overlaps(norway, lists)
    names = [str(one["name"]) for one in lists]
    rows = [[f"{a} {one['label']['en']}", *map(str, overlaps.loc[a])] for a, one in zip(names, lists, strict=True)]
    members = "\n".join(f"- {one['name']}: {', '.join(one['registers'])}" for one in lists)
    return f"""{_table(["persons on both", *names], rows)}

{members}

Adora's places are kept for women whom ROSA assists, so it stands with ROSA; UDI's list of those it houses through ROSA
is UDI's own and stands with UDI.
"""


def _six_years(norway: SyntheticNorway) -> str:
    totals = published_totals()
    names = list(dict.fromkeys(name.rsplit("-", 1)[0] for name in norway.lists))
    rows = []
    for year in YEARS:
        cells = []
        for name in names:
            one = norway.lists.get(f"{name}-{year}")
            cells.append("no list" if one is None else _against(one.n_persons, totals.get((name, year))))
        own = [one for one in norway.lists if one.endswith(f"-{year}")]
        rows.append([str(year), str(norway.true_n[year]), *cells, str(len(norway.on(*own)))])
    police = "police reports (KOM 2020, table by district) and UDI's decisions in 2018-2020"
    return f"""Persons, *synthetic / published*, where {police} are taken as persons; the other sizes are drawn.

{_table(["year", "true N", *names, "distinct"], rows)}

Those who fled Ukraine in 2022 come on top of the true N of the other years, under temporary collective protection;
their children are on a separate list under `2017-2022/minors/`. Region Ukraine is shown apart from 2022. These lists
are drawn anew: the year 2020 here is not the year 2020 above.
"""


def _deviations() -> str:
    return """## Where the files deviate on purpose

- A few persons stand on two rows of a list (above, where rows exceed persons); totals are of persons.
- The form of exploitation in a list is what that agency writes; it may be another one than the person's main form. The
  published counts are of what the agencies write.
- The police count reports, not persons. The list has one adult for each report, and one more (an assumption), with the
  published districts and forms; the woman of Shalam stands under another district than Agder, which had no report.
- Decisions by UNE and UDI whose region is only "European" are from any European country.
- Agencies without persons (Bufetat, Nadheim) have no list.
"""


def _assumptions(rules: Sequence[ListRule]) -> str:
    about = assumptions()
    rows = [
        [rule.name, _pairs(rule.affinity), _pairs(rule.referral), _only(rule)]
        for rule in rules
        if rule.affinity or rule.referral or rule.only or rule.reflection_housing
    ]
    shares = [[trait, _pairs(about[trait])] for trait in ("form", "woman", "city", "identification") if trait in about]
    shares += [[f"region, form {name}", _pairs(own)] for name, own in about["region"].items()]
    shares += [[f"legal track, {name}", _pairs(own)] for name, own in about["track"].items()]
    return f"""## The generator's assumptions

None of these is published; all are assumptions, written down in `population.toml`, `encounters_2020.toml`,
`years_2017_2022.toml` and `styles.toml` beside the code. No estimate was looked at when they were set.

Persons: first contact in the year itself {about["new_share"]:g}; spread of the common visibility
{about["visibility_sd"]:g} log odds; another form written than the main one {about["form_recorded_otherwise"]:g}.

{_table(["share of persons by", "values"], shares)}

Lists: log odds added for a trait, and for being on another list (the dependence).

{_table(["list", "affinity", "referral", "only"], rows)}
"""


def _meaning() -> str:
    return """## What synthetic means for an estimate

The true N is known here because it was chosen, and the persons on no list are in `SYNTHETIC-persons.csv`. Lists
depend on each other through referrals, a visibility common to all agencies, and rules that keep some persons off some
lists, so independence does not hold, and no model of capture-recapture was used to make the data. An estimate that is
near the true N shows that the method copes with this dependence at these sizes; it says nothing about Norway, where
the dependence is unknown. The published margins are those of real agencies, but who is on two lists is, beyond the
overlaps above, made up.
"""


def _against(found: int, published: int | None) -> str:
    return f"{found} / {NOT_PUBLISHED if published is None else published}"


def _pairs(values: Mapping[str, float]) -> str:
    return ", ".join(f"{key} {value:g}" for key, value in values.items()) or NOT_PUBLISHED


def _only(rule: ListRule) -> str:
    own = [f"{trait}: {', '.join(allowed)}" for trait, allowed in rule.only.items()]
    if rule.reflection_housing:
        own.append("no final rejection; asylum only after a reflection period")
    return "; ".join(own) or NOT_PUBLISHED


def _table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", ", ") for cell in line) + " |" for line in lines) + "\n"
