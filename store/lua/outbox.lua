-- Put deliveries into an outbox, each once, as long as there is room.
-- KEYS: outbox zset, hash of their sizes (the field 'all': of all of them).
-- ARGV: most deliveries, most bytes, seconds an id is known; then of each its id, key, bytes,
-- and the ms by which it goes before others that are due.
-- Returns how many were added, and how many found no room.
local added, refused = 0, 0
for i = 4, #ARGV, 4 do
  local id, key, bytes = ARGV[i], ARGV[i + 1], #ARGV[i + 2]
  local held = tonumber(redis.call('HGET', KEYS[2], 'all') or 0)
  local room = redis.call('ZCARD', KEYS[1]) < tonumber(ARGV[1]) and held + bytes <= tonumber(ARGV[2])
  if redis.call('EXISTS', key) == 0 then
    if room then
      redis.call('SET', key, ARGV[i + 2], 'EX', ARGV[3])
      redis.call('ZADD', KEYS[1], now - ARGV[i + 3], id)
      redis.call('HSET', KEYS[2], id, bytes)
      redis.call('HINCRBY', KEYS[2], 'all', bytes)
      added = added + 1
    else
      refused = refused + 1
    end
  end
end
return { added, refused }
