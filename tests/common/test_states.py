"""Trees of states: taken apart and put together again."""

import json

import numpy as np
import torch

from prefgym.common.states import flatten, load_optimizer_state, optimizer_state, unflatten


def test_a_tree_comes_back_in_its_order() -> None:
    """Names may hold slashes and dots; None, numbers and lists stay plain."""
    tree = {
        "steps": 3,
        "parts": {"b": {"terms/x": np.arange(3.0), "net.0": torch.ones(2, dtype=torch.bool)}, "a": {}},
        "nothing": None,
        "pending": [1, 2],
    }
    arrays, plain = flatten(tree)
    assert sorted(arrays) == ["parts|b|net.0", "parts|b|terms/x"]
    back = unflatten(arrays, json.loads(json.dumps(plain)))
    assert list(back["parts"]) == ["b", "a"]
    assert back["parts"]["b"]["terms/x"].tolist() == [0.0, 1.0, 2.0]
    assert back["parts"]["b"]["net.0"].dtype == torch.bool
    assert (back["steps"], back["nothing"], back["pending"], back["parts"]["a"]) == (3, None, [1, 2], {})


def test_an_optimiser_goes_on_as_if_nothing_had_happened() -> None:
    """Two steps in one go, and one, a new optimiser, and one more, lead to the same weight."""

    def step(weight: torch.Tensor, optimizer: torch.optim.Optimizer, gradient: float) -> None:
        weight.grad = torch.full((1,), gradient)
        optimizer.step()

    weight = torch.ones(1, requires_grad=True)
    optimizer = torch.optim.Adam([weight], lr=0.1, fused=True)
    step(weight, optimizer, 1.0)
    arrays, plain = flatten({"optimizer": optimizer_state(optimizer)})
    other = weight.detach().clone().requires_grad_()
    fresh = torch.optim.Adam([other], lr=0.1, fused=True)
    load_optimizer_state(fresh, unflatten({name: array.clone() for name, array in arrays.items()}, plain)["optimizer"])
    step(weight, optimizer, -3.0)
    step(other, fresh, -3.0)
    assert torch.equal(weight, other)
