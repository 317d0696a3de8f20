-- Note that no connection to a source was made.
-- KEYS: unreachable, network. ARGV: the source.
-- The time that is kept is that of the first failure in a row: `retry.lua` tries again what failed
-- since it last did. Where that brought no answer from anywhere the outage goes on.
local since = tonumber(redis.call('ZSCORE', KEYS[1], ARGV[1]) or -1)
local known = redis.call('HMGET', KEYS[2], 'retried', 'answered')
local retried, answered = tonumber(known[1] or 0), tonumber(known[2] or 0)
if since < 0 or (since <= retried and answered < retried) then
  redis.call('ZADD', KEYS[1], now, ARGV[1])
end
return 0
