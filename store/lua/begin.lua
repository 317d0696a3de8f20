-- Begin under many leases.
-- KEYS: of each the hash that holds its token. ARGV: the tokens.
-- Returns the time, then for each 0 when its token is not current or was begun under before, else
-- the state of its source or the document of its entry that lies beside it, '' when there is none.
local answer = {time[1], time[2]}
for i, key in ipairs(KEYS) do
  local held = redis.call('HMGET', key, 'token', 'begun', 'state', 'doc')
  if held[1] ~= ARGV[i] or held[2] == ARGV[i] then
    answer[#answer + 1] = 0
  else
    redis.call('HSET', key, 'begun', ARGV[i])
    answer[#answer + 1] = held[3] or held[4] or ''
  end
end
return answer
