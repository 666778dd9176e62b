"""Multi-layer perceptrons."""

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Any, Literal, cast

import torch
from torch import Generator, Tensor, nn

from prefgym.common.memory import check_fits

Activation = Literal["tanh", "relu", "leaky-relu"]


class _TanhBySigmoid(torch.autograd.Function):
    """tanh(x) = 2 sigmoid(2 x) - 1, in place but for one product, with torch's own gradient of tanh."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:  # noqa: ANN401
        y = (2 * x).sigmoid_().mul_(2).sub_(1)
        ctx.save_for_backward(y)
        return y

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Tensor) -> Tensor:  # noqa: ANN401
        (y,) = ctx.saved_tensors
        return torch.ops.aten.tanh_backward(grad_outputs[0], y)  # dL/dx = (1 - y^2) dL/dy


class Tanh(nn.Module):
    """The hyperbolic tangent, without torch's, which is many times as slow as its sigmoid on some processors."""

    def forward(self, x: Tensor) -> Tensor:
        """Return tanh(x). Shape as given."""
        return cast(Tensor, _TanhBySigmoid.apply(x))  # pyright: ignore[reportUnknownMemberType]


class Dropout(nn.Module):
    """Set a share of the inputs to zero while training, sampled from its own generator.

    Reference: Srivastava et al. (JMLR 2014), scaled so that the mean stays.
    """

    def __init__(self, share: float, generator: Generator) -> None:
        super().__init__()
        self.share, self.generator = share, generator

    def forward(self, x: Tensor) -> Tensor:
        """Return x m / (1 - share), m being 0 for a share of the elements. Shape as given."""
        if not self.training or self.share == 0.0:
            return x
        return x * torch.empty_like(x).bernoulli_(1 - self.share, generator=self.generator).div_(1 - self.share)


_ACTIVATIONS: dict[Activation, type[nn.Module]] = {"tanh": Tanh, "relu": nn.ReLU, "leaky-relu": nn.LeakyReLU}


# gain of the hidden layers: Saxe et al., arXiv:1312.6120, as common for on-policy agents
_HIDDEN_GAIN = math.sqrt(2)


def mlp(
    sizes: Sequence[int],
    activation: Activation,
    generator: Generator,
    *,
    orthogonal: bool = True,
    output_gain: float = 1.0,
    dropout: Dropout | None = None,
    layer_norm: bool = False,
) -> nn.Sequential:
    """Build fully connected layers with an activation between each two.

    Args:
        sizes: Width of the input, of each hidden layer, and of the output.
        activation: Activation between the layers; the output has none.
        generator: Generator of the weights.
        orthogonal: Orthogonal weights with zero biases; otherwise uniform within 1 / sqrt(inputs).
        output_gain: Scale of an orthogonal output layer.
        dropout: Dropout after each activation; None for none.
        layer_norm: Whether layers are normalised before each activation (Ba, Kiros, Hinton, arXiv:1607.06450).
    """
    # weights, their gradients, and two moments of Adam, in single precision
    check_fits("the layers of a network", 16 * sum(map(math.prod, pairwise(sizes))), "lower their widths")
    layers: list[nn.Module] = []
    for index, (inputs, outputs) in enumerate(pairwise(sizes)):
        is_output = index == len(sizes) - 2
        # made without values, so that the global generator of torch is not advanced
        linear = nn.Linear(inputs, outputs, device="meta").to_empty(device="cpu")
        if orthogonal:
            nn.init.orthogonal_(linear.weight, output_gain if is_output else _HIDDEN_GAIN, generator)
            nn.init.zeros_(linear.bias)
        else:
            bound = 1 / math.sqrt(inputs)
            nn.init.uniform_(linear.weight, -bound, bound, generator)
            nn.init.uniform_(linear.bias, -bound, bound, generator)
        between = [nn.LayerNorm(outputs)] if layer_norm else []
        after = [dropout] if dropout else []
        layers += [linear] if is_output else [linear, *between, _ACTIVATIONS[activation](), *after]
    return nn.Sequential(*layers)
