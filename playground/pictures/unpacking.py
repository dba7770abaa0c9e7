"""A zip of pictures and a table unpacked into a folder, with the checks of `find_pictures`."""

from pathlib import Path, PurePosixPath

from playground.pictures.files import MAX_PICTURES, SUFFIXES, PictureFile, check_name, check_sizes, opened

__all__ = ["TABLES", "unpack"]

TABLES = frozenset({".csv", ".jsonl", ".parquet", ".tar"})


def unpack(source: Path, folder: Path) -> int:
    """Write the pictures and tables of a zip below `folder`, and return how many other files are left out.

    Hidden files and what is neither a picture nor a table by its ending are left out. Raises `ValueError` as
    `find_pictures` does: a zip with a name that leads out of it, with encryption, or that is a bomb.
    """
    skipped = 0
    with opened(source) as archive:
        members = [member for member in archive.infolist() if not member.is_dir()]
        for member in members:
            check_name(member, source)
        chosen = [member for member in members if _wanted(member.filename)]
        skipped = len(members) - len(chosen)
        if len(chosen) > MAX_PICTURES:
            raise ValueError(f"{source} holds more than {MAX_PICTURES:,} pictures, the most that is read at once")
        check_sizes(chosen, source)
        for member in chosen:
            place = folder / member.filename
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(PictureFile(member.filename, source, archive, member).read())
    return skipped


def _wanted(name: str) -> bool:
    path = PurePosixPath(name)
    hidden = any(part.startswith(".") or part == "__MACOSX" for part in path.parts)
    return not hidden and path.suffix.lower() in SUFFIXES | TABLES
