"""Measurements: tables of trainings over seeds, and speeds on this machine.

`grid` runs the cells of a table in processes (`cells`) and prints averages and intervals (`statistics`). `sim` times
environment steps against bare MuJoCo and EnvPool, `reward` times fitting rewards and sampling queries; a speed counts
as the ratio to another one of the same run. `agreement` compares both back ends, `stopwatch` sums up times by part.
"""
