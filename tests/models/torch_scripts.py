"""Modules in a file of their own: TorchScript needs their source."""

import torch
from torch import Tensor, nn


class Block(nn.Module):
    """A convolution, normalised."""

    def __init__(self, n: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(n, n, 3, padding=1)
        self.norm = nn.BatchNorm2d(n)

    def forward(self, x: Tensor) -> Tensor:
        return torch.relu(self.norm(self.conv(x)))


class Chain(nn.Module):
    """Two blocks, the first of which runs twice."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second, self.head = Block(3), Block(3), nn.Linear(3, 2)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.second(self.first(self.first(x))).mean((2, 3)))


class Control(nn.Module):
    """A branch, a loop, and a branch that the settings decide."""

    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(3, 3)

    def forward(self, x: Tensor, n: int) -> Tensor:
        for _i in range(n):
            x = self.fc(x)
        if bool(x.sum() > 0):
            y = torch.sigmoid(x)
        else:
            y = torch.tanh(x)
        if self.training:
            y = torch.dropout(y, 0.5, True)
        return y


class Attention(nn.Module):
    """Attention with a residual."""

    def __init__(self) -> None:
        super().__init__()
        self.norm, self.attention = nn.LayerNorm(8), nn.MultiheadAttention(8, 2, batch_first=True)

    def forward(self, x: Tensor) -> Tensor:
        y = self.norm(x)
        return x + self.attention(y, y, y)[0]
