"""Several networks of one shape, evaluated at once."""

import math
from collections.abc import Callable, Sequence
from itertools import pairwise

import torch
from torch import Generator, Tensor, nn
from torch.nn.functional import layer_norm as layer_norm_of

from prefgym.common.memory import check_fits
from prefgym.nn.mlp import Activation, mlp


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
            sizes: Width of the input, of each hidden layer, and of the output; an output of width 1 has no axis.
            num_members: E.
            activation: Activation between the layers.
            generator: Generator of the weights.
            orthogonal: As in `mlp`.
            layer_norm: Whether layers are normalised before each activation, with a gain and a shift for each member.
        """
        super().__init__()
        num_weights = num_members * sum(math.prod(pair) for pair in pairwise(sizes))
        check_fits("the networks of the members", 16 * num_weights, "lower their number or their widths")
        nets = [mlp(sizes, activation, generator, orthogonal=orthogonal) for _ in range(num_members)]
        layers = [[layer for layer in net if isinstance(layer, nn.Linear)] for net in nets]
        self.weights = nn.ParameterList([torch.stack([x.weight.detach().T for x in group]) for group in zip(*layers)])
        self.biases = nn.ParameterList([torch.stack([x.bias.detach() for x in group]) for group in zip(*layers)])
        self.activation: Callable[[Tensor], Tensor] = next(
            (x for x in nets[0] if not isinstance(x, nn.Linear)), nn.Identity()
        )  # none between the layers of linear networks
        hidden = sizes[1:-1] if layer_norm else ()
        self.gains = nn.ParameterList([torch.ones(num_members, size) for size in hidden])
        self.shifts = nn.ParameterList([torch.zeros(num_members, size) for size in hidden])

    @property
    def num_members(self) -> int:
        """Return E."""
        return len(self.biases[0])

    def member(self, index: int, inputs: Tensor) -> Tensor:
        """Run one member. Shapes: (M, inputs) to (M, outputs); an output of width 1 has no axis."""
        return self._one([[stack[index] for stack in stacks] for stacks in self._stacks()], inputs)

    def one_by_one(self, inputs: Tensor, members: Sequence[int]) -> Tensor:
        """Run members on the same inputs. Shapes: (M, inputs) to (m, M)."""
        # unbound once, since the gradient of each indexing would be a whole stack of zeros
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
            members: Indices of the members to run; None for all. Shape: (m,).
            product: Whether all run in one batched product, which is faster on a GPU, or one by one.

        Returns:
            Shape: (m, M).
        """
        if product:
            outputs = self.batched(inputs.expand(self.num_members, -1, -1))
            return outputs if members is None else outputs[members]
        asked = range(self.num_members) if members is None else [int(index) for index in members]
        return self.one_by_one(inputs, asked)
