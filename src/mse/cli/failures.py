"""How the command line fails: one sentence for what was foreseen, a trace without values for what was not."""

import sys
import traceback
from collections.abc import Callable

from mse.errors import MseError
from mse.progress import is_interrupt

__all__ = ["STOPPED", "exit_code_of"]

STOPPED = 130


def exit_code_of(run: Callable[[], None], *, reads_lists: bool) -> int:
    """Run a command and give the exit code: 0 done, 2 bad input, 3 refused, 130 stopped by the user, 1 a fault.

    Parameters
    ----------
    run : callable
        Ends by returning or by `SystemExit`.
    reads_lists : bool
        Whether the command may hold what an agency typed. Then the trace of an unforeseen fault names files, lines and
        the kind of fault, and neither its message nor any value: both may quote a cell of the list.
    """
    try:
        run()
    except MseError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        return _stopped()
    except SystemExit as end:
        return _stopped() if end.code == STOPPED else _code(end.code)
    except Exception as fault:
        if is_interrupt(fault):
            return _stopped()
        print(_trace(fault) if reads_lists else traceback.format_exc(), file=sys.stderr)
        return 1
    return 0


def _stopped() -> int:
    print("stopped; what was finished is kept, and the same command takes it up again", file=sys.stderr)
    return STOPPED


def _code(code: object) -> int:
    return code if isinstance(code, int) else 0 if code is None else 1


def _trace(fault: BaseException) -> str:
    """Where a fault arose and of which kind, for it and for what it came from, without messages and source lines."""
    parts = []
    seen: BaseException | None = fault
    while seen is not None:
        frames = [
            f"  {frame.filename}, line {frame.lineno}, in {frame.name}"
            for frame in traceback.extract_tb(seen.__traceback__)
        ]
        # What could not be imported is a name of code, and may be all that the reader needs.
        told = f": {seen}" if isinstance(seen, ImportError) else ""
        parts.append("\n".join([*frames, f"{type(seen).__module__}.{type(seen).__qualname__}{told}"]))
        seen = seen.__cause__ or seen.__context__
    told = "\n\nwhich came from\n\n".join(parts)
    return (
        f"{told}\n\nan unforeseen fault; its message is not shown because it could quote a list. "
        "Report the lines above, which hold nothing of the list."
    )
