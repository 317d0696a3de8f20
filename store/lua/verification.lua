-- Have a callback of our hub verified, within what may wait in all, at its host and for its client.
-- KEYS: verifications zset, the verification, what waits at its host and for its client (zsets),
--       when its host may be asked next, how often it did not answer.
-- ARGV: id, the verification, most in all, at a host, for a client, most silences, how long it
--       waits and the gap between two at one host, both in ms.
-- Returns '' or why not.
local id, lifetime, gap = ARGV[1], tonumber(ARGV[7]), tonumber(ARGV[8])

if tonumber(redis.call('GET', KEYS[6]) or 0) >= tonumber(ARGV[6]) then return 'silent' end
if not redis.call('ZSCORE', KEYS[1], id) then
  redis.call('ZREMRANGEBYSCORE', KEYS[3], '-inf', now)
  redis.call('ZREMRANGEBYSCORE', KEYS[4], '-inf', now)
  if redis.call('ZCARD', KEYS[1]) >= tonumber(ARGV[3]) then return 'full' end
  if redis.call('ZCARD', KEYS[3]) >= tonumber(ARGV[4]) then return 'host' end
  if redis.call('ZCARD', KEYS[4]) >= tonumber(ARGV[5]) then return 'client' end
  local due = math.max(now, tonumber(redis.call('GET', KEYS[5]) or 0))
  redis.call('SET', KEYS[5], due + gap, 'PX', due + gap - now)
  redis.call('ZADD', KEYS[1], due, id)
end
redis.call('SET', KEYS[2], ARGV[2], 'PX', lifetime)
for i = 3, 4 do
  redis.call('ZADD', KEYS[i], now + lifetime, id)
  redis.call('PEXPIRE', KEYS[i], lifetime)
end
return ''
