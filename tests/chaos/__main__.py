"""`make chaos`: ordeals of some minutes, one seed after another. A line for each, then a table."""

from __future__ import annotations

import argparse
import asyncio
import sys
from pathlib import Path

from tests.chaos.actor import Actor
from tests.chaos.ordeal import Findings, ordeal, stage_folder, until_first_story
from tests.chaos.rig import Rig
from tests.chaos.table import table
from tests.chaos.world import World


def main() -> int:
    """Run the ordeals; 0 if the promise was kept in all of them."""
    arguments = _arguments()
    done: dict[int, Findings] = {}
    for seed in range(arguments.first, arguments.first + arguments.seeds):
        with stage_folder() as folder:
            findings = done[seed] = asyncio.run(_ordeal(folder, seed, arguments))
            _report(seed, findings)
            if not findings.good:
                print((folder / "log.txt").read_text()[-6000:], file=sys.stderr)
    print(table(done), flush=True)
    return 0 if all(findings.good for findings in done.values()) else 1


async def _ordeal(folder: Path, seed: int, arguments: argparse.Namespace) -> Findings:
    world = World(seed, feeds=arguments.feeds)
    if arguments.harm == "reposts":
        world.fill_reprinted(arguments.stories, copies=5)
    else:
        world.fill_still(10, only=arguments.harm == "still")
    seconds = arguments.minutes * 60

    async def harm(rig: Rig, actor: Actor) -> None:
        if arguments.harm == "all":
            await until_first_story(rig, arguments.patience)
            await actor.rage(seconds)
        else:
            await actor.kill_workers(seconds, every=2)

    return await ordeal(
        folder,
        world,
        harm,
        per_second=arguments.rate,
        patience=arguments.patience,
        seed=seed,
        workers=4,
    )


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make chaos")
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--first", type=int, default=1)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--rate", type=float, default=9, help="stories a second")
    parser.add_argument(
        "--harm", choices=["all", "kill", "still", "reposts"], default="all",
        help="all: everything; kill: each worker every 2 s; still: so with feeds that never grow",
    )  # fmt: skip
    parser.add_argument("--patience", type=float, default=300, help="seconds of calm")
    parser.add_argument("--stories", type=int, default=2000, help="of --harm reposts")
    parser.add_argument("--feeds", type=int, default=40)
    return parser.parse_args()


def _report(seed: int, findings: Findings) -> None:
    print(
        f"seed {seed}: {'kept' if findings.good else 'BROKEN'}: {findings.account}; "
        f"even after {findings.calm:.1f} s of calm; {findings.answers} answers "
        f"({findings.loading} while loading), faults {len(findings.faults)} "
        f"{findings.faults[:3] or ''}; ended by themselves {findings.deaths or 0}; "
        f"exit {findings.exit_code}; {sum(findings.deeds.values())} deeds: "
        + ", ".join(f"{name} {count}" for name, count in sorted(findings.deeds.items())),
        flush=True,
    )


if __name__ == "__main__":
    sys.exit(main())
