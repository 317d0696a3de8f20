-- Take stories out of the feed and keep them aside: their source may come back.
-- KEYS: river, arrivals, changes, dropped. ARGV: prefix of stories, prefix of those kept aside, length
-- of the stream of changes, seconds to keep them, how many are kept, then ids. Returns how many went.
local gone = 0
for i = 6, #ARGV do
  local id, place = ARGV[i], redis.call('ZSCORE', KEYS[1], ARGV[i])
  if place and redis.call('EXISTS', ARGV[1] .. id) == 1 then
    local arrived = redis.call('ZSCORE', KEYS[2], id)
    redis.call('RENAME', ARGV[1] .. id, ARGV[2] .. id)
    if arrived then redis.call('HSET', ARGV[2] .. id, 'arrived', arrived) end
    redis.call('EXPIRE', ARGV[2] .. id, ARGV[4])
    redis.call('ZADD', KEYS[4], place, id)
    gone = gone + 1
  end
  redis.call('ZREM', KEYS[1], id)
  redis.call('ZREM', KEYS[2], id)
  redis.call('XADD', KEYS[3], 'MAXLEN', '~', ARGV[3], '*', 'kind', 'removed', 'story', id)
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
