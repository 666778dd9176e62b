"""Networks and normalisers, and how they are kept on disk: safetensors with a JSON card beside it."""

import json
import math
from collections.abc import Callable, Mapping, Sequence
from collections.abc import Generator as Yields
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal, cast

import torch
from safetensors.torch import load_file, save_file  # pyright: ignore[reportUnknownVariableType]
from torch import Generator, Tensor, nn
from torch.nn.functional import layer_norm as layer_norm_of

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
    """Set a share of the inputs to zero while training, drawn from a generator of one's own.

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
        activation: Between the layers; the output has none.
        generator: Draws the weights.
        orthogonal: Orthogonal weights with zero biases; otherwise uniform within 1 / sqrt(inputs).
        output_gain: Scale of an orthogonal output layer.
        dropout: What follows each activation; None for nothing.
        layer_norm: Whether layers are normalised before each activation (Ba, Kiros, Hinton, arXiv:1607.06450).
    """
    layers: list[nn.Module] = []
    for index, (inputs, outputs) in enumerate(pairwise(sizes)):
        is_output = index == len(sizes) - 2
        # made without values, so that nothing is drawn from a generator that all parts share
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


class StackedMLP(nn.Module):
    """E fully connected networks of equal shape; weights are stacked: (E, inputs, outputs)."""

    def __init__(
        self,
        sizes: Sequence[int],
        num_members: int,
        activation: Activation,
        generator: Generator,
        *,
        orthogonal: bool = True,
        layer_norm: bool = False,
    ) -> None:
        """Build the members one after the other.

        Args:
            sizes: Width of the input, of each hidden layer, and of the output; one of 1 is left out of shapes.
            num_members: E.
            activation: Between the layers.
            generator: Draws the weights.
            orthogonal: As `mlp` takes it.
            layer_norm: Whether layers are normalised before each activation, with a gain and a shift for each member.
        """
        super().__init__()
        nets = [mlp(sizes, activation, generator, orthogonal=orthogonal) for _ in range(num_members)]
        layers = [[layer for layer in net if isinstance(layer, nn.Linear)] for net in nets]
        self.weights = nn.ParameterList([torch.stack([x.weight.detach().T for x in group]) for group in zip(*layers)])
        self.biases = nn.ParameterList([torch.stack([x.bias.detach() for x in group]) for group in zip(*layers)])
        self.activation: Callable[[Tensor], Tensor] = next(x for x in nets[0] if not isinstance(x, nn.Linear))
        hidden = sizes[1:-1] if layer_norm else ()
        self.gains = nn.ParameterList([torch.ones(num_members, size) for size in hidden])
        self.shifts = nn.ParameterList([torch.zeros(num_members, size) for size in hidden])

    @property
    def num_members(self) -> int:
        """Return E."""
        return len(self.biases[0])

    def member(self, index: int, inputs: Tensor) -> Tensor:
        """Run one member. Shapes: (M, inputs) to (M, outputs); an only output has no axis."""
        return self._one([[stack[index] for stack in stacks] for stacks in self._stacks()], inputs)

    def one_by_one(self, inputs: Tensor, members: Sequence[int]) -> Tensor:
        """Run members on the same inputs. Shapes: (M, inputs) to (m, M)."""
        # taken apart once: the gradient of each choice by number would be a stack full of zeros
        parts = [[stack.unbind() for stack in stacks] for stacks in self._stacks()]
        chosen = ([[stack[index] for stack in stacks] for stacks in parts] for index in members)
        return torch.stack([self._one(own, inputs) for own in chosen])

    def _stacks(self) -> tuple[nn.ParameterList, ...]:
        return self.weights, self.biases, self.gains, self.shifts

    def _one(self, own: list[list[Tensor]], x: Tensor) -> Tensor:
        weights, biases, gains, shifts = own
        for depth, (weight, bias) in enumerate(zip(weights, biases)):
            if depth:
                normed = layer_norm_of(x, x.shape[-1:], gains[depth - 1], shifts[depth - 1]) if gains else x
                x = self.activation(normed)
            x = torch.addmm(bias, x, weight)
        return x.squeeze(-1)

    def batched(self, inputs: Tensor) -> Tensor:
        """Run every member on its own inputs in one product a layer. Shapes: (E, M, inputs) to (E, M, outputs)."""
        x = torch.baddbmm(self.biases[0].unsqueeze(1), inputs, self.weights[0])
        for depth in range(1, len(self.weights)):
            if len(self.gains):
                # g (x - mean) / std + b
                gain, shift = self.gains[depth - 1].unsqueeze(1), self.shifts[depth - 1].unsqueeze(1)
                x = torch.addcmul(shift, gain, layer_norm_of(x, x.shape[-1:]))
            x = torch.baddbmm(self.biases[depth].unsqueeze(1), self.activation(x), self.weights[depth])
        return x.squeeze(-1)

    def ask(self, inputs: Tensor, members: Tensor | None = None, *, product: bool = False) -> Tensor:
        """Run members on the same inputs.

        Args:
            inputs: Shape: (M, inputs).
            members: Which ones, by number; None for all. Shape: (m,).
            product: Whether all run in one batched product, which is what a GPU likes, or one by one.

        Returns:
            Shape: (m, M).
        """
        if product:
            outputs = self.batched(inputs.expand(self.num_members, -1, -1))
            return outputs if members is None else outputs[members]
        asked = range(self.num_members) if members is None else [int(index) for index in members]
        return self.one_by_one(inputs, asked)


