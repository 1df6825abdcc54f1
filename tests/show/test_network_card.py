"""The card of a run's network."""

from pathlib import Path

import torch

import netscope
from netscope.charts.cards.run_cards import cards_of


def test_a_run_that_logged_a_graph_has_a_card_of_its_network(tmp_path: Path) -> None:
    with netscope.init(tmp_path / "runs", watch_system=False, console=False, quiet=True) as run:
        run.log({"loss": 1.0})
        before = cards_of(netscope.open(tmp_path / "runs"), run.id).cards
        run.graph(torch.nn.Linear(3, 2), torch.ones(1, 3))
        run.log({"loss": 0.9})
    after = cards_of(netscope.open(tmp_path / "runs"), run.id).cards
    assert "network" not in [card.kind for card in before]
    assert [card.reason.code for card in after if card.kind == "network"] == ["network"]
