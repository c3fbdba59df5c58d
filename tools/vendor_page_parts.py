"""Fetch the published files of others that the offline page holds, and compare them with their hashes.

Run `python tools/vendor_page_parts.py` after changing a version in src/mse/pseudonyms/page/vendored/sources.json (it
needs npm and a network; neither the tests nor the page do). A file whose hash differs is not taken: read what changed,
then write its new hash into sources.json.
"""

import hashlib
import json
import subprocess
import sys
import tarfile
from pathlib import Path
from tempfile import TemporaryDirectory

FOLDER = Path(__file__).parents[1] / "src" / "mse" / "pseudonyms" / "page" / "vendored"


def published(package: str, version: str, folder: Path) -> Path:
    """The archive that npm holds under this name and version."""
    command = ["npm", "pack", "--silent", f"{package}@{version}", "--pack-destination", str(folder)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return folder / done.stdout.strip().splitlines()[-1]


def main() -> int:
    n_refused = 0
    for source in json.loads((FOLDER / "sources.json").read_text("utf-8")):
        with (
            TemporaryDirectory() as folder,
            tarfile.open(published(source["package"], source["version"], Path(folder))) as archive,
        ):
            for file in source["files"]:
                content = archive.extractfile(file["from"]).read()
                digest = hashlib.sha256(content).hexdigest()
                if digest != file["sha256"]:
                    print(f"{file['as']}: refused, its sha256 is {digest}")
                    n_refused += 1
                    continue
                (FOLDER / file["as"]).write_bytes(content)
                print(f"{file['as']}: {source['package']} {source['version']}, {len(content)} bytes")
    return 1 if n_refused else 0


if __name__ == "__main__":
    sys.exit(main())
