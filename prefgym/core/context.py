"""Contexts: the objects that a part can receive when it is made.

A constructor names the fields that it needs as keyword parameters; `Registry.build` passes them.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

from prefgym.core.feedback import Feedback
from prefgym.core.protocols import Env, Expert, MetricCounter, Policy, Simulator
