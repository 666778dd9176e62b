"""Many MuJoCo worlds at once.

    task           what a task is: data, and formulas over arrays
    pool           the pool protocol
    cpu            worlds on all cores of this machine
    contact_batch  MuJoCo's batch, with contact forces
    worlds         worlds of one task: a pool, and what the formulas make of it
    seeding        where the randomness of initial states comes from
    infos          infos of vector environments
    vector_env     many worlds as one Gymnasium vector environment
    single_env     one world as a Gymnasium environment
    gl, render     pictures of physics states
    threads        how many threads make sense
    names          unknown names get a sentence that helps

Nothing is imported here, so that a task can be looked at without MuJoCo.
"""
