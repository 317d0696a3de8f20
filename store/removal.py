"""Takes stories out of the river at once; their fingerprints stay, so that reposts stay out too."""

from __future__ import annotations

from collections.abc import Sequence

from store import keys
from store.connection import Store

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
