"""What no file may contain: code that runs when data is loaded, generators that belong to nobody, clocks in tests."""

import ast
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
SHIPPED = ("prefgym", "agents", "envs", "scripts", "examples")

BANNED_MODULES = {"pickle", "cPickle", "cloudpickle", "dill", "joblib", "marshal", "shelve"}
BANNED_CALLS = {"eval", "exec", "torch.load", "torch.save", "yaml.load", "yaml.unsafe_load", "yaml.full_load"}
WRITES_PICKLES = "tests/helpers/pickled.py"
"""Writes files of other projects, for tests of the reader that runs nothing of them."""
OWN_GENERATORS = {"default_rng", "Generator", "SeedSequence", "BitGenerator", "PCG64", "PCG64DXSM", "Philox", "SFC64"}
TORCH_DRAWS = {
    *("rand", "randn", "randint", "randperm", "normal", "bernoulli", "multinomial", "poisson"),
    *("rand_like", "randn_like", "randint_like"),
}
CLOCKS = {"time.sleep", "asyncio.sleep", "time.time", "time.perf_counter", "time.monotonic", "time.process_time"}


def dotted(node: ast.expr) -> str:
    """Write `a.b.c` for the attribute access it is; "" for anything else."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute) and (head := dotted(node.value)):
        return f"{head}.{node.attr}"
    return ""


def unsafe_loading(tree: ast.AST) -> Iterator[tuple[ast.expr | ast.stmt, str]]:
    """Find what could run code while a file is loaded."""
    for node in ast.walk(tree):
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            names = [node.module or ""] if isinstance(node, ast.ImportFrom) else [alias.name for alias in node.names]
            for name in BANNED_MODULES.intersection(name.partition(".")[0] for name in names):
                yield node, f"imports {name}"
        elif isinstance(node, ast.Call):
            if dotted(node.func) in BANNED_CALLS:
                yield node, f"calls {dotted(node.func)}"
            for keyword in node.keywords:
                if keyword.arg == "allow_pickle" and not (
                    isinstance(keyword.value, ast.Constant) and keyword.value.value is False
                ):
                    yield node, "allows pickle"


def global_draws(tree: ast.AST) -> Iterator[tuple[ast.expr | ast.stmt, str]]:
    """Find draws from, and seeds of, a generator that all parts share."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module in {"random", "numpy.random"}:
            for alias in node.names:
                if alias.name not in {*OWN_GENERATORS, "Random"}:
                    yield node, f"imports {node.module}.{alias.name}"
        if not isinstance(node, ast.Call):
            continue
        head, _, last = dotted(node.func).rpartition(".")
        if last in {"getstate", "setstate", "get_state", "set_state"}:  # draws nothing: so that others' draws go on
            continue
        if head in {"np.random", "numpy.random"} and last not in OWN_GENERATORS:
            yield node, f"calls np.random.{last}"
        if head == "random" and last not in {"Random", "SystemRandom"}:
            yield node, f"calls random.{last}"
        if head == "torch" and last in {"manual_seed", "seed"}:
            yield node, f"calls torch.{last}"
        if (
            head == "torch"
            and last in TORCH_DRAWS
            and not any(word.arg in {"generator", None} for word in node.keywords)
        ):
            yield node, f"calls torch.{last} without a generator"


def clock_readings(tree: ast.AST) -> Iterator[tuple[ast.expr | ast.stmt, str]]:
    """Find waiting and timing, neither of which a test needs."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and dotted(node.func) in CLOCKS:
            yield node, f"calls {dotted(node.func)}"
        if isinstance(node, ast.ImportFrom):
            for alias in node.names:
                if f"{node.module}.{alias.name}" in CLOCKS:
                    yield node, f"imports {node.module}.{alias.name}"


Check = Callable[[ast.AST], Iterator[tuple[ast.expr | ast.stmt, str]]]


@pytest.mark.parametrize(
    ("check", "folders"),
    [(unsafe_loading, (*SHIPPED, "tests")), (global_draws, SHIPPED), (clock_readings, ("tests",))],
)
def test_no_file_contains_what_is_banned(check: Check, folders: tuple[str, ...]) -> None:
    paths = [path for folder in folders for path in sorted((ROOT / folder).rglob("*.py"))]
    paths = [path for path in paths if path != ROOT / WRITES_PICKLES]
    found = [
        f"{path.relative_to(ROOT)}:{node.lineno} {text}"
        for path in paths
        for node, text in check(ast.parse(path.read_text()))
    ]
    assert found == [], "\n".join(["", *found])


@pytest.mark.parametrize(
    ("check", "bad"),
    [
        (unsafe_loading, "import pickle"),
        (unsafe_loading, "from pickle import load"),
        (unsafe_loading, "torch.load(path)"),
        (unsafe_loading, "np.load(path, allow_pickle=True)"),
        (unsafe_loading, "eval(text)"),
        (global_draws, "np.random.seed(0)"),
        (global_draws, "random.choice(names)"),
        (global_draws, "torch.randperm(5)"),
        (global_draws, "torch.manual_seed(0)"),
        (clock_readings, "time.sleep(1)"),
        (clock_readings, "from time import perf_counter"),
    ],
)
def test_bad_lines_are_found(check: Check, bad: str) -> None:
    assert len(list(check(ast.parse(bad)))) == 1


@pytest.mark.parametrize(
    ("check", "good"),
    [
        (unsafe_loading, "model.eval()"),
        (unsafe_loading, "np.load(path, allow_pickle=False)"),
        (unsafe_loading, "yaml.safe_load(text)"),
        (global_draws, "np.random.default_rng(0).normal()"),
        (global_draws, "torch.randperm(5, generator=generator)"),
        (global_draws, "self.rng.random()"),
        (global_draws, "np.random.set_state(state)"),
        (clock_readings, "clock.read()"),
    ],
)
def test_good_lines_pass(check: Check, good: str) -> None:
    assert list(check(ast.parse(good))) == []
