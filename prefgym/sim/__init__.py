"""Simulation: many MuJoCo worlds at once, as Gymnasium environments.

    task           a task: data about a model, and formulas over arrays
    describe       the meaning and the unit of each number of an observation or action
    variation      worlds that differ in masses and friction
    pool           what pools of worlds on processors and on devices share
    cpu            a pool on all cores of this machine
    threads        the number of threads that make sense
    contact_batch  MuJoCo's batch, with contact forces
    warp           a pool on a GPU
    warp_device    devices and models for which there is such a pool
    contact_frames contact frames on a GPU as on a CPU
    worlds         worlds of one task on the CPU: a pool, and the formulas
    seeding        the randomness of initial states
    world_draw     initial states on a device
    infos          infos of vector environments
    names          names of rewards and render modes
    base_env       what the vector environments share
    vector_env     many worlds as one vector environment, of arrays
    tensor_env     many worlds as one vector environment, of tensors on a device
    single_env     one world as an environment
    source         the builder of all environments, from an id, a specification or a function
    env_cfg        keyword arguments of an environment, and wrappers around it
    third_party    environments of other packages
    compat         what other packages lack on MuJoCo 4
    capabilities   what environments declare: physics states, a task without a reward
    continuation   steps that follow recorded physics states
    gl, render     pictures of physics states
    compliance     checks of Gymnasium's contract, and
    nested         the arrays and tensors that they compare

Nothing is imported here, so that a task can be looked at without MuJoCo.
"""
