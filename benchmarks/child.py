"""Run one workload once in a process of its own and print its first call's seconds and the peak memory in bytes.

``python child.py FILE FUNCTION``: the function prepares, and returns what is to be timed.
"""

import json
import resource
import sys
import time
from importlib.util import module_from_spec, spec_from_file_location


def main(path: str, name: str) -> None:
    spec = spec_from_file_location("workloads", path)
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    action = getattr(module, name)()
    start = time.perf_counter()
    action()
    seconds = time.perf_counter() - start
    unit = 1 if sys.platform == "darwin" else 1024  # ru_maxrss is in bytes on macOS and in kilobytes on Linux
    own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    largest_worker = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    print(json.dumps({"seconds": seconds, "bytes": (own + largest_worker) * unit}))


if __name__ == "__main__":
    main(*sys.argv[1:])
