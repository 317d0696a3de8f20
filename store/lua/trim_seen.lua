-- Forget the guids that were dropped from a source's document longer ago than the window.
-- KEYS: seen. ARGV: window in seconds. Values are of the layout SEEN.
local oldest = time[1] - ARGV[1]
local gone = {}
local all = redis.call('HGETALL', KEYS[1])
for i = 1, #all, 2 do
  -- A guid that is listed has the highest number, and so is never too old.
  local dropped = number_at(all[i + 1], 1 + SEEN_DROPPED, 1 + SEEN_DROPPED_LAST)
  if dropped < oldest then gone[#gone + 1] = all[i] end
end
for _, digest in ipairs(gone) do redis.call('HDEL', KEYS[1], digest) end
return #gone
