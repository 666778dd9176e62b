"""MuJoCo's batch, with contact forces."""

import numpy as np
import pytest

from prefgym.envs import ANT
from prefgym.sim import contact_batch
from prefgym.sim.contact_batch import ContactBatch
from prefgym.sim.cpu import batch, load_model


def test_it_does_what_mujocos_own_batch_does() -> None:
    """Apart from contact forces, both give the same bytes."""
    model = load_model(ANT)
    ours, theirs = ContactBatch(model, 3, 2), batch.Batch(model, 3, 2, persistent=True)
    ctrl = np.random.default_rng(0).uniform(-1, 1, (20, 3, model.nu))
    fields = {name: (ours.bind(name), theirs.bind(name)) for name in ("qpos", "qvel", "xpos", "cvel", "qfrc_actuator")}
    ours_ctrl, theirs_ctrl = ours.bind("ctrl"), theirs.bind("ctrl")
    for step in range(20):
        ours_ctrl[:], theirs_ctrl[:] = ctrl[step], ctrl[step]
        ids = np.array([0, 2], np.int32) if step % 3 else None
        ours.step(ids, nstep=5)
        theirs.step(ids, nstep=5)
        for name, (a, b) in fields.items():
            assert np.array_equal(a, b), f"{name} at step {step}"
        assert np.array_equal(ours.state, theirs.state)
    ours.close()


def test_only_real_fields_can_be_bound() -> None:
    """Unknown fields and integers are refused; derived fields cannot be written."""
    ours = ContactBatch(load_model(ANT), 2, 1)
    for name in ("nonsense", "ncon"):
        with pytest.raises(ValueError, match=f"{name} is not a field of MjData that holds real numbers"):
            ours.bind(name)
    assert not ours.bind("cfrc_ext").flags.writeable


def test_reset_clears_contact_forces() -> None:
    """Contact forces are zero after a reset, and a forward pass leaves them so."""
    ours = ContactBatch(load_model(ANT), 2, 1)
    forces, ctrl = ours.bind("cfrc_ext"), ours.bind("ctrl")
    ctrl[:] = 1.0
    while not forces[1].any():
        ours.step(nstep=5)
    ours.reset(np.array([1], np.int32))
    ours.forward(np.array([1], np.int32))
    assert not forces[1].any()


def test_failures_to_start_are_explained(monkeypatch: pytest.MonkeyPatch) -> None:
    """A missing library, and a batch that cannot be made."""
    with pytest.raises(MemoryError, match="could not make a batch of -1 worlds"):
        ContactBatch(load_model(ANT), -1, 1)
    contact_batch._library.cache_clear()
    monkeypatch.setattr(contact_batch.platform, "system", lambda: "Windows")
    with pytest.raises(ImportError, match=r"the mujoco package has no mujoco.dll"):
        contact_batch._library()
