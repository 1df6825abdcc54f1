"""Random names that are easy to say, for runs without a name, and ids that sort by time."""

from __future__ import annotations

import secrets
import time

# `secrets`, not `random`: netscope must not change the random numbers of a training with a fixed seed.

ADJECTIVES = (
    "amber ample arctic autumn bold brave breezy bright brisk bronze calm candid clear clever cobalt coral cosmic "
    "crisp curious daring deep eager early easy fair fast fearless fine fond fresh gentle giant glad golden grand "
    "green happy hazel honest humble icy ivory jade jolly keen kind lemon light lilac little lively lucid lucky lunar "
    "mellow merry mild misty modest neat nimble noble olive opal pale patient plain playful plum polite proud quick "
    "quiet rapid rare ready rosy round ruby rustic scarlet serene sharp silent silver simple sleek smooth snowy solar "
    "solid spry steady still sunny swift tall tender tidy topaz tranquil vivid warm wild wise witty young"
).split()
NOUNS = (
    "acorn alder aspen aurora badger bamboo bay beacon bear beaver birch bison bloom breeze brook canyon cedar cliff "
    "cloud comet coral cove crane creek cricket crow dawn deer delta dolphin dove dune eagle ember falcon fern field "
    "finch fir fjord flame forest fox garden geyser glacier glade grove gull harbor hare hawk hazel heron hill ibis "
    "iris island ivy jay juniper kestrel lagoon lake larch lark leaf lily lotus lynx maple marsh marten meadow meteor "
    "moon moss mountain oak ocean orchid osprey otter owl panda peak pebble pine planet plover pond poplar prairie "
    "puffin quail rain raven reef ridge river robin rowan sage salmon seal shore sky sparrow spruce squirrel star "
    "stone storm stream summit sun swallow swan thistle thrush tide trout tulip valley violet walnut wave willow wind "
    "wolf wren"
).split()
_LETTERS = "abcdefghijkmnpqrstuvwxyz23456789"  # without letters that are easily confused


def random_name() -> str:
    """An adjective and a noun."""
    return f"{secrets.choice(ADJECTIVES)}-{secrets.choice(NOUNS)}"


def new_id() -> str:
    """The local time and four random characters: "20261122-031522-k7qd"."""
    return f"{time.strftime('%Y%m%d-%H%M%S')}-{''.join(secrets.choice(_LETTERS) for _ in range(4))}"
