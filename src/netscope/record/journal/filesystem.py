"""Detect network file systems, where memory-mapped files are slow or incoherent."""

from __future__ import annotations

import os
import re
from pathlib import Path

NETWORK = frozenset(
    "9p afs beegfs ceph cifs davfs fuse fuseblk glusterfs gpfs lustre nfs nfs4 pvfs2 smb2 smb3 smbfs virtiofs".split()
)


def is_networked(path: Path, mountinfo: str | None = None) -> bool:
    """Whether writes to `path` go through a network, or a FUSE daemon that may use one."""
    kind = file_system(path, mountinfo)
    return kind in NETWORK or kind.startswith("fuse.")


def file_system(path: Path, mountinfo: str | None = None) -> str:
    r"""The type of the file system that holds `path`, or '' if unknown (not on Linux).

    >>> file_system(Path("/data/runs"), "1 0 0:1 / / rw - ext4 /dev/sda rw\n2 1 0:2 / /data rw - nfs4 host:/ rw")
    'nfs4'
    """
    if mountinfo is None:
        try:
            mountinfo = Path("/proc/self/mountinfo").read_text("utf-8", "surrogateescape")
        except OSError:
            return ""
    whole = os.path.realpath(path)
    longest, found = -1, ""
    for line in mountinfo.splitlines():
        before, _, after = line.partition(" - ")
        fields = before.split(" ")
        if len(fields) < 5 or not after:
            continue
        point = re.sub(r"\\([0-7]{3})", lambda match: chr(int(match[1], 8)), fields[4])  # a space is written \040
        # A later line with the same mount point covers the earlier one.
        if len(point) >= longest and (whole + "/").startswith(point.rstrip("/") + "/"):
            longest, found = len(point), after.split(" ")[0]
    return found
