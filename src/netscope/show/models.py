"""The shelf: models that a server shows, files it was started with and files that the page uploaded."""

from __future__ import annotations

import contextlib
import hashlib
import os
import secrets
import shutil
import tempfile
import threading
import time
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import anyio.to_thread

from netscope.errors import NetscopeError, NotFoundError, StorageError, UsageError
from netscope.models.child import Opened, open_in_child
from netscope.models.open import check_file, within_folder
from netscope.schema.model import ModelInfo, ModelSource
from netscope.store.index.database import cache_folder
from netscope.text import visible

AT_ONCE = 2
LARGEST_UPLOAD_BYTES = 64 << 30
LARGEST_KEPT_BYTES = 64 << 30  # of all uploads together; the oldest ones go first
ABANDONED_S = 24 * 3600  # age of an incomplete upload whose server was killed
SPARED_BYTES = 1 << 30  # of the disk
WRITTEN_BYTES = 4 << 20  # at once, while an upload comes in
LONGEST_NAME = 150
MOST_EARLIER = 100  # uploads to earlier servers that are listed


class Entry(NamedTuple):
    """A file of the shelf, as it was when it was last asked for."""

    path: Path
    source: ModelSource
    version: tuple[int, int]
    """Time and size of the file that was opened: changes when the file does."""
    opened: Future[Opened]
    """The model as it will have been read."""
    data: Path | None = None
    """File of values for its nodes."""


class Shelf:
    """The models of one server. Each is read once, in a process of its own, as soon as it is put here."""

    def __init__(self, folder: Path | None = None, open_file: Callable[..., Opened] = open_in_child) -> None:
        """An empty shelf.

        Args:
            folder: Where uploads are kept; in the user's cache unless given.
            open_file: Reads a file; the event tells it to give up.
        """
        self._folder = folder
        self._open = open_file
        self._entries: dict[str, Entry] = {}
        self._lock = threading.Lock()
        self._pool: ThreadPoolExecutor | None = None
        self._stopped = threading.Event()

    def add(self, path: Path, source: ModelSource = "file", data: Path | None = None) -> str:
        """Put a file, or the folder of a SavedModel, on the shelf and start to read it; its id.

        Args:
            path: The file.
            source: Who named it.
            data: A file of values for its nodes.

        Raises:
            NotFoundError: There is no such file.
            UsageError: It is another folder, or a device.
        """
        path = within_folder(Path(os.path.abspath(path)))
        model_id = _id(path)
        self._entry(model_id, path, source, data)
        return model_id

    def list(self) -> list[ModelInfo]:
        """All models: files in the order in which they were added, then uploads, the newest first.

        Uploads to earlier servers are among them; they are read once somebody asks for one.
        """
        with self._lock:
            entries = list(self._entries.items())
        files = [_info(model_id, entry) for model_id, entry in entries if entry.source == "file"]
        uploads = [
            (entry.version[0], _info(model_id, entry)) for model_id, entry in entries if entry.source == "upload"
        ]
        known = {model_id for model_id, _ in entries}
        uploads += [(time_ns, info) for time_ns, info in self._earlier_uploads() if info.id not in known]
        return files + [info for _, info in sorted(uploads, key=lambda upload: -upload[0])]

    def info(self, model_id: str) -> ModelInfo:
        """What is known so far of a model.

        Raises:
            NotFoundError: It is not on the shelf.
        """
        return _info(model_id, self._found(model_id))

    def entry(self, model_id: str) -> Entry:
        """A model, read again if its file changed; its version is the one that is read.

        Raises:
            NotFoundError: It is not on the shelf, or its file is gone.
        """
        entry = self._found(model_id)
        return self._entry(model_id, entry.path, entry.source, entry.data)

    @property
    def largest_upload_bytes(self) -> int:
        """How large an upload may be now: as much as the disk has, but for a spare gigabyte."""
        try:
            free = shutil.disk_usage(self._place()).free
        except (OSError, StorageError):
            return 0
        return max(0, min(LARGEST_UPLOAD_BYTES, free - SPARED_BYTES))

    async def upload(self, name: str, parts: AsyncIterator[bytes]) -> str:
        """Write an upload to disk as it comes in, and put it on the shelf; its id.

        Args:
            name: Of the file, for people and for formats that are told by it.
            parts: Its bytes.

        Raises:
            UsageError: It is larger than there is room, or empty.
            StorageError: It cannot be written.
        """
        most = self.largest_upload_bytes
        part = await anyio.to_thread.run_sync(self._begun)
        try:
            digest = await written(part, parts, most)
            path = part.parent / digest / file_name(name)
            await anyio.to_thread.run_sync(_moved, part, path)
        except OSError as error:
            if isinstance(error, StorageError):
                raise
            raise StorageError(f"the upload cannot be written: {error.strerror or error}") from error
        finally:
            with contextlib.suppress(OSError):
                part.unlink()
        await anyio.to_thread.run_sync(self._make_room, path)
        return self.add(path, "upload")

    def close(self) -> None:
        """Give up what is being read."""
        self._stopped.set()
        with self._lock:
            pool, self._pool = self._pool, None
        if pool is not None:
            pool.shutdown(wait=False, cancel_futures=True)

    def _found(self, model_id: str) -> Entry:
        with self._lock:
            entry = self._entries.get(model_id)
        if entry is None:
            path = self._earlier_upload(model_id)
            if path is None:
                raise NotFoundError(f"no model {model_id[:100]!r} here; open its file with: netscope open FILE")
            entry = self._entry(model_id, path, "upload")
        return entry

    def _earlier_uploads(self) -> Sequence[tuple[int, ModelInfo]]:
        """The newest uploads in the folder, with the times of their files."""
        found = []
        with contextlib.suppress(OSError, NetscopeError):  # another server may remove one at the same time
            for path in self._place().glob("*/*"):
                status = path.stat()
                info = ModelInfo(
                    id=_id(path), name=path.name, state="stored", format="", reader="", nodes=0, tensors=0,
                    parameters=0, bytes=status.st_size, source="upload", problem="",
                )  # fmt: skip
                found.append((status.st_mtime_ns, info))
        return sorted(found, key=lambda upload: -upload[0])[:MOST_EARLIER]

    def _earlier_upload(self, model_id: str) -> Path | None:
        """An upload that another server took."""
        with contextlib.suppress(OSError, NetscopeError):
            return next((path for path in self._place().glob("*/*") if _id(path) == model_id), None)
        return None

    def _entry(self, model_id: str, path: Path, source: ModelSource, data: Path | None = None) -> Entry:
        check_file(path)
        found = [file.stat() for file in (path, data) if file is not None]
        version = max(status.st_mtime_ns for status in found), sum(status.st_size for status in found)
        with self._lock:
            entry = self._entries.get(model_id)
            if entry is None or entry.version != version:
                if self._pool is None:
                    self._pool = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="netscope-model")
                given = {} if data is None else {"data": data}
                entry = Entry(path, source, version, self._pool.submit(self._open, path, self._stopped, **given), data)
                self._entries[model_id] = entry
        return entry

    def _place(self) -> Path:
        if self._folder is None:
            cache = cache_folder()
            self._folder = Path(tempfile.mkdtemp(prefix="netscope-models-")) if cache is None else cache / "models"
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StorageError(f"{self._folder} cannot be made: {error.strerror or error}") from error
        return self._folder

    def _begun(self) -> Path:
        return self._place() / f".{secrets.token_hex(8)}"

    def _make_room(self, keep: Path) -> None:
        """Remove what killed servers left, and the oldest uploads while all together are too large."""
        dated = []
        room = LARGEST_KEPT_BYTES
        for entry in self._place().iterdir():
            with contextlib.suppress(OSError):  # another server may remove it at the same time
                time_s, is_folder = entry.stat().st_mtime, entry.is_dir()
                if entry == keep.parent:
                    room -= keep.stat().st_size
                elif is_folder:
                    dated.append((time_s, sum(file.stat().st_size for file in entry.iterdir()), entry))
                elif time.time() - time_s > ABANDONED_S:
                    entry.unlink()
        for _, size, folder in sorted(dated, reverse=True):
            room -= size
            if room < 0:
                shutil.rmtree(folder, ignore_errors=True)


