"""Number of generated inputs: `make test` tries the same few each time, `make fuzz` many new ones.

    @settings(max_examples=examples(50))
    @given(...)
    def test_...

A fuzzer without Hypothesis is marked `@pytest.mark.fuzz`, takes its seed from `seed()` and the number of its inputs
from `examples(n)`.
"""

import os
import secrets

IS_FUZZING = os.environ.get("NETSCOPE_FUZZ", "") not in ("", "0")
FUZZ_FACTOR = 50


def examples(n: int) -> int:
    """`n` inputs in `make test`, `FUZZ_FACTOR` times as many in `make fuzz`."""
    return n * FUZZ_FACTOR if IS_FUZZING else n


def seed() -> int:
    """0 in `make test`; a new one in `make fuzz`, which prints it, or the one given as `NETSCOPE_FUZZ=<seed>`."""
    if not IS_FUZZING:
        return 0
    given = os.environ["NETSCOPE_FUZZ"]
    chosen = int(given) if given.isdecimal() and int(given) > 1 else secrets.randbits(32)
    print(f"seed {chosen}; to repeat it: NETSCOPE_FUZZ={chosen}")
    return chosen
