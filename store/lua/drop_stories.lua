-- Take stories out of the feed and keep them aside: their source may come back.
-- KEYS: river, arrivals, changes, dropped. ARGV: prefix of stories, prefix of those kept aside, length
-- of the stream of changes, seconds to keep them, how many are kept, then id and version of each: one
-- that changed since stays, for another source may have joined it. Returns how many went.
local gone = 0
local function drop(id)
  local place = redis.call('ZSCORE', KEYS[1], id)
  if place then
    local arrived = redis.call('ZSCORE', KEYS[2], id)
    redis.call('RENAME', ARGV[1] .. id, ARGV[2] .. id)
    if arrived then redis.call('HSET', ARGV[2] .. id, 'arrived', arrived) end
    redis.call('EXPIRE', ARGV[2] .. id, ARGV[4])
    redis.call('ZADD', KEYS[4], place, id)
  end
  gone = gone + 1
  redis.call('ZREM', KEYS[1], id)
  redis.call('ZREM', KEYS[2], id)
  redis.call('XADD', KEYS[3], 'MAXLEN', '~', ARGV[3], '*', 'kind', 'removed', 'story', id)
end
for i = 6, #ARGV, 2 do
  if redis.call('HGET', ARGV[1] .. ARGV[i], 'v') == ARGV[i + 1] then drop(ARGV[i]) end
end
local surplus = redis.call('ZCARD', KEYS[4]) - tonumber(ARGV[5])
if surplus > 0 then
  for _, id in ipairs(redis.call('ZRANGE', KEYS[4], 0, surplus - 1)) do
    redis.call('ZREM', KEYS[4], id)
    redis.call('DEL', ARGV[2] .. id)
  end
end
redis.call('EXPIRE', KEYS[4], ARGV[4])
return gone
