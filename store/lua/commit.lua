-- One poll's whole result (or that of several pages), or nothing of it.
-- First everything is checked, then everything is written: a script is atomic, but what it wrote
-- before an error stays. Follows index.lua in one script.
--
-- ARGV: the plan, as `Plan` of store/commit.py states it.
-- Returns {'ok'}, {'layout'} for a store of another layout, or a field of `Conflict` with its members:
-- {'fenced', name...}, {'exists', id...}, {'stories', id...} or {'unseen', id...}.
local plan = cmsgpack.unpack(ARGV[1])

local function leases_that_ended()
  local found = {'fenced'}
  for _, fence in ipairs(plan.fences) do
    if redis.call('HGET', fence.state, 'token') ~= fence.token then
      found[#found + 1] = fence.name
    end
  end
  return found
end

local function entries_that_exist()
  local found = {'exists'}
  for _, entry in ipairs(plan.entries) do
    if entry.fresh and redis.call('HEXISTS', entry.key, 'doc') == 1 then
      found[#found + 1] = entry.id
    end
  end
  return found
end

local function stories_that_changed()
  local found = {'stories'}
  for _, story in ipairs(plan.stories) do
    local version = tonumber(redis.call('HGET', story.key, 'v') or 0)
    if version ~= story.expect then found[#found + 1] = story.id end
  end
  return found
end

local function write_entries()
  for _, entry in ipairs(plan.entries) do
    redis.call('HSET', entry.key, 'doc', entry.doc)
    redis.call('EXPIRE', entry.key, entry.ttl)
    -- A page that is being read for what this entry said before is no longer wanted.
    if not entry.fresh then redis.call('HDEL', entry.key, 'article', 'token', 'begun') end
    if entry.due then
      redis.call('ZADD', key('pending'), now + entry.due, entry.id)
    elseif not entry.fresh then
      redis.call('ZREM', key('pending'), entry.id)
    end
    for _, url in ipairs(entry.urls) do
      redis.call('ZADD', url, now, entry.id)
      redis.call('ZREMRANGEBYRANK', url, 0, -33)
      redis.call('EXPIRE', url, entry.ttl)
    end
  end
end

local function announce(kind, id)
  redis.call('XADD', key('changes'), 'MAXLEN', '~', plan.changes_kept, '*', 'kind', kind, 'story', id)
end

-- Before the entries: one that is itself among them is written with its article.
local function give_articles_back()
  for _, story in ipairs(plan.stories) do
    if story.displaced and redis.call('HEXISTS', story.displaced, 'doc') == 1 then
      redis.call('HSET', story.displaced, 'article', story.article)
    end
  end
end

local function write_stories()
  for _, story in ipairs(plan.stories) do
    redis.call('HSET', story.key, 'v', story.version, 'doc', story.doc)
    if story.score then
      redis.call('ZADD', key('river'), story.score, story.id)
      redis.call('ZADD', key('arrivals'), story.arrived, story.id)
    end
    announce(story.kind, story.id)
  end
end

-- Values of the fields of a hash; a call takes some thousand arguments.
local function fields_of(name, fields)
  local values, step = {}, 1000
  for first = 1, #fields, step do
    local last = math.min(first + step - 1, #fields)
    for i, value in ipairs(redis.call('HMGET', name, unpack(fields, first, last))) do
      values[first + i - 1] = value
    end
  end
  return values
end

-- A guid that its source no longer lists starts to age now; one that is listed does not age.
local STAMP_BYTES = SEEN_DROPPED_LAST - SEEN_DROPPED + 1
local STILL_LISTED = string.rep('\255', STAMP_BYTES)
local function age_dropped(source, listed)
  local stamp, dropped = as_bytes(tonumber(time[1]), STAMP_BYTES), {}
  local previous = redis.call('HGET', source.key, 'listed') or ''
  local size = LISTED_GUID_LAST + 1
  for i = 1, #previous, size do
    local digest = previous:sub(i, i + size - 1)
    if not listed[digest] then dropped[#dropped + 1] = digest end
  end
  for i, value in ipairs(fields_of(source.seen_key, dropped)) do
    if value then
      local content = value:sub(1 + SEEN_CONTENT, 1 + SEEN_CONTENT_LAST)
      redis.call('HSET', source.seen_key, dropped[i], content .. stamp)
    end
  end
end

local function write_seen(source)
  local seen, listed, names, values = source.seen, {}, {}, {}
  for i = 1, #seen, LISTED_BYTES do
    local digest = seen:sub(i + LISTED_GUID, i + LISTED_GUID_LAST)
    listed[digest] = true
    names[#names + 1] = digest
    values[#names] = seen:sub(i + LISTED_CONTENT, i + LISTED_CONTENT_LAST) .. STILL_LISTED
  end
  -- Most were seen so before, and what is not written need not go to disk and to replicas.
  for i, value in ipairs(fields_of(source.seen_key, names)) do
    if value ~= values[i] then redis.call('HSET', source.seen_key, names[i], values[i]) end
  end
  age_dropped(source, listed)
  redis.call('HSET', source.key, 'listed', table.concat(names))
end

local function write_source()
  local source = plan.source
  if not source then return end
  redis.call('HSET', source.key, 'state', source.state)
  if source.seen then write_seen(source) end
  if source.items then redis.call('HSET', source.key, 'items', source.items) end
  if source.tree then
    redis.call('HSET', source.key, 'tree', source.tree)
    redis.call('HDEL', source.key, 'reading')
  end
  if source.learned then redis.call('SET', source.learned_key, source.learned) end
  -- A source that was taken off the schedule meanwhile keeps the end its state was given.
  local fence = plan.fences[1]
  if not fence or redis.call('ZSCORE', fence.schedule, fence.name) then
    for _, name in ipairs({source.key, source.seen_key, source.learned_key}) do
      redis.call('PERSIST', name)
    end
  end
end

local function give_leases_back()
  for _, fence in ipairs(plan.fences) do
    redis.call('HDEL', fence.state, 'token', 'begun')
    if fence.next then redis.call('ZADD', fence.schedule, 'XX', now + fence.next, fence.name) end
  end
end

if (redis.call('GET', key('layout')) or plan.layout) ~= plan.layout then return {'layout'} end
local ended = leases_that_ended()
if #ended > 1 then return ended end
local exists = entries_that_exist()
if #exists > 1 then return exists end
local changed = stories_that_changed()
if #changed > 1 then return changed end
local unseen = index_unseen(plan.claims, plan.mark)
if #unseen > 0 then
  table.insert(unseen, 1, 'unseen')
  return unseen
end

give_articles_back()
write_entries()
write_stories()
index_claim(plan.claims)
write_source()
give_leases_back()
return {'ok'}
