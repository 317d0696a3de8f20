-- A delivery is done or given up; its id stays known for as long as it would have been.
-- KEYS: outbox zset, hash of sizes, the delivery.  ARGV: id.
redis.call('ZREM', KEYS[1], ARGV[1])
local bytes = redis.call('HGET', KEYS[2], ARGV[1])
if bytes then
  redis.call('HDEL', KEYS[2], ARGV[1])
  if redis.call('HINCRBY', KEYS[2], 'all', -bytes) <= 0 then redis.call('HDEL', KEYS[2], 'all') end
end
redis.call('SET', KEYS[3], '', 'XX', 'KEEPTTL')
