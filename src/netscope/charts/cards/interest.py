"""How interesting a reason is. Its order is what a person wants to know first; the gaps leave room for other cards."""

from __future__ import annotations

from netscope.schema.card import ReasonCode

INTEREST: dict[ReasonCode, float] = {
    # It is over, or what comes out is worthless from here on.
    "crashed": 1.0,
    "not_finite": 0.95,
    "gradients_not_finite": 0.94,
    "layers_not_finite": 0.93,
    # It goes wrong now.
    "rose": 0.9,
    "worse": 0.88,
    "gradients_exploded": 0.86,
    "gradients_zero": 0.84,
    "layers_explode": 0.82,
    # It goes less well than it might.
    "overfits": 0.8,
    "layers_dead": 0.78,
    "layers_jump": 0.76,
    "layers_frozen": 0.74,
    "gradients_vanish": 0.72,
    "flat": 0.7,
    "killed": 0.68,
    "hardly_improving": 0.65,
    "stalled": 0.6,
    "pace_slower": 0.55,
    # It goes well: how well, and on what.
    "improving": 0.5,
    "best_earlier": 0.5,
    "began": 0.5,
    "samples": 0.45,
    "confused": 0.42,
    "all_right": 0.4,
    # Nothing is the matter.
    "gradients_steady": 0.3,
    "value": 0.25,
    "layers_fine": 0.22,
    "network": 0.21,
    "pace": 0.2,
    "printed": 0.15,
}
