"""All readers of a folder of runs, one per kind of data."""

from __future__ import annotations

from netscope.store.ingest.indexer import Indexer
from netscope.store.read.console_reader import ConsoleReader
from netscope.store.read.histogram_reader import HistogramReader
from netscope.store.read.layers_reader import LayersReader
from netscope.store.read.media_reader import MediaReader
from netscope.store.read.moving_averages import MovingAverages
from netscope.store.read.series_reader import SeriesReader
from netscope.store.read.summary_reader import SummaryReader


class Readers:
    """The readers of the runs that an `Indexer` follows."""

    def __init__(self, indexer: Indexer) -> None:
        """Create all readers; nothing is read yet."""
        self.series = SeriesReader(indexer)
        self.means = MovingAverages()
        self.summaries = SummaryReader(self.series)
        self.histograms = HistogramReader(self.series)
        self.media = MediaReader(self.series)
        self.layers = LayersReader(self.series, self.histograms)
        self.console = ConsoleReader(self.series)
