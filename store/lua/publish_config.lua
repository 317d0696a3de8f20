-- Make a feeds.yaml the current one of all processes.
-- KEYS: config, history. ARGV: its hash, its text, the host it comes from, whether it may be one that
-- was current before, how many hashes are remembered. Returns 1 if it is current now.
local current = redis.call('HGET', KEYS[1], 'hash')
if current == ARGV[1] then return 1 end
if current and ARGV[4] == '0' and redis.call('ZSCORE', KEYS[2], ARGV[1]) then return 0 end
redis.call('HSET', KEYS[1], 'hash', ARGV[1], 'text', ARGV[2], 'host', ARGV[3], 'at', now)
redis.call('ZADD', KEYS[2], now, ARGV[1])
redis.call('ZREMRANGEBYRANK', KEYS[2], 0, -1 - ARGV[5])
return 1
