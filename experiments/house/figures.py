"""Measures the package's structure: sizes, names, and which module imports which.

python -m experiments.house.figures
"""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import median

PACKAGE = Path(__file__).parents[2] / "xttslab"
SMALL = 80  # lines below which a module with one importer should be joined with it
RIDDLE = (" in, ", " in; ")  # the old form "a file in, a record out" says nothing


@dataclass(frozen=True)
class Module:
    """One file of the package: its dotted name, its length in lines, and its syntax tree."""

    name: str
    lines: int
    tree: ast.Module

    @property
    def stem(self) -> str:
        return self.name.rpartition(".")[2]

    @property
    def summary(self) -> str:
        """The first line of its docstring."""
        return (ast.get_docstring(self.tree) or "").split("\n", 1)[0]

    def functions(self) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
        for node in ast.walk(self.tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                yield node

    def public_classes(self) -> list[str]:
        classes = [node.name for node in self.tree.body if isinstance(node, ast.ClassDef)]
        return [name for name in classes if not name.startswith("_")]

    def imports(self, known: set[str]) -> set[str]:
        """The modules of the package that it imports, anywhere in the file."""
        found: set[str] = set()
        for node in ast.walk(self.tree):
            if isinstance(node, ast.ImportFrom) and node.module:
                for alias in node.names:
                    whole = f"{node.module}.{alias.name}"
                    found.add(whole if whole in known else node.module)
            elif isinstance(node, ast.Import):
                found |= {alias.name for alias in node.names}
        return (found & known) - {self.name}


def read_modules(package: Path = PACKAGE) -> list[Module]:
    """Every module of the package, `__init__` files left out."""
    found = []
    for path in sorted(package.rglob("*.py")):
        if path.name != "__init__.py":
            text = path.read_text(encoding="utf-8")
            name = ".".join(path.relative_to(package.parent).with_suffix("").parts)
            found.append(Module(name, len(text.splitlines()), ast.parse(text)))
    return found


def importers(modules: list[Module]) -> dict[str, set[str]]:
    """For each module, which others import it."""
    known = {module.name for module in modules}
    found: dict[str, set[str]] = {name: set() for name in known}
    for module in modules:
        for name in module.imports(known):
            found[name].add(module.name)
    return found


def small_with_one_importer(modules: list[Module]) -> list[str]:
    """Modules below `SMALL` lines that exactly one other module imports."""
    used = importers(modules)
    return [m.name for m in modules if m.lines < SMALL and len(used[m.name]) == 1]


def repeated(names: list[str]) -> list[str]:
    """The names that occur more than once."""
    return sorted(name for name, count in Counter(names).items() if count > 1)


def function_lines(modules: list[Module]) -> list[int]:
    """The length of every function and method in lines, shortest first."""
    found = [node.end_lineno - node.lineno + 1 for m in modules for node in m.functions()]
    return sorted(found)


def riddles(modules: list[Module]) -> list[str]:
    """Modules whose docstring still reads "X in, Y out"."""
    ends = (" out.", " out")
    return [
        m.name
        for m in modules
        if any(mark in m.summary for mark in RIDDLE) and m.summary.endswith(ends)
    ]


def figures(modules: list[Module]) -> dict[str, object]:
    """What is measured, by name."""
    functions = function_lines(modules)
    sizes = sorted(module.lines for module in modules)
    classes = [name for module in modules for name in module.public_classes()]
    return {
        "modules": len(modules),
        "lines": sum(sizes),
        "median module": median(sizes),
        "longest module": max(modules, key=lambda m: m.lines).name + f" ({sizes[-1]})",
        "functions": len(functions),
        "90 % of functions have at most": functions[int(0.9 * len(functions))],
        "longest function": functions[-1],
        "file names used twice": repeated([module.stem for module in modules]),
        "public classes named twice": repeated(classes),
        f"below {SMALL} lines with one importer": small_with_one_importer(modules),
        "docstrings of the form 'X in, Y out'": riddles(modules),
    }


def main() -> None:
    for name, value in figures(read_modules()).items():
        shown = ", ".join(value) or "none" if isinstance(value, list) else value
        print(f"{name:38} {shown}")


if __name__ == "__main__":
    main()
