#!/bin/sh
# Print a Python that this project runs on: 3.13 or 3.12, on PATH or under pyenv.
# A pyenv shim may stand on PATH and still refuse to run, so each candidate must answer.
usable() {
    "$1" -c 'import sys, venv; sys.exit(not (3, 12) <= sys.version_info[:2] < (3, 15))' 2>/dev/null
}
for name in python3.13 python3.12 python3.14 python3 python; do
    found=$(command -v "$name" 2>/dev/null) || continue
    if usable "$found"; then echo "$found"; exit 0; fi
done
root=$(pyenv root 2>/dev/null || echo "$HOME/.pyenv")
for found in "$root"/versions/3.13*/bin/python "$root"/versions/3.12*/bin/python; do
    if [ -x "$found" ] && usable "$found"; then echo "$found"; exit 0; fi
done
echo "no Python 3.12, 3.13 or 3.14 on PATH or under pyenv; install one, for example python3.12, and run make again" >&2
exit 1
