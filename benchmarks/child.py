"""Run one workload once in a process of its own and print its first call's seconds and the peak memory in bytes.

``python child.py FILE FUNCTION``: the function prepares, and returns what is to be timed.
"""

import json
import sys
import threading
import time
from importlib.util import module_from_spec, spec_from_file_location

import psutil

PAUSE = 0.1  # seconds between two looks at the memory


class Watch(threading.Thread):
    """The largest sum of the resident sizes of this process and its workers; pages they share count for each."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.peak = 0
        self.ended = threading.Event()

    def run(self) -> None:
        own = psutil.Process()
        while not self.ended.wait(PAUSE):
            total = own.memory_info().rss
            for worker in own.children(recursive=True):
                try:
                    total += worker.memory_info().rss
                except psutil.NoSuchProcess:
                    continue
            self.peak = max(self.peak, total)


def main(path: str, name: str) -> None:
    spec = spec_from_file_location("workloads", path)
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    action = getattr(module, name)()
    watch = Watch()
    watch.start()
    start = time.perf_counter()
    action()
    seconds = time.perf_counter() - start
    time.sleep(2 * PAUSE)
    watch.ended.set()
    watch.join()
    print(json.dumps({"seconds": seconds, "bytes": watch.peak}))


if __name__ == "__main__":
    main(*sys.argv[1:])
