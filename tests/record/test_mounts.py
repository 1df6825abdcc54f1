from pathlib import Path

import pytest

from netscope.record.journal.filesystem import file_system, is_networked

MOUNTS = r"""
22 1 254:0 / / rw,relatime - ext4 /dev/vda rw
30 22 0:40 / /data rw,relatime shared:1 - nfs4 server:/export rw
31 30 0:41 / /data/local rw - xfs /dev/vdb rw
32 22 0:42 / /mnt/my\040share rw - cifs //host/share rw
33 22 0:43 / /mnt/ssh rw - fuse.sshfs me@host:/ rw
34 22 0:44 / /over rw - ext4 /dev/vdc rw
35 34 0:45 / /over rw - lustre mds:/fs rw
"""


@pytest.mark.parametrize(
    ("path", "kind", "networked"),
    [
        ("/home/me/runs", "ext4", False),
        ("/data/runs", "nfs4", True),
        ("/database/runs", "ext4", False),
        ("/data/local/runs", "xfs", False),
        ("/mnt/my share/runs", "cifs", True),
        ("/mnt/ssh", "fuse.sshfs", True),
        ("/over/runs", "lustre", True),
    ],
)
def test_the_longest_mount_point_determines_the_file_system(path, kind, networked):
    assert file_system(Path(path), MOUNTS) == kind
    assert is_networked(Path(path), MOUNTS) is networked


def test_a_link_is_followed(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    mounts = f"1 0 0:1 / / rw - ext4 a rw\n2 1 0:2 / {tmp_path}/real rw - nfs b rw"
    assert file_system(tmp_path / "link", mounts) == "nfs"


def test_the_temporary_folder_of_this_machine_has_some_file_system(tmp_path):
    assert file_system(tmp_path) == "" or not is_networked(tmp_path)
