"""Files that the page uploads as inputs of models, kept in the user's cache under their digest."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

import anyio.to_thread

from netscope.errors import NotFoundError, StorageError
from netscope.schema.values import InputFile
from netscope.show.models import file_name, written
from netscope.store.index.database import cache_folder

LARGEST_BYTES = 256 << 20
KEPT = 30


class InputFiles:
    """The uploaded inputs of one server."""

    def __init__(self, folder: Path | None = None) -> None:
        """None yet.

        Args:
            folder: Where they are kept; in the user's cache unless given.
        """
        self._folder = folder

    async def upload(self, name: str, parts: AsyncIterator[bytes]) -> InputFile:
        """Write a file as it comes in.

        Raises:
            UsageError: It is empty or too large.
            StorageError: It cannot be written.
        """
        folder = await anyio.to_thread.run_sync(self._place)
        part = folder / f".{secrets.token_hex(8)}"
        try:
            digest = await written(part, parts, LARGEST_BYTES)
            path = folder / digest / file_name(name)
            await anyio.to_thread.run_sync(self._keep, part, path)
            return InputFile(digest, path.name, path.stat().st_size)
        except OSError as error:
            if isinstance(error, StorageError):
                raise
            raise StorageError(f"the upload cannot be written: {error.strerror or error}") from error
        finally:
            with contextlib.suppress(OSError):
                part.unlink()

    def path(self, file: str) -> Path:
        """An uploaded file by its id.

        Raises:
            NotFoundError: It is not here.
        """
        folder = self._place() / file
        found = next(iter(folder.iterdir()), None) if file.isalnum() and folder.is_dir() else None
        if found is None:
            raise NotFoundError(f"no uploaded file {file[:100]!r}; choose it again")
        return found

    def _keep(self, part: Path, path: Path) -> None:
        """Move a complete file to its place, and forget the oldest ones."""
        shutil.rmtree(path.parent, ignore_errors=True)
        path.parent.mkdir()
        os.replace(part, path)
        others = [(entry.stat().st_mtime, entry) for entry in self._place().iterdir() if entry.is_dir()]
        for _, folder in sorted(others)[:-KEPT]:
            shutil.rmtree(folder, ignore_errors=True)

    def _place(self) -> Path:
        if self._folder is None:
            cache = cache_folder()
            self._folder = Path(tempfile.mkdtemp(prefix="netscope-inputs-")) if cache is None else cache / "inputs"
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StorageError(f"{self._folder} cannot be made: {error.strerror or error}") from error
        return self._folder
