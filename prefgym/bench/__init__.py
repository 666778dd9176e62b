"""What things cost on this machine; what counts is the ratio to something measured in the same run.

`sim` times environment steps against bare MuJoCo and EnvPool, `reward` times fitting rewards and drawing queries.
"""