def _id(path: Path) -> str:
    return hashlib.blake2b(os.fsencode(path), digest_size=8).hexdigest()


def _info(model_id: str, entry: Entry) -> ModelInfo:
    is_done, problem = entry.opened.done(), ""
    error = entry.opened.exception() if is_done and not entry.opened.cancelled() else None
    if isinstance(error, NetscopeError):
        problem = str(error)
    elif error is not None:
        problem = f"the server failed: {type(error).__name__}"
    found = entry.opened.result().summary if is_done and not entry.opened.cancelled() and error is None else None
    return ModelInfo(
        id=model_id,
        name=found.name if found and entry.source == "file" else entry.path.name,
        state="opening" if not is_done else "failed" if found is None else "ready",
        format=found.format if found else "",
        reader=found.reader if found else "",
        nodes=found.nodes + found.nested_nodes if found else 0,
        tensors=found.tensors if found else 0,
        parameters=found.parameters if found else 0,
        bytes=entry.version[1],
        source=entry.source,
        problem=problem,
    )


def file_name(name: str) -> str:
    r"""A name that is safe as that of a file, with its suffix.

    >>> file_name("../../x\n.onnx"), file_name("..")
    ('x⟨U+000A⟩.onnx', 'model')
    """
    last = visible(name.replace("\\", "/").rpartition("/")[2]).strip()
    stem, dot, suffix = last.rpartition(".")
    cut = f"{stem[:LONGEST_NAME]}{dot}{suffix[:20]}" if len(last) > LONGEST_NAME else last
    while len(cut.encode()) > 255:
        cut = cut[1:]
    return cut.replace("/", "_") if cut.strip(".") else "model"


async def written(path: Path, parts: AsyncIterator[bytes], most: int) -> str:
    """Write the parts; the digest of all of them."""
    digest, total = hashlib.blake2b(digest_size=16), 0
    waiting: list[bytes] = []
    n_waiting = 0
    with await anyio.to_thread.run_sync(path.open, "wb") as file:

        def write(chunks: list[bytes]) -> None:
            for chunk in chunks:
                file.write(chunk)
                digest.update(chunk)

        async for part in parts:
            total += len(part)
            if total > most:
                raise UsageError(f"the file is larger than the {most:,} bytes that there is room for")
            waiting.append(part)
            n_waiting += len(part)
            if n_waiting >= WRITTEN_BYTES:
                await anyio.to_thread.run_sync(write, waiting)
                waiting, n_waiting = [], 0
        await anyio.to_thread.run_sync(write, waiting)
    if not total:
        raise UsageError("the file is empty")
    return digest.hexdigest()


def _moved(part: Path, path: Path) -> None:
    path.parent.mkdir(exist_ok=True)
    os.replace(part, path)
