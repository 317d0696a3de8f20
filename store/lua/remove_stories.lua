-- Remove stories. KEYS: river, arrivals, changes. ARGV: prefix of stories, length of the stream of
-- changes, then ids. Returns how many were in the river.
local removed = 0
for i = 3, #ARGV do
  removed = removed + redis.call('ZREM', KEYS[1], ARGV[i])
  redis.call('ZREM', KEYS[2], ARGV[i])
  redis.call('DEL', ARGV[1] .. ARGV[i])
  redis.call('XADD', KEYS[3], 'MAXLEN', '~', ARGV[2], '*', 'kind', 'removed', 'story', ARGV[i])
end
return removed
