-- Forget the guids that were dropped from a source's document longer ago than the window.
-- KEYS: seen. ARGV: window in seconds. A value is 8 bytes of digest and 4 bytes of time; the time
-- is all ones while the guid is listed.
local now = tonumber(redis.call('TIME')[1])
local gone = {}
local all = redis.call('HGETALL', KEYS[1])
for i = 1, #all, 2 do
  local a, b, c, d = all[i + 1]:byte(9, 12)
  local dropped = ((a * 256 + b) * 256 + c) * 256 + d
  if dropped < 4294967295 and dropped < now - tonumber(ARGV[1]) then gone[#gone + 1] = all[i] end
end
for _, digest in ipairs(gone) do redis.call('HDEL', KEYS[1], digest) end
return #gone
