-- Schedule what is not yet: the first now, the next a little later. A source that left and is back
-- keeps its plan, unless it failed: it may have been repaired.
-- KEYS: schedule. ARGV: ms between two, prefix of states, then names. Returns how many were added.
local added = 0
for i = 3, #ARGV do
  if not redis.call('ZSCORE', KEYS[1], ARGV[i]) then
    local due = now + added * ARGV[1]
    local stored = redis.call('HGET', ARGV[2] .. ARGV[i], 'state')
    local state = stored and cjson.decode(stored) or {}
    if not state.failures and type(state.next_poll) == 'number' then
      due = math.max(due, state.next_poll * 1000)
    end
    redis.call('ZADD', KEYS[1], due, ARGV[i])
    added = added + 1
  end
end
return added