class RunningNorm(nn.Module):
    """Normalise by the mean and variance of everything seen so far.

    Reference: Chan, Golub, LeVeque (1979), the parallel form of Welford's update.
    """

    mean: Tensor
    var: Tensor
    count: Tensor

    def __init__(self, size: int, clip: float = 10.0) -> None:
        super().__init__()
        self.clip = clip
        self.register_buffer("mean", torch.zeros(size, dtype=torch.float64))
        self.register_buffer("var", torch.ones(size, dtype=torch.float64))
        self.register_buffer("count", torch.zeros((), dtype=torch.float64))
        self.register_buffer("_shift", torch.zeros(size), persistent=False)
        self.register_buffer("_scale", torch.ones(size), persistent=False)
        self._cache()

    @torch.no_grad()
    def update(self, values: Tensor) -> None:
        """Take in more values. Shape: (..., size)."""
        values = values.reshape(-1, values.shape[-1]).double()
        count = values.shape[0]
        total = self.count + count
        delta = values.mean(0) - self.mean
        # M2 = M2_a + M2_b + delta^2 n_a n_b / (n_a + n_b)
        m2 = self.var * self.count + values.var(0, correction=0) * count + delta**2 * self.count * count / total
        self.mean += delta * count / total
        self.var.copy_(m2 / total)
        self.count.copy_(total)
        self._cache()

    def _cache(self) -> None:
        self._shift, self._scale = self.mean.float(), (self.var + 1e-8).rsqrt().float()

    def _load_from_state_dict(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401
        super()._load_from_state_dict(*args, **kwargs)  # pyright: ignore[reportUnknownMemberType]
        self._cache()

    def forward(self, values: Tensor) -> Tensor:
        """Return (x - mean) / std, clipped. Shape as given."""
        return ((values - self._shift) * self._scale).clamp(-self.clip, self.clip)


@torch.no_grad()
def polyak_update(follower: nn.Module, followed: nn.Module, tau: float) -> None:
    """Let the parameters of one network follow those of another: x' += tau (x - x')."""
    for target, source in zip(follower.parameters(), followed.parameters()):
        target.lerp_(source, tau)


@contextmanager
def training(net: nn.Module) -> Yields[None]:
    """Have dropout drop units; not so afterwards, however this ends."""
    net.train()
    try:
        yield
    finally:
        net.eval()


@contextmanager
def frozen(net: nn.Module) -> Yields[None]:
    """Let gradients pass a network, and not reach its weights; they do afterwards, however this ends."""
    net.requires_grad_(False)
    try:
        yield
    finally:
        net.requires_grad_(True)


def merge_state_dicts(nets: Mapping[str, nn.Module]) -> dict[str, Tensor]:
    """Return the weights of networks under their names: `name.weight`."""
    return {f"{name}.{key}": value for name, net in nets.items() for key, value in net.state_dict().items()}


def load_merged_state_dicts(nets: Mapping[str, nn.Module], weights: Mapping[str, Tensor]) -> None:
    """Take over what `joined` returned.

    Raises:
        ValueError: If it was of other networks.
    """
    for name, net in nets.items():
        prefix = f"{name}."
        try:
            net.load_state_dict({k.removeprefix(prefix): value for k, value in weights.items() if k.startswith(prefix)})
        except RuntimeError as error:
            raise ValueError(f"the weights of {name} are of a network of another shape") from error


def save_weights(path: Path, weights: Mapping[str, Tensor], card: Mapping[str, Any]) -> None:
    """Write `path`.safetensors and `path`.json."""
    save_file({name: value.detach().contiguous() for name, value in weights.items()}, path.with_suffix(".safetensors"))
    path.with_suffix(".json").write_text(json.dumps(card, indent=2) + "\n")


def load_weights(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Read what `save_weights` wrote.

    Raises:
        FileNotFoundError: If one of the two files is missing.
    """
    return load_file(path.with_suffix(".safetensors")), json.loads(path.with_suffix(".json").read_text())
