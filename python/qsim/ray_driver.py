"""Runs the trials of a sweep on a Ray cluster.

``qsim sweep --engine ray`` starts it and speaks to it in lines of JSON: the first line on standard input tells the
sweep, each further one a trial; each line on standard output is a result. A trial is run by ``qsim trials`` on a
worker, so that it is the same run as anywhere else. A worker that dies costs nothing but time: its trials are run
again by another one, and each result names the worker that it came from.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from typing import Any, TextIO

import ray

#: How often a trial is given to another worker when its worker dies.
RETRIES = 5
#: Trials under way for each core of the cluster: none waits, and none is far ahead.
AHEAD = 2


@ray.remote(max_retries=RETRIES, num_cpus=1)
def trial(program: str, order: str, spec: str) -> str:
    """One trial: its result as a line of JSON, with the worker that ran it."""
    ran = subprocess.run(
        [program, "trials"],
        input=f"{order}\n{spec}\n",
        capture_output=True,
        text=True,
        check=False,
    )
    lines = ran.stdout.splitlines()
    if ran.returncode != 0 or len(lines) != 1:
        said = ran.stderr.strip() or f"nothing, and ended with {ran.returncode}"
        raise RuntimeError(f"{program} trials said {said}")
    result: dict[str, Any] = json.loads(lines[0])
    context = ray.get_runtime_context()
    result["worker"] = f"ray-{context.get_node_id()[:12]}-{os.getpid()}"
    return json.dumps(result)


def results(program: str, order: str, specs: list[str]) -> Iterator[str]:
    """The results of all trials, as they come."""
    cores = int(ray.cluster_resources().get("CPU", 1))
    waiting = list(reversed(specs))
    # Whatever all trials share is sent once.
    shared = ray.put(order)
    running: list[Any] = []
    while waiting or running:
        while waiting and len(running) < AHEAD * cores:
            running.append(trial.remote(program, shared, waiting.pop()))
        ended, running = ray.wait(running, num_returns=1)
        for one in ended:
            yield ray.get(one)


def answers() -> TextIO:
    """Standard output for results alone: whatever Ray prints there goes to standard error from now on."""
    kept = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    return kept


def main() -> int:
    """The command line."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--program", required=True, help="qsim as the workers find it")
    arguments.add_argument("--address", help="of the cluster; without it one of this machine's own")
    asked = arguments.parse_args()
    order, *specs = [line for line in sys.stdin.read().splitlines() if line.strip()]
    told = answers()
    ray.init(address=asked.address, log_to_driver=False, include_dashboard=False, logging_level="warning")
    try:
        for result in results(asked.program, order, specs):
            print(result, file=told, flush=True)
    except (ray.exceptions.RayError, RuntimeError) as error:
        print(f"ray: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
