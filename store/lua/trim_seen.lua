-- Forget the guids that were dropped from a source's document longer ago than the window, and where
-- there are more than are kept the oldest of the others too.
-- KEYS: seen. ARGV: window in seconds, how many are kept. Values are of the layout SEEN.
local PARTS = 1024 -- of the window: the oldest go part by part, which takes one pass and no sorting
local window, surplus = tonumber(ARGV[1]), redis.call('HLEN', KEYS[1]) - ARGV[2]
local oldest = time[1] - window
local all, parts, held = redis.call('HGETALL', KEYS[1]), {}, {}
for i = 1, #all, 2 do
  -- A guid that is listed has the highest number, and so is never too old.
  local dropped = number_at(all[i + 1], 1 + SEEN_DROPPED, 1 + SEEN_DROPPED_LAST)
  local part = math.max(0, math.floor((dropped - oldest) / window * PARTS + 1))
  parts[i] = part
  held[part] = (held[part] or 0) + 1
end

local last = 0 -- of the parts that go; 0 holds what is older than the window
surplus = surplus - (held[0] or 0)
while surplus > 0 and last < PARTS do
  last = last + 1
  surplus = surplus - (held[last] or 0)
end

local gone = 0
for i = 1, #all, 2 do
  if parts[i] <= last then gone = gone + redis.call('HDEL', KEYS[1], all[i]) end
end
return gone
