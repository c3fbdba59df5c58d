"""Tasks given to workers, with their answers in the order of the tasks whatever the number of workers."""

import threading
from collections.abc import Callable, Sequence

from joblib import Parallel, delayed

from mse.progress import progress

__all__ = ["answers_in_order"]

LONGEST_TASK = 60.0  # seconds that an interrupt waits for the tasks being worked on


def answers_in_order[Task, Answer](
    answer: Callable[[Task], Answer], tasks: Sequence[Task], *, text: str, n_jobs: int = 1, chunk: int = 1
) -> list[Answer]:
    """What `answer` says of each task, in order, by joblib's threads or by the backend that the caller configured.

    With ``n_jobs=1`` joblib decides, so that ``joblib.parallel_config(backend="dask")`` takes over; without such a
    configuration that is one worker. A worker takes `chunk` tasks at a time. An interrupt waits for no more than the
    tasks that are being worked on.
    """
    chunks = [tasks[i : i + chunk] for i in range(0, len(tasks), chunk)]
    workers = Parallel(n_jobs=None if n_jobs == 1 else n_jobs, prefer="threads", return_as="generator")
    answers: list[Answer] = []
    earlier = set(threading.enumerate())
    try:
        with progress(text, total=len(tasks)) as bar:
            for part in workers(delayed(_answers)(answer, some) for some in chunks):
                answers += part
                bar.advance(len(part))
    except BaseException:
        # A thread that is still in compiled code when the interpreter ends aborts the process.
        for thread in set(threading.enumerate()) - earlier:
            if thread.name.endswith("(worker)"):
                thread.join(LONGEST_TASK)
        raise
    return answers


def _answers[Task, Answer](answer: Callable[[Task], Answer], tasks: Sequence[Task]) -> list[Answer]:
    return [answer(task) for task in tasks]
