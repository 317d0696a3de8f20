-- Schedule what is not yet: the first now, the next a little later.
-- KEYS: schedule. ARGV: ms between two, then names. Returns how many were added.
local added = 0
for i = 2, #ARGV do
  if redis.call('ZADD', KEYS[1], 'NX', now + added * ARGV[1], ARGV[i]) == 1 then
    added = added + 1
  end
end
return added
