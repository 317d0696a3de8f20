-- Put stories that were kept aside back into the feed, unless they are there again.
-- KEYS: river, arrivals, changes, dropped. ARGV: prefix of stories, prefix of those kept aside, length
-- of the stream of changes, then ids. Returns how many came back.
local back = 0
for i = 4, #ARGV do
  local id, place = ARGV[i], redis.call('ZSCORE', KEYS[4], ARGV[i])
  local aside = ARGV[2] .. id
  if place and redis.call('EXISTS', aside) == 1 and redis.call('RENAMENX', aside, ARGV[1] .. id) == 1 then
    local arrived = redis.call('HGET', ARGV[1] .. id, 'arrived') or now
    redis.call('HDEL', ARGV[1] .. id, 'arrived')
    redis.call('PERSIST', ARGV[1] .. id)
    redis.call('ZADD', KEYS[1], place, id)
    redis.call('ZADD', KEYS[2], arrived, id)
    redis.call('XADD', KEYS[3], 'MAXLEN', '~', ARGV[3], '*', 'kind', 'new', 'story', id)
    back = back + 1
  end
  redis.call('ZREM', KEYS[4], id)
  redis.call('DEL', aside)
end
return back
