#!/bin/sh
# Pass the tests. Without Chromium the browser tests are left out, and one line says so;
# with MSE_REQUIRE_BROWSER=1 that is an error. More words go to pytest: sh tools/test.sh -k links
set -eu
cd "$(dirname "$0")/.."
PATH="$PATH:/usr/bin:/usr/local/bin"
chromium=
for name in chromium chromium-browser google-chrome; do
    if command -v "$name" >/dev/null 2>&1; then chromium=$(command -v "$name"); break; fi
done
marks="not slow"
told=
if [ -z "$chromium" ]; then
    if [ "${MSE_REQUIRE_BROWSER:-}" = 1 ]; then
        echo "no Chromium on this machine, and MSE_REQUIRE_BROWSER=1 asks for the browser tests" >&2
        exit 1
    fi
    marks="not slow and not browser"
    told="no Chromium on this machine: the browser tests were left out (on Debian: apt-get install chromium)"
fi
export MSE_CHROMIUM="$chromium"
# Where this is set, each of the some sixty processes of the suite compiles all it imports: half of its time.
unset PYTHONDONTWRITEBYTECODE
status=0
.venv/bin/python -m pytest -m "$marks" -n 2 --dist worksteal "$@" || status=$?
if [ -n "$told" ]; then echo "$told"; fi
exit "$status"
