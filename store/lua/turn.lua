-- Take a host's turn: at most so many requests at once, and a gap between their starts.
-- Who comes too early gets a promised time and keeps it, so that waiters are served in order.
-- KEYS: state hash, running zset, promised zset, refused zset.
-- ARGV: holder, requests at once, gap in ms, lease of a running request in ms,
--       how far ahead places are promised in ms.
-- Returns 0 when the turn is taken, else the ms after which to ask again.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local holder, at_once, gap = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
local lease, horizon = tonumber(ARGV[4]), tonumber(ARGV[5])
local GRACE = 15000 -- a promise that nobody came for is void
local BUSY = 200

-- A host that told two of its sources to wait means all of them, while both waits last.
redis.call('ZREMRANGEBYSCORE', KEYS[4], '-inf', now)
local refused = redis.call('ZRANGE', KEYS[4], -2, -1, 'WITHSCORES')
if #refused == 4 then return math.max(1, refused[2] - now) end

redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', now)
redis.call('ZREMRANGEBYSCORE', KEYS[3], '-inf', now - GRACE)
local next_place = math.max(now, tonumber(redis.call('HGET', KEYS[1], 'next') or 0))
local promised = tonumber(redis.call('ZSCORE', KEYS[3], holder) or -1)
if promised < 0 then
  promised = next_place
  if promised - now > horizon then return promised - now end
  next_place = promised + gap
  redis.call('HSET', KEYS[1], 'next', next_place)
  redis.call('ZADD', KEYS[3], promised, holder)
end
local life = math.max(next_place - now, 0) + lease + GRACE
redis.call('PEXPIRE', KEYS[1], life)
redis.call('PEXPIRE', KEYS[3], life)

local earliest = tonumber(redis.call('HGET', KEYS[1], 'last') or 0) + gap
if math.max(promised, earliest) > now then return math.max(promised, earliest) - now end
if redis.call('ZCARD', KEYS[2]) >= at_once then return BUSY end
redis.call('ZREM', KEYS[3], holder)
redis.call('ZADD', KEYS[2], now + lease, holder)
redis.call('PEXPIRE', KEYS[2], lease)
redis.call('HSET', KEYS[1], 'last', now)
return 0
