"""Lesson 08, exercise 1: the adapter."""

from __future__ import annotations

import math

import torch
from torch import nn

from llama_lessons.checks.lora import check_lora
from llama_lessons.lora import LoraLinear
from tests.answers.bank import Bank

bank = Bank(check_lora)


@bank.right
class Package(nn.Module):
    """The package's layer under the names of the exercise."""

    def __init__(self, layer, rank, alpha):
        super().__init__()
        self.layer = LoraLinear(layer.requires_grad_(False), rank, alpha)
        self.a, self.b = self.layer.lora_a, self.layer.lora_b

    def forward(self, x):
        return self.layer(x)


@bank.right
class Adapter(nn.Module):
    """Two linear layers, whose weights are a and b."""

    noise = (True, False)  # of a, of b
    frozen = ("layer",)

    def __init__(self, layer, rank, alpha):
        super().__init__()
        self.layer = layer
        self.down, self.up = nn.Linear(layer.in_features, rank, False), nn.Linear(rank, layer.out_features, False)
        for part, noise in zip((self.down, self.up), self.noise, strict=True):
            if not noise:
                nn.init.zeros_(part.weight)
        self.a, self.b, self.alpha, self.rank = self.down.weight, self.up.weight, alpha, rank
        for name in self.frozen:
            getattr(self, name).requires_grad_(False)

    def forward(self, x):
        return self.layer(x) + self.change(x)

    def change(self, x):
        return self.up(self.down(x)) * self.scale()

    def scale(self):
        return self.alpha / self.rank


@bank.right
class ChangedWeight(Adapter):
    """Makes the changed weight anew in every call."""

    def forward(self, x):
        return nn.functional.linear(x, torch.addmm(self.layer.weight, self.b, self.a, alpha=self.scale()))


@bank.wrong("you started b as noise")
class NoisyB(Adapter):
    noise = (True, True)


@bank.wrong("you started both at zero")
class AllZero(Adapter):
    noise = (False, False)


@bank.wrong("you left the weight to be trained")
class Thawed(Adapter):
    frozen = ()


@bank.wrong("you froze a:")
class FrozenA(Adapter):
    frozen = ("layer", "a")


@bank.wrong("you froze everything")
class AllFrozen(Adapter):
    frozen = ("layer", "down", "up")


@bank.wrong("you scaled by alpha:")
class AlphaOnly(Adapter):
    def scale(self):
        return self.alpha


@bank.wrong("you forgot the scale")
class NoScale(Adapter):
    def scale(self):
        return 1


@bank.wrong("rsLoRA")
class RootOfRank(Adapter):
    def scale(self):
        return self.alpha / math.sqrt(self.rank)


@bank.wrong("you left out the layer")
class ChangeOnly(Adapter):
    def forward(self, x):
        return self.change(x)


@bank.wrong("you scaled the layer's own output too")
class ScalesAll(Adapter):
    def forward(self, x):
        return (self.layer(x) + self.up(self.down(x))) * self.scale()


@bank.wrong("you computed the change without gradients")
class DetachedChange(Adapter):
    def forward(self, x):
        return self.layer(x) + self.change(x).detach()


@bank.wrong("the frozen layer is computed without gradients")
class NoGradAroundTheLayer(Adapter):
    def forward(self, x):
        with torch.no_grad():
            own = self.layer(x)
        return own + self.change(x)


@bank.wrong("x gets no gradient: something")
class DetachedInput(Adapter):
    def forward(self, x):
        return super().forward(x.detach())


@bank.wrong("the layer is no part of the module")
class HidesTheLayer(Adapter):
    def __init__(self, layer, rank, alpha):
        super().__init__(layer, rank, alpha)
        del self.layer
        self.__dict__["layer"] = layer


@bank.wrong("you made a and b layers")
class PartsAreLayers(nn.Module):
    def __init__(self, layer, rank, alpha):
        super().__init__()
        self.layer, self.scale = layer.requires_grad_(False), alpha / rank
        self.a, self.b = nn.Linear(layer.in_features, rank), nn.Linear(rank, layer.out_features)
        nn.init.zeros_(self.b.weight)

    def forward(self, x):
        return self.layer(x) + self.b(self.a(x)) * self.scale


@bank.wrong("dropout")
class WithDropout(Adapter):
    def change(self, x):
        return super().change(nn.functional.dropout(x, 0.3))


@bank.wrong("you flattened x to rows")
class Flattens(Adapter):
    def forward(self, x):
        return super().forward(x.view(-1, x.size(-1)))


@bank.wrong("returned None")
class ReturnsNothing(Adapter):
    def forward(self, x):
        super().forward(x)


@bank.wrong("positional arguments")
class TakesNoAlpha(nn.Module):
    def __init__(self, layer, rank):
        super().__init__()


@bank.wrong("no such thing")
class Stops(Adapter):
    def __init__(self, layer, rank, alpha):
        raise TypeError("no such thing")


@bank.wrong()
class BendsTheChange(Adapter):
    def change(self, x):
        return super().change(x).tanh()
