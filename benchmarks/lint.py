"""How long `pump lint` takes for 1,000 components, and what of that is reading the text.

    python -m benchmarks.lint

Rows take turns; figures are medians of CPU time of a fresh process, start of Python included. `ratio` is against parsing the
same text with PyYAML's C parser in a fresh process, which is the least that anything could do with it.
"""

from __future__ import annotations

import argparse
import pathlib
import resource
import statistics
import subprocess
import sys
import tempfile

COMPONENTS = 1000
_EACH = 8  # components of one pipeline below, that of its branch included

_PIPELINE = """
- id: Flights-{n}
  source:
    class: FileCSVSource
    config: {{path: flights.csv, post: noop}}
  processors:
  - class: FilterProcessor
    config: {{where: {{delay: {{gt: 15}}, carrier: [UA, AA]}}}}
  - class: CastProcessor
    config: {{fields: {{delay: int}}}}
  - class: DeriveProcessor
    config: {{fields: {{late: {{op: sub, args: [delay, {{const: 15}}]}}}}}}
  - when: delay > 60
    branch:
      sink: {{class: NullSink}}
  sink:
    class: {sink}
    config: {{path: "out-{n}.json"}}
"""
_TEMPLATE = (
    "templates:\n  Flights:\n    parameters: {n: null}\n    pipeline:"
    + _PIPELINE.replace("\n- id", "\n  id").replace("\n", "\n    ").format(n="${n}", sink="FileJSONSink")
    + "\npipelines:\n- template: Flights\n  with:\n"
)


def definitions(count: int) -> dict[str, str]:
    """Return title -> text of definitions with about `count` components each."""
    numbers = range(count // _EACH)
    return {
        "sound": "pipelines:" + "".join(_PIPELINE.format(n=n, sink="FileJSONSink") for n in numbers),
        "a mistake in each pipeline": "pipelines:"
        + "".join(_PIPELINE.format(n=n, sink="FileJSNSink") for n in numbers),
        "one template": _TEMPLATE + "".join(f"  - {{n: {n}}}\n" for n in numbers),
    }


def cpu_seconds(arguments: list[str]) -> float:
    """Return the CPU time of a process of Python."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, *arguments], check=False, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--components", type=int, default=COMPONENTS)
    parser.add_argument("--repeat", type=int, default=7)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        rows: dict[str, list[str]] = {}
        for number, (title, text) in enumerate(definitions(options.components).items()):
            path = pathlib.Path(folder) / f"{number}.yaml"
            path.write_text(text, encoding="utf-8")
            parse = f"import yaml; yaml.load(open({str(path)!r}), yaml.CSafeLoader)"
            rows[f"parse only: {title}"] = ["-c", parse]
            rows[f"pump lint: {title}"] = ["-m", "bspump_like.cli", "lint", str(path)]
        taken: dict[str, list[float]] = {title: [] for title in rows}
        for _ in range(options.repeat):
            for title, arguments in rows.items():
                taken[title].append(cpu_seconds(arguments))
    print(f"{options.components} components, {options.repeat} rounds, CPU seconds of a fresh process\n")
    print("| row | median | best | ratio |\n| --- | ---: | ---: | ---: |")
    for title, times in taken.items():
        base = statistics.median(taken[title.replace("pump lint", "parse only")])
        median = statistics.median(times)
        print(f"| {title} | {median:.2f} | {min(times):.2f} | {median / base:.1f} |")


if __name__ == "__main__":
    main()
