-- Make due, one after the other, what is planned further off than it may be.
-- KEYS: schedule. ARGV: ms between two, then name and longest wait in ms. Returns how many were.
local pulled = 0
for i = 2, #ARGV, 2 do
  local due = redis.call('ZSCORE', KEYS[1], ARGV[i])
  if due and due - now > tonumber(ARGV[i + 1]) then
    redis.call('ZADD', KEYS[1], now + math.min(pulled * ARGV[1], ARGV[i + 1]), ARGV[i])
    pulled = pulled + 1
  end
end
return pulled
