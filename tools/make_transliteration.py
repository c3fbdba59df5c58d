"""Write src/mse/pseudonyms/transliteration.json from one pinned version of any-ascii.

Run by hand when the rules change, never by the package: `python tools/make_transliteration.py`. The package and the
offline page read the file, so that both give the same letters whatever library or Unicode version is installed.
"""

import json
import re
import unicodedata
from importlib.metadata import distribution
from pathlib import Path

from anyascii import anyascii

ANY_ASCII = "0.3.3"
TARGET = Path(__file__).parents[1] / "src" / "mse" / "pseudonyms" / "transliteration.json"
BLOCKS = ((0x0009, 0x31FF), (0x3400, 0x4DBF), (0x4E00, 0x9FFF), (0xA000, 0xABFF), (0xAC00, 0xD7A3), (0xF900, 0xFFFC))
DROPPED, BREAK = "_", "-"
APOSTROPHES = "'`´‘’‛′ʹʻʼʽ＇·"
BREAKS = '\t\n\r\v\f.,;:/|()[]{}"«»“”„‟‹›…&،؛፡።、'
UNKNOWN = frozenset("?¿؟�")


def letters(character: str) -> str | None:
    """Lower-case ASCII letters, `_` for nothing, `-` for the end of a word, None for an unknown character."""
    category = unicodedata.category(character)
    if character in UNKNOWN or category in ("Cn", "Co", "Cs"):
        return None
    if character in APOSTROPHES or (category in ("Cf", "Mn", "Me") and not anyascii(character).isalpha()):
        return DROPPED
    if character in BREAKS or category in ("Pd", "Pc", "Zs", "Zl", "Zp"):
        return BREAK
    if category[0] not in "LM" or (category == "Mn" and ord(character) < 0x0370):
        return None
    found = re.sub(r"['`\"^~ .-]", "", anyascii(character)).lower()
    if not found:
        return DROPPED
    return found if re.fullmatch("[a-z]+", found) else None


def main() -> None:
    """Write the table: runs of code points, the letters of each separated by a space."""
    package = distribution("anyascii")
    if package.version != ANY_ASCII:
        raise SystemExit(f"anyascii {package.version} is installed; the table is made with {ANY_ASCII}")
    runs: dict[str, list[str]] = {}
    start = None
    for low, high in BLOCKS:
        for point in range(low, high + 1):
            found = letters(chr(point))
            if found is None:
                start = None
                continue
            if start is None:
                start = f"{point:04x}"
                runs[start] = []
            runs[start].append(found)
        start = None
    table = {
        "source": f"any-ascii {ANY_ASCII} (https://github.com/anyascii/anyascii), lower case, letters only",
        "unicode": unicodedata.unidata_version,
        "licence": (package.read_text("licenses/LICENSE") or "").strip(),
        "runs": {first: " ".join(found) for first, found in runs.items()},
    }
    TARGET.write_text(json.dumps(table, indent=0, ensure_ascii=True) + "\n", "utf-8")


if __name__ == "__main__":
    main()
