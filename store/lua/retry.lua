-- Make due again, one after the other, the sources that could not be reached.
-- KEYS: schedule, unreachable, network. ARGV: what happened ('started': a worker; 'reached': a host
-- takes connections again; 'answered': a source answered), how many at most, the ms between two,
-- the ms within which a source is due soon enough anyway, the ms after a start in which another
-- start does not count, how many new failures make an outage of all.
-- Returns how many were made due.
local known = redis.call('HMGET', KEYS[3], 'retried', 'answered', 'started')
local retried, answered, started = tonumber(known[1] or 0), tonumber(known[2] or 0), known[3]
local soon = tonumber(ARGV[4])

local first = '(' .. string.format('%.0f', retried)
if ARGV[1] == 'started' then
  redis.call('HSET', KEYS[3], 'started', now)
  if started and now - started < tonumber(ARGV[5]) then return 0 end
  first = '-inf'
elseif ARGV[1] == 'answered' then
  redis.call('HSET', KEYS[3], 'answered', now)
  redis.call('HDEL', KEYS[3], 'trials')
  -- The first answer after a host was reached confirms that the outage is over: what was made due
  -- then has had its turn, whether it failed again before this answer or fails after it.
  if answered < retried and now - retried < soon then
    redis.call('HSET', KEYS[3], 'retried', now)
    return 0
  end
end
local fresh = redis.call('ZCOUNT', KEYS[2], first, '+inf')
if fresh == 0 then return 0 end
-- A single source that fails is its own trouble; several at once are ours, and then whatever
-- failed before may have failed for the same reason.
if fresh >= tonumber(ARGV[6]) then first = '-inf' end

redis.call('HSET', KEYS[3], 'retried', now)
if ARGV[1] == 'reached' then redis.call('HINCRBY', KEYS[3], 'trials', 1) end
local made = 0
for _, name in ipairs(redis.call('ZRANGEBYSCORE', KEYS[2], first, '+inf')) do
  if made == tonumber(ARGV[2]) then break end
  local due = redis.call('ZSCORE', KEYS[1], name)
  if not due then
    redis.call('ZREM', KEYS[2], name)
  elseif due - now > soon then
    redis.call('ZADD', KEYS[1], now + made * ARGV[3], name)
    made = made + 1
  end
end
return made
