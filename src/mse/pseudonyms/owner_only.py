"""Files that only their owner can read: mode 0600, and on Windows an access list with nobody else on it."""

import os
import re
import secrets
import stat
import subprocess
import tempfile
from pathlib import Path

from mse.errors import BadInput

__all__ = ["check_owner_only", "others_on_access_list", "write_once"]

DENIES = ("D", "OD", "XD")
# Names of the groups that Windows writes as two letters; any other stands as it is written.
GROUPS = {"WD": "Everyone", "BU": "Users", "BA": "Administrators", "SY": "SYSTEM", "AU": "Authenticated Users"}
ACCESS_LIST = re.compile(r"D:([A-Z_]*)((?:\([^()]*\))*)(.*)", re.DOTALL)
SID = re.compile(r"S-1(?:-[0-9]+)+")
COPIED = "and make a new key if someone may have copied it"


def check_owner_only(path: Path) -> None:
    """Refuse a file that anybody but its owner can read.

    Raises
    ------
    BadInput
        With the command that mends it.
    """
    if _on_windows():
        own = _own_sid()
        others = others_on_access_list(_access_list(path), own_sid=own)
        if others:
            raise BadInput(
                f"the key file {path} can be read by others ({', '.join(others)}); run "
                f'`icacls "{path}" /reset` and then `icacls "{path}" /inheritance:r /grant:r *{own}:F`, {COPIED}'
            )
        return
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise BadInput(f"the key file {path} can be read by others (mode {mode:04o}); run `chmod 600 {path}`, {COPIED}")


def others_on_access_list(sddl: str, *, own_sid: str) -> tuple[str, ...]:
    """Who, besides one user, an access list of Windows lets in.

    Parameters
    ----------
    sddl : str
        The access list as `icacls /save` writes it.
    own_sid : str
        Security identifier of the user who may stand on it.

    Returns
    -------
    tuple of str
        Groups and users by name or identifier; a list that is absent, or cannot be understood, lets everyone in.

    References
    ----------
    Security Descriptor Definition Language, section 2.5.1 of [MS-DTYP], Windows Data Types.

    Examples
    --------
    >>> others_on_access_list("D:PAI(A;;FA;;;S-1-5-21-7)", own_sid="S-1-5-21-7")
    ()
    >>> others_on_access_list("D:AI(A;ID;FA;;;S-1-5-21-7)(A;ID;0x1200a9;;;BU)", own_sid="S-1-5-21-7")
    ('Users',)
    """
    found = ACCESS_LIST.search(sddl)
    if found is None or "NO_ACCESS_CONTROL" in found[1] or found[3].strip().strip("\0")[:2] not in ("", "S:"):
        return ("Everyone",)
    others: dict[str, None] = {}
    for entry in re.findall(r"\(([^()]*)\)", found[2]):
        parts = entry.split(";")
        who = parts[5] if len(parts) > 5 else "WD"
        if parts[0] not in DENIES and who != own_sid:
            others[GROUPS.get(who, who)] = None
    return tuple(others)


def write_once(path: Path, content: bytes) -> None:
    """Write a file whole, for its owner only, and never over another: a hard link fails where the name is taken.

    Raises
    ------
    BadInput
        If the file exists, or its folder cannot hold such a file.
    """
    whole = path.parent / f".{path.name}.{secrets.token_hex(8)}"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with os.fdopen(os.open(whole, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as stream:
            if _on_windows():
                _run("icacls", str(whole), "/inheritance:r", "/grant:r", f"*{_own_sid()}:F")
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        os.link(whole, path)
    except FileExistsError:
        raise BadInput(f"{path} exists, and a key is never overwritten; choose another name") from None
    except OSError as error:
        raise BadInput(
            f"{path.parent} cannot hold a key file ({error.strerror}); choose a folder on a disk that keeps file rights"
        ) from None
    finally:
        whole.unlink(missing_ok=True)


def _on_windows() -> bool:
    return os.name == "nt"


def _access_list(path: Path) -> str:
    """The access list in a form that does not depend on the language of Windows."""
    with tempfile.TemporaryDirectory() as folder:
        saved = Path(folder) / "list"
        _run("icacls", str(path), "/save", str(saved))
        content = saved.read_bytes()
    return content.decode("utf-16-le" if b"\0" in content else "utf-8", errors="replace")


def _own_sid() -> str:
    found = SID.search(_run("whoami", "/user", "/fo", "csv", "/nh"))
    if found is None:
        raise BadInput("`whoami /user` does not tell who you are, so the rights of a key file cannot be checked")
    return found[0]


def _run(*command: str) -> str:
    try:
        done = subprocess.run(command, capture_output=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        raise BadInput(
            f"`{command[0]}` fails, so the rights of a key file cannot be checked or set; keep the key on a local disk "
            "of Windows (NTFS)"
        ) from None
    return done.stdout.decode("ascii", errors="replace")
