-- Make a source due at once, unless a job has its lease.
-- KEYS: state of the source, schedule. ARGV: its name.
if redis.call('HEXISTS', KEYS[1], 'token') == 1 then return end
redis.call('ZADD', KEYS[2], 'XX', 0, ARGV[1])
