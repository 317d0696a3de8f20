-- One poll's whole result (or that of several pages), or nothing of it.
-- First everything is checked, then everything is written: a script is atomic, but what it wrote
-- before an error stays. Follows index.lua in one script.
--
-- ARGV[1] is a JSON plan; the other arguments are the binary parts it points to by number.
--   fences   [{schedule, name, state, token}]: the leases this result was made under
--   entries  [{key, doc, ttl, fresh, due, urls}]
--   stories  [{key, id, expect, version, doc, score, arrived, kind, displaced, article}]
--   removed  [story id]: stories that joined another one
--   source   {state, seen, items, tree, learned...}: what to remember of the source
--   claims   see index.lua
--   mark     where the index stood when the claims' candidates were found
--   layout   the version this was made for
-- Returns {'layout'} or {'ok'} or {'fenced', name...} or {'exists', id...} or {'story', id...} or {'unseen', ...}.
local plan = cjson.decode(ARGV[1])
local prefix = KEYS[1]

local function key(name) return prefix .. name end

local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)

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

local function stories_that_moved()
  local found = {'story'}
  for _, story in ipairs(plan.stories) do
    local version = tonumber(redis.call('HGET', story.key, 'v') or 0)
    if version ~= story.expect then found[#found + 1] = story.id end
  end
  return found
end

local function write_entries()
  for _, entry in ipairs(plan.entries) do
    redis.call('HSET', entry.key, 'doc', ARGV[entry.doc])
    redis.call('EXPIRE', entry.key, entry.ttl)
    if not entry.fresh then redis.call('HDEL', entry.key, 'article') end
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
      redis.call('HSET', story.displaced, 'article', ARGV[story.article])
    end
  end
end

local function write_stories()
  for _, story in ipairs(plan.stories) do
    redis.call('HSET', story.key, 'v', story.version, 'doc', ARGV[story.doc])
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
local LISTED = '\255\255\255\255'
local function age_dropped(source, listed)
  local seconds, dropped = tonumber(time[1]), {}
  local stamp = string.char(
    math.floor(seconds / 16777216) % 256, math.floor(seconds / 65536) % 256,
    math.floor(seconds / 256) % 256, seconds % 256)
  local previous = redis.call('HGET', source.key, 'listed') or ''
  for i = 1, #previous, 16 do
    local digest = previous:sub(i, i + 15)
    if not listed[digest] then dropped[#dropped + 1] = digest end
  end
  for i, value in ipairs(fields_of(source.seen_key, dropped)) do
    if value then redis.call('HSET', source.seen_key, dropped[i], value:sub(1, 8) .. stamp) end
  end
end

local function write_seen(source)
  local seen, listed, names, values = ARGV[source.seen], {}, {}, {}
  for i = 1, #seen, 24 do
    local digest = seen:sub(i, i + 15)
    listed[digest] = true
    names[#names + 1] = digest
    values[#names] = seen:sub(i + 16, i + 23) .. LISTED
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
  redis.call('HSET', source.key, 'state', ARGV[source.state])
  if source.seen then write_seen(source) end
  if source.items then redis.call('HSET', source.key, 'items', ARGV[source.items]) end
  if source.tree then
    redis.call('HSET', source.key, 'tree', ARGV[source.tree])
    redis.call('HDEL', source.key, 'reading')
  end
  if source.learned then redis.call('SET', source.learned_key, ARGV[source.learned]) end
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
local moved = stories_that_moved()
if #moved > 1 then return moved end
local unseen = index_unseen(plan.claims, plan.mark)
if #unseen > 0 then return {'unseen', cjson.encode(unseen)} end

give_articles_back()
write_entries()
write_stories()
index_claim(plan.claims)
write_source()
give_leases_back()
return {'ok'}
