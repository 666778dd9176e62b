"""Networks and normalisers."""

from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from prefgym.nn.mlp import Tanh, mlp
from prefgym.nn.normalisation import RunningNorm
from prefgym.nn.stacked import StackedMLP
from prefgym.nn.weights import (
    frozen,
    load_merged_state_dicts,
    load_weights,
    merge_state_dicts,
    polyak_update,
    save_weights,
    training,
)


@given(sizes=st.lists(st.integers(1, 20), min_size=1, max_size=6), shift=st.floats(-50, 50))
def test_running_statistics_are_those_of_everything_seen(sizes: list[int], shift: float) -> None:
    """However the values arrive, mean and variance are those of all of them (B-Pref's running mean is not)."""
    generator = torch.Generator().manual_seed(sum(sizes))
    parts = [torch.randn(size, 3, generator=generator, dtype=torch.float64) * 2 + shift for size in sizes]
    norm = RunningNorm(3)
    for part in parts:
        norm.update(part)
    seen = torch.cat(parts)
    torch.testing.assert_close(norm.mean, seen.mean(0))
    torch.testing.assert_close(norm.var, seen.var(0, correction=0))


def test_values_are_standardised_and_clipped() -> None:
    """After 1 and 3, mean 2 and deviation 1: 4 becomes 2, 100 is clipped to 10."""
    norm = RunningNorm(1)
    norm.update(torch.tensor([[1.0], [3.0]]))
    torch.testing.assert_close(norm(torch.tensor([[4.0], [100.0]])), torch.tensor([[2.0], [10.0]]))


def test_statistics_are_loaded_with_the_weights() -> None:
    """What normalises is derived from them anew."""
    norm, other = RunningNorm(1), RunningNorm(1)
    norm.update(torch.tensor([[1.0], [3.0]]))
    other.load_state_dict(norm.state_dict())
    assert torch.equal(other(torch.tensor([[4.0]])), norm(torch.tensor([[4.0]])))


def test_the_fast_tangent_is_the_tangent() -> None:
    """It agrees with torch's own."""
    x = torch.linspace(-20, 20, 101)
    torch.testing.assert_close(Tanh()(x), torch.tanh(x))
    ours, theirs = x.clone().requires_grad_(), x.clone().requires_grad_()
    Tanh()(ours).square().sum().backward()
    torch.tanh(theirs).square().sum().backward()
    torch.testing.assert_close(ours.grad, theirs.grad)


def test_weights_come_from_the_generator() -> None:
    """One seed gives one network; orthogonal layers are so, up to their gain of sqrt 2."""
    one, other = (mlp((4, 4, 1), "relu", torch.Generator().manual_seed(3)) for _ in range(2))
    assert all(torch.equal(a, b) for a, b in zip(one.parameters(), other.parameters()))
    weight = next(one.parameters()).detach()
    torch.testing.assert_close(weight @ weight.T, 2 * torch.eye(4))


def test_members_of_a_stack_are_networks_of_their_own() -> None:
    """Normalised, against torch's own layers with the same weights; each has a gain and a shift of its own."""
    stack = StackedMLP((3, 8, 8, 1), 2, "relu", torch.Generator().manual_seed(0), layer_norm=True)
    draws = torch.Generator().manual_seed(0)
    nets = [mlp((3, 8, 8, 1), "relu", draws, layer_norm=True) for _ in range(2)]
    for depth, index in enumerate((1, 4)):
        for member, net in enumerate(nets):
            norm = net[index]
            assert isinstance(norm, torch.nn.LayerNorm)
            torch.nn.init.normal_(norm.weight, generator=draws)
            torch.nn.init.normal_(norm.bias, generator=draws)
            stack.gains[depth].data[member] = norm.weight.data
            stack.shifts[depth].data[member] = norm.bias.data
    inputs = torch.rand(5, 3, generator=draws)
    expected = torch.stack([net(inputs).squeeze(-1) for net in nets])
    torch.testing.assert_close(torch.stack([stack.member(index, inputs) for index in range(2)]), expected)
    torch.testing.assert_close(stack.batched(inputs.expand(2, -1, -1)), expected)
    torch.testing.assert_close(stack.ask(inputs, torch.tensor([1, 0, 1])), expected[[1, 0, 1]])


def test_a_network_follows_by_a_share_of_the_way() -> None:
    follower, followed = torch.nn.Linear(1, 1), torch.nn.Linear(1, 1)
    for net, value in ((follower, 1.0), (followed, 5.0)):
        torch.nn.init.constant_(net.weight, value)
    polyak_update(follower, followed, 0.25)
    assert follower.weight.tolist() == [[2.0]]


def test_weights_and_card_come_back(tmp_path: Path) -> None:
    """Arrays in safetensors, the rest in JSON."""
    save_weights(tmp_path / "net", {"w": torch.arange(6.0).view(2, 3).T}, {"agent": "ppo"})
    weights, card = load_weights(tmp_path / "net")
    assert weights["w"].tolist() == [[0.0, 3.0], [1.0, 4.0], [2.0, 5.0]]
    assert card == {"agent": "ppo"}


def test_weights_of_another_network_are_refused() -> None:
    with pytest.raises(ValueError, match="the weights of one are of a network of another shape"):
        load_merged_state_dicts({"one": torch.nn.Linear(2, 1)}, merge_state_dicts({"one": torch.nn.Linear(3, 1)}))


def test_a_missing_card_is_named(tmp_path: Path) -> None:
    """Both files belong together."""
    save_weights(tmp_path / "net", {"w": torch.zeros(1)}, {})
    (tmp_path / "net.json").unlink()
    with pytest.raises(FileNotFoundError, match=r"net\.json"):
        load_weights(tmp_path / "net")


def test_what_is_done_to_a_network_for_a_while_is_undone_when_that_fails() -> None:
    net = mlp((2, 1), "relu", torch.Generator().manual_seed(0)).eval()
    with pytest.raises(KeyError), training(net):
        assert net.training
        raise KeyError
    assert not net.training
    with pytest.raises(KeyError), frozen(net):
        assert not any(parameter.requires_grad for parameter in net.parameters())
        raise KeyError
    assert all(parameter.requires_grad for parameter in net.parameters())
