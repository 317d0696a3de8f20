-- Lease what is due, oldest first: its place in the schedule moves to the end of the lease, so a
-- dead worker gives its work back without any other action.
-- KEYS: counter of leases, schedules. ARGV: lease in ms, then of each schedule how many, and what the
-- keys of its states begin with.
-- Returns for each schedule: how much it holds, the ms until something in it is due (-1: never),
-- name, token, name, token, ...
-- A token holds the time beside the counter: after a wipe or a lost tail of the journal the counter
-- starts again, and work that was under way must not find its old token valid.

local function lease(schedule, limit, prefix)
  local due = redis.call('ZRANGEBYSCORE', schedule, '-inf', now, 'LIMIT', 0, limit)
  local leased = {redis.call('ZCARD', schedule), -1}
  for _, name in ipairs(due) do
    local count = redis.call('INCR', KEYS[1])
    local token = string.format('%d-%08d', time[1] * 1000000 + time[2], count)
    redis.call('HSET', prefix .. name, 'token', token)
    redis.call('HDEL', prefix .. name, 'begun')
    redis.call('ZADD', schedule, now + ARGV[1], name)
    leased[#leased + 1] = name
    leased[#leased + 1] = token
  end
  local first = redis.call('ZRANGE', schedule, 0, 0, 'WITHSCORES')
  if first[2] then leased[2] = math.max(0, first[2] - now) end
  return leased
end

-- The store's clock was set back: what is planned moves with it, and so do the deliveries that wait.
-- Else nothing is polled until the clock is where it was.
local latest = tonumber(redis.call('GET', key('clock')) or now)
if now < latest - 60000 then
  for _, schedule in ipairs({'schedule', 'pending', 'outbox', 'outbox:hub', 'verifications'}) do
    local planned = redis.call('ZRANGE', key(schedule), 0, -1, 'WITHSCORES')
    for i = 1, #planned, 2 do
      redis.call('ZADD', key(schedule), planned[i + 1] - (latest - now), planned[i])
    end
  end
end
if math.abs(now - latest) > 10000 or now == latest then redis.call('SET', key('clock'), now) end

local answer = {}
for i = 2, #KEYS do
  answer[#answer + 1] = lease(KEYS[i], ARGV[2 * i - 2], ARGV[2 * i - 1])
end
return answer
