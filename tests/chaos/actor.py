"""The hand that means harm: from a seed, one evil after another."""

from __future__ import annotations

import asyncio
import os
import random
import signal
from collections import Counter

from tests.chaos.clocks import NAMES
from tests.chaos.rig import Rig


class Actor:
    """Does harm until it is told to end; what it broke is whole again then."""

    def __init__(self, rig: Rig, seed: int, *, pause: float = 0.7) -> None:
        self.done: Counter[str] = Counter()
        self._rig = rig
        self._chance = random.Random(seed)
        self._pause = pause

    async def rage(self, seconds: float) -> None:
        """Do harm for so long."""
        loop = asyncio.get_running_loop()
        until = loop.time() + seconds
        deeds = [self._kill, self._kill, self._stop, self._stop_store, self._reset, self._stall]
        deeds += [self._halve, self._restart_while_halved]
        deeds += [self._jump] if self._rig.clocks.can_be_set else []
        while loop.time() < until:
            deed = self._chance.choice(deeds)
            await deed()
            await asyncio.sleep(self._chance.uniform(0.2, 2 * self._pause))

    async def kill_workers(self, seconds: float, *, every: float) -> None:
        """Kill each worker once in every so many seconds, one after the other."""
        loop = asyncio.get_running_loop()
        until, workers = loop.time() + seconds, self._rig.workers
        while loop.time() < until:
            for worker in workers:
                await asyncio.sleep(every / len(workers))
                if self._rig.signal(worker, signal.SIGKILL) is not None:
                    self.done[f"SIGKILL {worker}"] += 1

    def _victim(self) -> str:
        return self._chance.choice([*self._rig.workers, *self._rig.workers, "service", "store"])

    async def _kill(self) -> None:
        victim = self._victim()
        number = self._chance.choice([signal.SIGKILL, signal.SIGKILL, signal.SIGTERM])
        if self._rig.signal(victim, number) is not None:
            self.done[f"{number.name} {victim}"] += 1

    async def _stop(self, victim: str | None = None) -> None:
        victim = victim or self._victim()
        if (pid := self._rig.signal(victim, signal.SIGSTOP)) is not None:
            self.done[f"SIGSTOP {victim}"] += 1
            await asyncio.sleep(self._chance.uniform(0.5, 4))
            os.kill(pid, signal.SIGCONT)

    async def _stop_store(self) -> None:
        await self._stop("store")

    async def _reset(self) -> None:
        self._rig.proxy.reset()
        self.done["reset"] += 1

    async def _stall(self) -> None:
        self._rig.proxy.stall()
        self.done["stall"] += 1
        await asyncio.sleep(self._chance.uniform(0.5, 4))
        self._rig.proxy.go_on()

    async def _halve(self) -> None:
        """feeds.yaml as an editor leaves it that is killed in the middle."""
        whole = self._rig.config_text()
        self._rig.config.write_text(whole[: self._chance.randrange(len(whole))], encoding="utf-8")
        self.done["half feeds.yaml"] += 1
        await asyncio.sleep(self._chance.uniform(0.2, 2))
        self._rig.config.write_text(whole, encoding="utf-8")

    async def _restart_while_halved(self) -> None:
        """A process that starts while feeds.yaml is broken goes on with the last good one."""
        whole = self._rig.config_text()
        self._rig.config.write_text(whole[: len(whole) // 2] + "\n {", encoding="utf-8")
        victim = self._chance.choice([*self._rig.workers, "service"])
        if self._rig.signal(victim, signal.SIGKILL) is not None:
            self.done["restart with broken feeds.yaml"] += 1
        await asyncio.sleep(self._chance.uniform(2, 5))
        self._rig.config.write_text(whole, encoding="utf-8")

    async def _jump(self) -> None:
        """A clock that is up to two hours off for a while; then it is set again."""
        name, hours = self._chance.choice(NAMES), self._chance.uniform(0.1, 2)
        back = self._chance.choice([-1, 1])
        self._rig.clocks.set_back(name, int(back * hours * 3600))
        self.done[f"clock of {name} {'back' if back > 0 else 'forward'}"] += 1
        await asyncio.sleep(self._chance.uniform(0.5, 4))
        self._rig.clocks.set_back(name, 0)
