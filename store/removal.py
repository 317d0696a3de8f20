"""Takes stories out of the river at once; their fingerprints stay, so that reposts stay out too."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from store import keys
from store.connection import Store, store_errors
from store.stories import load_stories

_AT_ONCE = 100  # stories unpacked between two looks at everything else

_REMOVE = """
local removed = 0
for i = 3, #ARGV do
  removed = removed + redis.call('ZREM', KEYS[1], ARGV[i])
  redis.call('ZREM', KEYS[2], ARGV[i])
  redis.call('DEL', ARGV[1] .. ARGV[i])
  redis.call('XADD', KEYS[3], 'MAXLEN', '~', ARGV[2], '*', 'kind', 'removed', 'story', ARGV[i])
end
return removed
"""


async def remove_stories(store: Store, ids: Sequence[str]) -> int:
    """Remove these stories; returns how many were in the river."""
    if not ids:
        return 0
    script = store.redis.register_script(_REMOVE)
    answer = await store.call(
        script,
        [keys.RIVER, keys.ARRIVALS, keys.CHANGES],
        [keys.story(""), keys.CHANGES_KEPT, *ids],
    )
    return int(answer)


async def drop_orphans(store: Store, sources: Collection[str]) -> int:
    """Remove stories that none of these sources has; returns how many went."""
    with store_errors():
        ids = [i.decode() for i in await store.redis.zrange(keys.RIVER, 0, -1)]
    removed = 0
    for start in range(0, len(ids), _AT_ONCE):
        stories = await load_stories(store, ids[start : start + _AT_ONCE])
        orphans = [s.id for s in stories if not any(m.source in sources for m in s.members)]
        removed += await remove_stories(store, orphans)
    return removed
