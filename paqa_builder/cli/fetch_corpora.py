"""What ``paqa fetch`` prints of corpora."""

from __future__ import annotations

from typing import TYPE_CHECKING

from paqa_builder.cli import common

if TYPE_CHECKING:
    from paqa_builder.corpora.plan import FetchPlan
    from paqa_builder.sources.downloads import Archive, Downloads


def show_place(plan: FetchPlan, dry_run: bool) -> None:
    """Prints where a complete corpus is: its folder on standard output."""
    if not plan.missing:
        what = f"the small cut of {plan.name}" if plan.small else plan.name
        common.err.print(f"{what} is complete; nothing to do", soft_wrap=True)
    common.err.print(f"{plan.name} is at")
    common.out.print(str(plan.root), soft_wrap=True)
    if not dry_run:
        common.err.print(f"next: paqa build --source {plan.name} --out shards", soft_wrap=True)


def show(plan: FetchPlan, keep_archives: bool) -> None:
    """Prints the archives of a plan, licence, sizes and the folder."""
    from paqa_builder.corpora.fetch import free_bytes
    from paqa_builder.corpora.locate import human

    table = common.table(
        ("archive", "part", "download", "unpacked", "verified by", "here"), (), right=("download", "unpacked")
    )
    for archive in plan.archives:
        cut = plan.cut(archive)
        name = (
            archive.name
            if len(archive.files) == 1 or archive.kind != "files"
            else (f"{archive.name} ({len(archive.files)} files)")
        )
        name = f"{archive.name}, first {cut} clips" if cut else name
        size = archive.small_bytes if cut else archive.bytes
        unpacked = "" if cut or archive.kind == "files" else human(archive.unpacked_bytes)
        checked = "CRC-32" if cut and archive.kind == "zip" else "" if cut else _verified_by(archive)
        here = "" if archive in plan.missing else "yes"
        table.add_row(name, archive.subset, human(size), unpacked, checked, here)
    common.err.print(table)
    downloads = plan.downloads
    common.err.print(f"licence: {downloads.license}; terms: {downloads.page}", soft_wrap=True)
    if downloads.note:
        common.err.print(f"note: {downloads.note}", soft_wrap=True)
    free, needed = free_bytes(plan.root), plan.disk_bytes(keep_archives)
    common.err.print(
        f"to download: {human(plan.download_bytes(plan.missing)) if plan.missing else 'nothing'}; "
        f"disk: {human(needed) if plan.missing else 'none'} of {human(free)} free; folder: {plan.root}",
        soft_wrap=True,
    )


def _verified_by(archive: Archive) -> str:
    if archive.trees:
        return "git tree"
    if not archive.verified:
        return "size only" if all(file.bytes for file in archive.files) else "nothing"
    checksum = archive.files[0].checksum
    return {"md5": "MD5", "sha256": "SHA-256"}[checksum.partition(":")[0] or "sha256"]


def show_all(corpora: dict[str, Downloads]) -> None:
    """Prints a table of all corpora."""
    from paqa_builder.corpora.locate import human
    from paqa_builder.corpora.plan import plan

    table = common.table(("corpus", "parts", "download", "licence", "here"), (), right=("download",))
    for name, downloads in corpora.items():
        missing = plan(name).missing
        here = "yes" if not missing else "part" if len(missing) < len(downloads.whole) else ""
        parts = ", ".join(downloads.subsets)
        size = human(downloads.bytes)
        table.add_row(name, parts, size, downloads.license, here)
    common.err.print(table)
