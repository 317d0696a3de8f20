-- Write the results of polls that brought no entries: states and next polls, and end their leases.
-- Each is written whole or not at all, whatever becomes of the others.
-- KEYS: schedule, layout. ARGV: the layout this was made for, the prefixes of the keys of a source's
-- state, of its guids and of its boilerplate; then for each poll the name of its source, its token,
-- the ms until the next poll, the state.
-- Returns for each 1 when it was written, 0 when its lease is no longer current; nothing at all
-- when the layout is another.
if (redis.call('GET', KEYS[2]) or ARGV[1]) ~= ARGV[1] then return {} end
local answer = {}
for i = 5, #ARGV, 4 do
  local name = ARGV[i]
  local key = ARGV[2] .. name
  if redis.call('HGET', key, 'token') ~= ARGV[i + 1] then
    answer[#answer + 1] = 0
  else
    redis.call('HSET', key, 'state', ARGV[i + 3])
    redis.call('HDEL', key, 'token', 'begun')
    -- A source that was taken off the schedule meanwhile keeps the end its state was given.
    if redis.call('ZSCORE', KEYS[1], name) then
      redis.call('ZADD', KEYS[1], now + ARGV[i + 2], name)
      for part = 2, 4 do redis.call('PERSIST', ARGV[part] .. name) end
    end
    answer[#answer + 1] = 1
  end
end
return answer
