"""Encoding a list: its cost, and what an attacker who has no key but name statistics reads off it."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, timedelta
from pathlib import Path
from tempfile import mkdtemp

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mse.pseudonyms import Key, encode, id_map
from mse.pseudonyms.filters import bigrams, filter_of
from mse.pseudonyms.normalise import Forms, normal_forms
from mse.pseudonyms.rules import rules
from mse.registers import Codebook, Column, Register
from mse.synthetic.identities import origins
from mse.writing import write_text

Measured = Callable[..., None]
SEED = 1
KEY = Key("bench", bytes(range(32)))
README = Path(__file__).parent / "README.md"
BEGIN, END = "<!-- the frequency attack, written by make bench -->", "<!-- end of the attack -->"
N_LISTED, N_PUBLIC = 10_000, 50_000
ALIKE = 0.75  # Dice of two filters from which the attacker takes them for one name
KINDS = {"given_name": "name", "family_name": "name", "birth_date": "date"}
KEYS = ("key_names_year", "key_names_date", "key_skeletons_years", "key_pair_year", "key_word_date")
Guess = NDArray[np.bool_]  # for each record: is the given name right, is the family name


def register(persons: pd.DataFrame) -> Register:
    columns = tuple(Column(field, kind, field, identifier=True) for field, kind in KINDS.items())
    year = (date(2020, 1, 1), date(2020, 12, 31))
    codebook = Codebook("list", "Agency", "adults", "in contact", year, "presumed", "p", "once", "all", columns)
    return Register(codebook, persons.set_axis(range(1, len(persons) + 1)), source_sha256="")


def typed_list(n: int) -> pd.DataFrame:
    """Persons with 3,000 given and 20,000 family names that fall off as in a large population."""
    rng = np.random.default_rng(SEED)
    syllables = np.array([first + second for first in "bdfgklmnprstvz" for second in "aeiou"])

    def names(of: int) -> NDArray[np.str_]:
        pool = np.array(["".join(rng.choice(syllables, rng.integers(2, 4))).title() for _ in range(of)])
        return pool[np.minimum((rng.pareto(1.0, n) * of / 60).astype(np.int64), of - 1)]

    days = (np.datetime64("1950-01-01") + rng.integers(0, 20_000, n)).astype(str)
    return pd.DataFrame({"given_name": names(3000), "family_name": names(20_000), "birth_date": days}, dtype="str")


def encoding(n: int, *, n_jobs: int) -> Callable[[], object]:
    listed, path = register(typed_list(n)), Path(mkdtemp()) / "list.mse"
    return lambda: encode(listed, key=KEY, project="bench", n_jobs=n_jobs).write(path)


def ten_thousand() -> Callable[[], object]:
    return encoding(10_000, n_jobs=1)


def one_million() -> Callable[[], object]:
    return encoding(1_000_000, n_jobs=2)


def test_ten_thousand(measured: Measured) -> None:
    measured("10,000 records encoded and written, match keys", ten_thousand, target=2, rounds=3)


def test_one_million(measured: Measured) -> None:
    measured("1,000,000 records encoded and written, match keys, 2 cores", one_million, target=60, rounds=1)


def drawn_persons(n: int, *, seed: int) -> pd.DataFrame:
    """Persons as the public statistics have them: the name pools of the synthetic persons, each with a Zipf law."""
    rng = np.random.default_rng(seed)
    pools = list(origins().values())

    def pick(pool: Sequence[str]) -> str:
        weight = 1.0 / np.arange(2, len(pool) + 2)
        return pool[rng.choice(len(pool), p=weight / weight.sum())]

    rows = []
    for place in rng.integers(len(pools), size=n):
        origin = pools[place]
        born = date(1975, 1, 1) + timedelta(days=int(rng.integers(10_000)))
        rows.append((pick(origin.women), pick(origin.family), born.isoformat()))
    return pd.DataFrame(rows, columns=list(KINDS), dtype="str")


def aligned(seen: Iterable[str], public: Iterable[str]) -> Mapping[str, str]:
    """The most frequent pseudonym taken for the most frequent text, the second for the second, and so on."""
    ranks = [[value for value, _ in Counter(values).most_common()] for values in (seen, public)]
    return dict(zip(*ranks, strict=False))


def texts(forms: Forms, of: Sequence[str]) -> list[str]:
    found = [""]
    for form in of:
        found = [f"{text};{value}" for text in found for value in forms.get(form, ())]
    return found


def attack_field(tokens: Sequence[object], form: str, truth: Sequence[Forms], public: Sequence[Forms]) -> Guess:
    guess = aligned(map(str, tokens), (value for forms in public for value in forms.get(form, ())))
    return np.array(
        [guess.get(str(token)) in forms.get(form, ()) for token, forms in zip(tokens, truth, strict=True)], dtype=bool
    )


def attack_keys(records: pd.DataFrame, truth: Sequence[Forms], public: Sequence[Forms]) -> Guess:
    """Each column by itself, a record counting as read as soon as one of its tokens in any column is."""
    right = np.zeros((len(truth), 2), dtype=bool)
    for column in KEYS:
        (of,) = (token.forms for token in rules().tokens if token.name == column)
        cells = [cell.split("|") if isinstance(cell, str) else [] for cell in records[column]]
        guess = aligned(
            (token for cell in cells for token in cell), (text for forms in public for text in texts(forms, of))
        )
        for place, (cell, forms) in enumerate(zip(cells, truth, strict=True)):
            read = {guess.get(token, "") for token in cell} & set(texts(forms, of))
            if of[0] != "word_skeletons":
                right[place] |= bool(read)
            else:
                words = {text.split(";")[1] for text in read}
                right[place] |= [
                    not words.isdisjoint(normal_forms({field: forms[form][0]}).get("word_skeletons", ()))
                    for field, form in (("given_name", "given"), ("family_name", "family"))
                ]
    return right


def clusters(filters: Sequence[str]) -> list[str]:
    """For each filter the one it is taken to be equal to: those with most similar ones gather theirs first."""
    bits = np.unpackbits(np.array([list(bytes.fromhex(filter_)) for filter_ in filters], dtype=np.uint8), axis=1)
    ones = bits.astype(np.float32)
    size = ones.sum(axis=1)
    near = [np.flatnonzero(2 * (ones @ one) >= ALIKE * (size + total)) for one, total in zip(ones, size, strict=True)]
    leader = np.full(len(filters), -1)
    for place in sorted(range(len(filters)), key=lambda own: -len(near[own])):
        if leader[place] < 0:
            leader[near[place][leader[near[place]] < 0]] = place
    return [str(own) for own in leader]


def attack() -> list[tuple[str, Guess]]:
    listed, statistics = drawn_persons(N_LISTED, seed=SEED), drawn_persons(N_PUBLIC, seed=SEED + 1)
    public = [normal_forms(person) for person in statistics.to_dict("records")]
    all_forms = [normal_forms(person) for person in listed.to_dict("records")]
    plain = register(listed)
    found: list[tuple[str, Guess]] = []
    names = {"given": "bloom_given_name", "family": "bloom_family_name"}

    def by_field(tokens: Mapping[str, Sequence[object]], truth: Sequence[Forms]) -> Guess:
        return np.column_stack([attack_field(tokens[form], form, truth, public) for form in names])

    singles = {form: [forms[form][0] for forms in all_forms] for form in names}  # a token tells no more than equality
    found.append(("tokens of single fields (no encoding of this package)", by_field(singles, all_forms)))
    for name in ("match_keys", "bloom"):
        records = encode(plain, key=KEY, project="bench", encoding=name).records
        row_of = id_map(plain, key=KEY).drop_duplicates("record").set_index("record")["row"]
        truth = [all_forms[row_of[record] - 1] for record in records["record"]]
        if name == "match_keys":
            found.append(("match keys", attack_keys(records, truth, public)))
            continue
        bare = {form: [filter_of(bigrams(value), subkey=bytes(32)) for value in singles[form]] for form in names}
        found.append(("filters without flipped bits (no encoding of this package)", by_field(bare, all_forms)))
        equal = {form: records[column].tolist() for form, column in names.items()}
        found.append(("filters, equal ones taken together", by_field(equal, truth)))
        alike = {form: clusters(records[column].tolist()) for form, column in names.items()}
        found.append(("filters, similar ones taken together", by_field(alike, truth)))
    return found


def test_frequency_attack() -> None:
    """Write what was read of each encoding into the README; match keys must stand below the tokens they replaced."""
    found = attack()
    lines = [
        f"| {name} | {right[:, 0].mean():.1%} | {right[:, 1].mean():.1%} | {right.all(axis=1).mean():.1%} |"
        for name, right in found
    ]
    before, rest = README.read_text("utf-8").split(BEGIN)
    after = rest.split(END)[1]
    head = "| encoding | given name | family name | both names |\n|---|---|---|---|"
    write_text(README, f"{before}{BEGIN}\n{head}\n" + "\n".join(lines) + f"\n{END}{after}")
    shares = {name: right.all(axis=1).mean() for name, right in found}
    assert shares["match keys"] < shares["tokens of single fields (no encoding of this package)"]
