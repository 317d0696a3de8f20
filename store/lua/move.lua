-- Renew, release or finish many leases; only the holder of the current token may.
-- ARGV: for each its schedule, the hash that holds its token, name, token, ms and what to do.
-- Returns for each 1 when it was done, 0 when the lease is no longer current.
local answer = {}
for i = 1, #ARGV, 6 do
  local schedule, state, name, what = ARGV[i], ARGV[i + 1], ARGV[i + 2], ARGV[i + 5]
  local current = redis.call('HGET', state, 'token') == ARGV[i + 3]
  if current then
    redis.call('ZADD', schedule, 'XX', now + ARGV[i + 4], name)
    if what == 'finish' then redis.call('ZREM', schedule, name) end
    if what ~= 'renew' then redis.call('HDEL', state, 'token', 'begun') end
  end
  answer[#answer + 1] = current and 1 or 0
end
return answer
