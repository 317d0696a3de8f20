-- Lease what is due, oldest first: its place in the schedule moves to the end of the lease, so a
-- worker that dies gives its work back without anyone noticing.
-- KEYS: schedule, counter of leases. ARGV: how many, lease in ms, prefix of the state keys.
-- Returns name, token, name, token, ...
-- A token holds the time beside the counter: after a wipe or a lost tail of the journal the counter
-- runs anew, and work that was under way must not find its old token valid again.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local due = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now, 'LIMIT', 0, ARGV[1])
local leased = {}
for _, name in ipairs(due) do
  local token = string.format('%d-%08d', time[1] * 1000000 + time[2], redis.call('INCR', KEYS[2]))
  redis.call('HSET', ARGV[3] .. name, 'token', token)
  redis.call('HDEL', ARGV[3] .. name, 'begun')
  redis.call('ZADD', KEYS[1], now + ARGV[2], name)
  leased[#leased + 1] = name
  leased[#leased + 1] = token
end
return leased
