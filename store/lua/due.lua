-- Lease what is due: it is due again when the lease ends.
-- KEYS: zset id -> when it is due in ms.  ARGV: how many, lease in ms.  Returns their ids.
local due = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now, 'LIMIT', 0, ARGV[1])
for _, id in ipairs(due) do redis.call('ZADD', KEYS[1], now + ARGV[2], id) end
return due
