"""Runs our learners and MOA's over the same files in turns, one thread each, and prints a table of both."""

import argparse
import json
import subprocess
import sys
from pathlib import Path

PEERS = {
    "gaussian-nb": "bayes.NaiveBayes",
    "hoeffding-tree": "trees.HoeffdingTree",
    "adaptive-tree": "trees.HoeffdingAdaptiveTree",
    "efdt": "trees.EFDT",
    "random-forest": "meta.AdaptiveRandomForest",
}


def line(command):
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"{' '.join(map(str, command))}\n{done.stderr.strip()}")
    return json.loads(done.stdout.strip().splitlines()[-1])


def best(runs):
    """The fastest of the runs; all must have predicted the same."""
    figures = {(run["rows"], run["accuracy"], run["kappa"]) for run in runs}
    if len(figures) != 1:
        sys.exit(f"runs of one learner over one file differ: {sorted(figures)}")
    return max(runs, key=lambda run: run["rows_per_s"])


def main():
    flags = argparse.ArgumentParser(description=__doc__)
    flags.add_argument("files", nargs="+", type=Path, metavar="FILE", help="OMLB (.bin), or CSV of numbers")
    flags.add_argument("--ours", required=True, help="the job prequential")
    flags.add_argument("--classpath", required=True, help="moa.jar and the compiled harness")
    flags.add_argument("--learners", default=",".join(PEERS), help="names, separated by commas")
    flags.add_argument("--rounds", type=int, default=3)
    flags.add_argument("--warm", type=float, default=10.0, help="seconds to warm the JIT up before each measured pass")
    flags = flags.parse_args()
    unknown = [name for name in flags.learners.split(",") if name not in PEERS]
    if unknown:
        sys.exit(f"there is no learner {', '.join(unknown)}; there are {', '.join(PEERS)}")
    print("| learner | data | rows/s | MOA | ratio | accuracy % | MOA | κ % | MOA | bytes | MOA |")
    print("|---|---|---|---|---|---|---|---|---|---|---|")
    java = ["java", "-Xmx4g", "-XX:+UseSerialGC", "-cp", flags.classpath, "Peer"]
    for name in flags.learners.split(","):
        for path in flags.files:
            ours, theirs = [], []
            for _ in range(flags.rounds):
                ours.append(line([flags.ours, "--data", path, "--learner", name]))
                theirs.append(line([*java, path, PEERS[name], str(flags.warm)]))
            ours, theirs = best(ours), best(theirs)
            if ours["rows"] != theirs["rows"]:
                sys.exit(f"{path}: {ours['rows']} rows, and {theirs['rows']} for MOA")
            percent = lambda run, key: "" if run[key] is None else f"{100 * run[key]:.2f}"
            cells = [name, path.name.removesuffix(".bin").removesuffix(".csv")]
            cells += [f"{run['rows_per_s']:,.0f}" for run in (ours, theirs)]
            cells += [f"{ours['rows_per_s'] / theirs['rows_per_s']:.1f}"]
            cells += [percent(run, key) for key in ("accuracy", "kappa") for run in (ours, theirs)]
            cells += [f"{run['memory_bytes']:,}" for run in (ours, theirs)]
            print("| " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    main()
