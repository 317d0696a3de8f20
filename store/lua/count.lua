-- Raise counters; a field that is new and finds no room is counted in one field with its like.
-- KEYS: hash. ARGV: how many fields it may have, the field for the others, then field and by.
local room = redis.call('HLEN', KEYS[1]) < tonumber(ARGV[1])
for i = 3, #ARGV, 2 do
  if room or redis.call('HEXISTS', KEYS[1], ARGV[i]) == 1 then
    redis.call('HINCRBYFLOAT', KEYS[1], ARGV[i], ARGV[i + 1])
  else
    redis.call('HINCRBYFLOAT', KEYS[1], ARGV[2], 1)
  end
end
