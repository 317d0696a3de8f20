-- Remove the stories that retention no longer keeps, a bounded number a call.
-- KEYS: river, arrivals, changes. ARGV: entries kept, age kept in ms, prefix of stories, at most,
-- length of the stream of changes; then, if some were chosen already, id and version of each: one
-- that changed since stays, for another source may have joined it.
-- Returns the documents of those that were removed.
local function outdated()
  local most = tonumber(ARGV[4])
  local gone = redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', '(' .. (now - ARGV[2]), 'LIMIT', 0, most)
  local surplus = redis.call('ZCARD', KEYS[1]) - #gone - tonumber(ARGV[1])
  if surplus > 0 and #gone < most then
    local dropped = {}
    for _, id in ipairs(gone) do dropped[id] = true end
    -- The old end of the feed; what just aged out may stand there too.
    local oldest = redis.call('ZRANGE', KEYS[1], 0, surplus + #gone - 1)
    for _, id in ipairs(oldest) do
      if #gone >= most or surplus == 0 then break end
      if not dropped[id] then
        gone[#gone + 1] = id
        surplus = surplus - 1
      end
    end
  end
  return gone
end

local function unchanged()
  local gone = {}
  for i = 6, #ARGV, 2 do
    if redis.call('HGET', ARGV[3] .. ARGV[i], 'v') == ARGV[i + 1] then gone[#gone + 1] = ARGV[i] end
  end
  return gone
end

local gone = #ARGV > 5 and unchanged() or outdated()
local documents = {}
for i, id in ipairs(gone) do
  documents[i] = redis.call('HGET', ARGV[3] .. id, 'doc') or ''
  redis.call('ZREM', KEYS[1], id)
  redis.call('ZREM', KEYS[2], id)
  redis.call('DEL', ARGV[3] .. id)
  -- At the memory limit only XADD is refused; the removal must go on, because it frees memory.
  redis.pcall('XADD', KEYS[3], 'MAXLEN', '~', ARGV[5], '*', 'kind', 'removed', 'story', id)
end
return documents
