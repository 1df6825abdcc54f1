"""The card of the network of a run: there once the run has logged a graph, as `watch` does."""

from __future__ import annotations

from netscope.charts.cards.interest import INTEREST
from netscope.schema.card import Card, Reason
from netscope.schema.layer import LayerTable
from netscope.store.store import Store


def network_cards(store: Store, run_id: str, table: LayerTable, n_parameters: int) -> list[Card]:
    """The card, or nothing if the run has no graph."""
    if not any(asset.blob for asset in store.read.media.assets(run_id, None, "graph").assets):
        return []
    reason = Reason("network", n=len(table.layers), total=n_parameters)
    return [Card("network", "network", "", INTEREST["network"], reason)]
