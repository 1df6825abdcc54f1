"""The methods of a run that log media: histograms, images, audio, texts, tables, figures and arrays, each at a step."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Sequence
from types import ModuleType
from typing import Any

from netscope.errors import UsageError
from netscope.record import guard
from netscope.record.log_values import checked_key, whole_step
from netscope.record.session import Session

_now = time.time


class LogsMedia:
    """What `Run` inherits; `log` takes the same media as values."""

    _session: Session

    def histogram(
        self,
        key: str,
        values: Any = None,
        step: int | None = None,
        *,
        bins: int = 64,
        counts: Any = None,
        edges: Any = None,
    ) -> None:
        """Log a histogram of `values`, or one given as `counts` between `edges`.

        Like the other methods that log one value, it uses the step of the next `log` by default and does not change
        `run.step`.

        Args:
            key: Name on the page.
            values: Numbers, of any shape; NaN and infinities are left out and counted as `key/nonfinite`.
            step: Any integer; defaults to the step of the next `log`.
            bins: Number of bins of equal width for `values`.
            counts: [bin], instead of `values`.
            edges: [bin + 1], strictly ascending.

        Raises:
            UsageError: Neither or both of `values` and `counts` are given, or a shape is wrong.

        Example:
            run.histogram("weights", model.fc.weight)
            run.histogram("ages", counts=[3, 5], edges=[0, 18, 99])
        """
        self._log_single("Histogram", key, step, values, bins, counts=counts, edges=edges)

    def image(
        self,
        key: str,
        data: Any,
        step: int | None = None,
        *,
        caption: str | Sequence[str] = "",
        low: float | None = None,
        high: float | None = None,
    ) -> None:
        """Log an image, or a list of images, which the page shows as one grid.

        Args:
            key: Name on the page.
            data: A NumPy or torch array [y, x], [y, x, channel] or [channel, y, x] with 1 (grey), 2 (grey, alpha),
                3 (RGB) or 4 (RGBA) channels and sides up to 16,384, or a Pillow image of any mode. If the channel axis
                is ambiguous, it is the first of a torch tensor and the last of a NumPy array. A list of these, or a
                batch with four axes, is a list of images of any number and shapes.
            step: Any integer; defaults to the step of the next `log`.
            caption: A line below the image; for a list, one for each or one for all.
            low: The value shown as black; defaults to 0, or to -1 (with a warning) for floats from -1 to 1.
            high: The value shown as white; defaults to 1 for floats, 255 for integers, and 65,535 for `uint16` with
                values above 255, which are kept in 16 bits. Values outside the default range are clipped with a
                warning.

        Raises:
            UsageError: The shape or type is not one of these.

        Example:
            run.image("sample", np.random.rand(28, 28), caption="noise")
            run.image("generated", [a, b, c], caption=["first", "second", "third"])
            run.image("tanh", generator(z), low=-1)
            run.log({"loss": 0.3, "batch": [netscope.Image(x) for x in images]})
        """
        self._log_items("Image", key, step, data, caption, batch_axes=4, low=low, high=high)

    def audio(
        self, key: str, data: Any, step: int | None = None, *, rate: int = 44_100, caption: str | Sequence[str] = ""
    ) -> None:
        """Log a sound, or a list of sounds.

        Args:
            key: Name on the page.
            data: [sample], [sample, channel] or [channel, sample] with up to 8 channels; floats from -1 to 1 (larger
                ones are scaled down, with a warning), or int16, int32, int8 or uint8 at the full scale of their type.
                A list of these, or a batch with three axes, is a list of sounds.
            step: Any integer; defaults to the step of the next `log`.
            rate: Samples per second, up to 1,000,000.
            caption: A line below the sound; for a list, one for each or one for all.

        Raises:
            UsageError: The shape, type or rate is not one of these.

        Example:
            t = np.arange(8000) / 8000
            run.audio("tone", np.sin(2 * np.pi * 440 * t), rate=8000)
        """
        self._log_items("Audio", key, step, data, caption, batch_axes=3, rate=rate)

    def text(self, key: str, text: str | Sequence[str], step: int | None = None, *, markdown: bool = False) -> None:
        r"""Log a text, or a list of texts.

        Args:
            key: Name on the page.
            text: Up to 8 MiB as UTF-8.
            step: Any integer; defaults to the step of the next `log`.
            markdown: Render the text as Markdown instead of showing it verbatim.

        Raises:
            UsageError: `text` is not a string, or too long.

        Example:
            run.text("sample", tokenizer.decode(tokens))
            run.text("report", "| class | f1 |\n|---|---|\n| cat | 0.9 |", markdown=True)
            run.log({"loss": 0.3, "sample": "once upon a time"})
        """
        self._log_items("Text", key, step, text, markdown=markdown)

    def table(self, key: str, rows: Any, step: int | None = None, *, columns: Sequence[str] | None = None) -> None:
        """Log a table: rows and named columns.

        Args:
            key: Name on the page.
            rows: Rows of cells (with `columns`), a list of dicts, a dict of columns of equal length, a pandas or
                polars DataFrame or Series, or a pyarrow Table. An index other than 0, 1, 2… becomes columns.
                `netscope.Image`, `Audio`, `Figure`, `Array`, Pillow images and Matplotlib figures in cells are shown
                as such. Cells that are not strings, numbers or booleans are converted to text.
            step: Any integer; defaults to the step of the next `log`.
            columns: Column names if `rows` has none; otherwise the columns to keep, in this order.

        Raises:
            UsageError: Rows or columns differ in length, or `rows` is not a table.

        Example:
            run.table("errors", [["cat", 3], ["dog", 1]], columns=["class", "n"])
            run.table("errors", {"class": ["cat", "dog"], "n": [3, 1]})
            run.table("worst", [{"image": netscope.Image(x), "loss": loss} for x, loss in worst])
        """
        self._log_item(key, step, lambda media: media.table_or_several(rows, columns))

    def figure(self, key: str, figure: Any, step: int | None = None, *, caption: str | Sequence[str] = "") -> None:
        """Log a Matplotlib figure, or a list of figures, as a PNG of its current state. It is not changed or closed.

        The PNG is cropped to what is drawn, unless that is more than twice as wide or high as the figure (a label far
        outside the axes): then it shows the figure's own box.

        Args:
            key: Name on the page.
            figure: A `Figure`, its `Axes`, or the `pyplot` module for the current figure.
            step: Any integer; defaults to the step of the next `log`.
            caption: A line below the figure; for a list, one for each or one for all.

        Raises:
            UsageError: `figure` is not a Matplotlib figure.
            MissingExtraError: Matplotlib is not imported.

        Example:
            figure, axes = plt.subplots(); axes.plot(losses)
            run.figure("losses", figure)
        """
        self._log_items("Figure", key, step, figure, caption)

    def array(self, key: str, data: Any, step: int | None = None) -> None:
        """Log an array of any shape and number type, stored exactly (as safetensors).

        Example:
            run.array("embedding", model.embedding.weight)
        """
        self._log_single("Array", key, step, data)

    def _log_single(self, kind: str, key: str, step: int | None, *args: Any, **options: Any) -> None:
        """Log one value of a class of `netscope.record.media`."""
        self._log_item(key, step, lambda media: getattr(media, kind)(*args, **options))

    def _log_items(
        self,
        kind: str,
        key: str,
        step: int | None,
        data: Any,
        caption: Any = None,
        *,
        batch_axes: int = 0,
        **options: Any,
    ) -> None:
        """Log one value, a list or a batch of values of a class of `netscope.record.media`."""

        def make(media: ModuleType) -> Any:
            one = functools.partial(getattr(media, kind), **options)
            return media.one_or_several(one, data, caption, batch_axes=batch_axes)

        self._log_item(key, step, make)

    def _log_item(self, key: str, step: int | None, make: Callable[[ModuleType], Any]) -> None:
        session = self._session
        key = checked_key(key)
        at = whole_step(session.step if step is None else step)
        session.check_not_over()
        from netscope.record import write_media  # noqa: PLC0415  (loads NumPy)
        from netscope.record.media import convert  # noqa: PLC0415

        try:
            value = guard.attempt(f"logging {key!r}", lambda: make(convert), None)
        except UsageError as error:
            raise UsageError(f"{key!r}: {error}") from None
        if value is not None and not session.is_disabled:
            write_media.write_item(session, key, value, at, _now())
