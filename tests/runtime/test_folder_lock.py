"""Mounts whose locks other machines do not see."""

from __future__ import annotations

from pathlib import Path

import pytest

from paqa_builder.runtime.folder_lock import unseen_by_others

MOUNTS = """\
22 1 0:20 / / rw,relatime shared:1 - ext4 /dev/sda1 rw
30 22 0:30 / /shared rw shared:2 - nfs4 server:/shared rw,vers=4.2,local_lock=none
31 22 0:31 / /old rw shared:3 - nfs server:/old rw,vers=3,nolock,local_lock=all
32 30 0:32 / /shared/with\\040space rw - lustre mgs:/fs rw,localflock
33 22 0:33 / /ssh rw - fuse.sshfs host:/ rw
damaged line
"""


@pytest.mark.parametrize(
    ("folder", "reason"),
    [
        ("/home/me/work", None),
        ("/shared/work", None),
        ("/sharedwork", None),
        ("/old/work", "nfs with nolock"),
        ("/shared/with space/work", "lustre with localflock"),
        ("/ssh", "fuse.sshfs"),
    ],
)
def test_a_mount_with_local_locks_is_named(folder: str, reason: str | None, tmp_path: Path) -> None:
    mounts = tmp_path / "mountinfo"
    mounts.write_text(MOUNTS)
    assert unseen_by_others(Path(folder), mounts) == reason


def test_without_a_list_of_mounts_there_is_no_reason(tmp_path: Path) -> None:
    assert unseen_by_others(tmp_path, tmp_path / "missing") is None
