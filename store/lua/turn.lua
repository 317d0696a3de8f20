-- Take or give back turns at hosts: at most N requests at once, and a gap between their
-- starts. Who comes too early gets a promised time and keeps it, so that waiters are served in
-- order.
-- KEYS: of each turn what its host's four keys begin with: state hash, running zset, promised zset,
--       refused zset.
-- ARGV: requests at once, gap in ms, lease of a running request in ms; then of each turn its holder
--       and how far ahead places are promised in ms, or 'back'.
-- Returns for each 0 when the turn is taken or given back, else the ms after which to ask again.
local at_once, gap, lease = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local GRACE = 15000 -- a promise that was not used expires
local BUSY = 200
local LONGEST_PAUSE = 3600000 -- as in store/hosts.py
local SLEW = 1000 -- by which a clock that is set right bit by bit may run back

local function start(state, running, holder, next_place)
  redis.call('ZADD', running, now + lease, holder)
  redis.call('PEXPIRE', running, lease)
  redis.call('HSET', state, 'last', now, 'next', next_place)
  redis.call('PEXPIRE', state, math.max(next_place - now, 0) + gap)
  return 0
end

-- What lies further ahead than any of it may was written before the store's clock was set back, and
-- would hold the host up for as long: two hours back, and no source of a host was polled for four.
local function forget_future(state, running, promised, refused)
  local last = tonumber(redis.call('HGET', state, 'last') or 0)
  if last > now + SLEW then redis.call('DEL', state, promised) end
  redis.call('ZREMRANGEBYSCORE', running, now + lease + SLEW, '+inf')
  redis.call('ZREMRANGEBYSCORE', refused, now + LONGEST_PAUSE + SLEW, '+inf')
end

local function take(state, running, promised, refused, holder, horizon)
  if redis.call('EXISTS', state, running, promised, refused) == 0 then
    return start(state, running, holder, now + gap) -- no request lately: the usual case
  end

  forget_future(state, running, promised, refused)

  -- A host that answered 429 to two of its sources means all of them, while both waits last.
  redis.call('ZREMRANGEBYSCORE', refused, '-inf', now)
  local waits = redis.call('ZRANGE', refused, -2, -1, 'WITHSCORES')
  if #waits == 4 then return math.max(1, waits[2] - now) end

  redis.call('ZREMRANGEBYSCORE', running, '-inf', now)
  redis.call('ZREMRANGEBYSCORE', promised, '-inf', now - GRACE)
  local known = redis.call('HMGET', state, 'next', 'last')
  local next_place = math.max(now, tonumber(known[1] or 0))
  local place = tonumber(redis.call('ZSCORE', promised, holder) or -1)
  if place < 0 then
    place = next_place
    if place - now > horizon then return place - now end
    next_place = place + gap
    redis.call('HSET', state, 'next', next_place)
    redis.call('ZADD', promised, place, holder)
    redis.call('PEXPIRE', state, next_place - now + gap)
    redis.call('PEXPIRE', promised, next_place - now + lease + GRACE)
  end

  local earliest = tonumber(known[2] or 0) + gap
  if math.max(place, earliest) > now then return math.max(place, earliest) - now end
  if redis.call('ZCARD', running) >= at_once then return BUSY end
  redis.call('ZREM', promised, holder)
  return start(state, running, holder, next_place)
end

local answer = {}
for i, host in ipairs(KEYS) do
  local holder, what = ARGV[2 * i + 2], ARGV[2 * i + 3]
  if what == 'back' then
    redis.call('ZREM', host .. 'running', holder)
    answer[i] = 0
  else
    answer[i] = take(host .. 'state', host .. 'running', host .. 'promised', host .. 'refused',
      holder, tonumber(what))
  end
end
return answer
