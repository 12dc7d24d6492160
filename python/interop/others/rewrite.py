"""Other projects' tests, read from the installed package, with ndferry put in the place of some of their objects.

Nothing of theirs is kept: the rewritten file lies in a temporary folder as long as it runs.
"""

from __future__ import annotations

import ast
import importlib.util
import os
import pathlib
import subprocess
import sys
import xml.etree.ElementTree as xml
from typing import NamedTuple

HERE = pathlib.Path(__file__).parent
STAND_INS = ("between", "chunk", "from_dlpack", "imported", "on_tensors", "same_numbers", "tensor", "view")


class Put(NamedTuple):
    """Which calls change, and how: the `callee`, its first `argument` or its `result` goes through a stand-in; or a
    `name`, called or not, becomes one."""

    calls: str  # "np.from_dlpack"; "*" means every function of NumPy
    place: str
    stand_in: str


class _Rewriter(ast.NodeTransformer):
    def __init__(self, puts: list[Put], of_numpy: set[str]):
        self.puts, self.of_numpy, self.count = puts, of_numpy, 0

    def visit_Attribute(self, node: ast.Attribute) -> ast.expr:
        name = ast.unparse(node)
        for put in self.puts:
            if put.place == "name" and put.calls == name:
                self.count += 1
                return ast.Name(f"_{put.stand_in}", node.ctx)
        self.generic_visit(node)
        return node

    def visit_Call(self, node: ast.Call) -> ast.expr:
        self.generic_visit(node)
        name = ast.unparse(node.func)
        is_numpys = isinstance(node.func, (ast.Name, ast.Attribute)) and name.split(".")[0] in self.of_numpy
        made: ast.expr = node
        for put in self.puts:
            if put.calls != name and not (put.calls == "*" and is_numpys):
                continue
            self.count += 1
            stand_in = ast.Name(f"_{put.stand_in}", ast.Load())
            if put.place == "callee" and put.calls == "*":
                node.func = ast.Call(stand_in, [node.func], [])
            elif put.place == "callee":
                node.func = stand_in
            elif put.place == "argument":
                node.args[0] = ast.Call(stand_in, [node.args[0]], [])
            else:
                made = ast.Call(stand_in, [made], [])
        return made


def _imported_from_numpy(tree: ast.Module) -> set[str]:
    names = {"np", "numpy"}
    for node in tree.body:
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "numpy":
            names |= {one.asname or one.name for one in node.names}
    return names


def rewritten(module: str, puts: list[Put], replaced: dict[str, str]) -> str:
    """The source of a module of tests with the stand-ins in it. `replaced` functions get a body of our own."""
    spec = importlib.util.find_spec(module)
    tree = ast.parse(pathlib.Path(spec.origin).read_text())
    for node in tree.body:
        if isinstance(node, ast.FunctionDef) and node.name in replaced:
            node.body = ast.parse(replaced[node.name]).body
    rewriter = _Rewriter(puts, _imported_from_numpy(tree))
    tree = rewriter.visit(tree)
    assert rewriter.count or replaced, f"{module} calls none of {[put.calls for put in puts]}"
    stand_ins = "\n".join(f"from stand_ins import {one} as _{one}" for one in STAND_INS)
    start = next(i for i, node in enumerate(tree.body) if not _comes_first(node))
    tree.body[start:start] = ast.parse(stand_ins).body
    return ast.unparse(ast.fix_missing_locations(tree))


def _comes_first(node: ast.stmt) -> bool:
    is_text = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    return is_text or (isinstance(node, ast.ImportFrom) and node.module == "__future__")


class Ran(NamedTuple):
    passed: set[str]
    failed: dict[str, str]  # what the error says
    skipped: set[str]
    output: str


def run(source: str, folder: pathlib.Path, chosen: str = "") -> Ran:
    """Runs rewritten tests in a process of their own."""
    file, report = folder / "test_rewritten.py", folder / "report.xml"
    file.write_text(source)
    nodes = [f"{file}::{one}" for one in chosen.split()] or [str(file)]
    command = [sys.executable, "-m", "pytest", *nodes, "-q", "-p", "no:cacheprovider", "-p", "stand_ins", "--tb=short"]
    command += [f"--junitxml={report}", "-o", "junit_family=xunit1", "-W", "ignore::pytest.PytestUnknownMarkWarning"]
    paths = [str(HERE), str(HERE.parents[1]), os.environ.get("PYTHONPATH", "")]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, paths))}
    ran = subprocess.run(
        command, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=500
    )
    assert ran.returncode in (0, 1), ran.stdout[-3000:]
    answer = Ran(set(), {}, set(), ran.stdout)
    for case in xml.parse(report).iter("testcase"):
        name = "::".join([*case.get("classname", "").split(".")[1:], case.get("name", "")])
        wrong = [one for one in case if one.tag in ("failure", "error")]
        if wrong:
            answer.failed[name] = wrong[0].get("message", "")
        elif case.find("skipped") is not None:
            answer.skipped.add(name)
        else:
            answer.passed.add(name)
    return answer
