-- The duplicate index: postings (key -> founders) and one record for each founder.
--
-- It is cut into slices, each open for a quarter of the window or SLICE_FULL records; a slice goes
-- as a whole once the window has passed since it was closed. In a slice
--   ix:p:N  hash  bucket -> postings (layout POSTING)
--   ix:r:N  hash  chunk -> records (layout RECORD); 'n' -> how many there are
-- and ix:slices is a list of "number:opened" (ms), newest last; ix:window is the window in force (ms).
-- Keys come packed (layout KEY); their kinds are 'a' (minhash), 'h'eadline and 'u'rl.
local INDEX = key('ix:')
local SLICE_FULL = 262144
local SLICES_IN_WINDOW = 4
local CHUNK = 34 -- records of 60 bytes: just below an allocation of 2,048
local FILED = {a = 6, h = 1, u = 3} -- keys of each kind under which a founder is filed; more are looked up
local FILED_AT_ONCE = 200 -- a call takes some thousand arguments
local MOST_UNDER = {a = 32, h = 8, u = 8} -- founders under one key in a slice; with more it names no article

-- {number, opened} of each slice that is still in the window, oldest first.
local function index_slices(now, window)
  local live, listed = {}, redis.call('LRANGE', INDEX .. 'slices', 0, -1)
  for i, text in ipairs(listed) do
    local number, opened = text:match('(%d+):(%d+)')
    local closed = listed[i + 1] and tonumber(listed[i + 1]:match(':(%d+)'))
    if closed and closed + window < now then
      redis.call('UNLINK', INDEX .. 'p:' .. number, INDEX .. 'r:' .. number)
      redis.call('LREM', INDEX .. 'slices', 1, text)
    else
      live[#live + 1] = {number, tonumber(opened)}
    end
  end
  return live
end

local function index_window()
  return tonumber(redis.call('GET', INDEX .. 'window') or 2592000000)
end

-- A moment is kept as a share of the slice's length, in 65,536ths, rounded up.
local function index_unit(window)
  return math.max(window / SLICES_IN_WINDOW / 65535, 1)
end

-- Numbers of the records filed under one key.
local function index_hits(postings, suffix)
  local hits, at = {}, 1
  while true do
    at = postings:find(suffix, at, true)
    if not at then return hits end
    if at % POSTING_BYTES == 1 then
      hits[#hits + 1] = number_at(postings, at + POSTING_RECORD, at + POSTING_RECORD_LAST)
      at = at + POSTING_BYTES
    else
      at = at + 1
    end
  end
end

-- Adds to `found` (record -> how it was met) what `postings` hold under one key.
local function index_gather(found, order, postings, kind, suffix)
  local hits = index_hits(postings, suffix)
  for _, number in ipairs(hits) do
    local met = found[number]
    if not met then
      met = {number = number, a = 0, h = 0, u = 0}
      found[number] = met
      order[#order + 1] = met
    end
    met[kind] = kind == 'u' and math.max(met.u, #hits) or met[kind] + 1
  end
end

local function index_read(met, slice, now, window)
  local chunk = redis.call('HGET', INDEX .. 'r:' .. slice[1], math.floor(met.number / CHUNK))
  if not chunk then return nil end
  local at = (met.number % CHUNK) * RECORD_BYTES + 1
  if #chunk < at + RECORD_BYTES - 1 then return nil end
  local moment = number_at(chunk, at + RECORD_MOMENT, at + RECORD_MOMENT_LAST)
  if slice[2] + moment * index_unit(window) + window < now then return nil end
  met.story = chunk:sub(at + RECORD_STORY, at + RECORD_STORY_LAST)
  met.print = chunk:sub(at + RECORD_PRINT, at + RECORD_PRINT_LAST)
  return met
end

-- Every founder in the window that shares a key with `keys`, first owners first.
local function index_find(keys, slices, now, window)
  local result, buckets = {}, {}
  if #keys == 0 then return result end
  for at = 1, #keys, KEY_BYTES do
    buckets[#buckets + 1] = keys:sub(at + KEY_BUCKET, at + KEY_BUCKET_LAST)
  end
  for _, slice in ipairs(slices) do
    local found, order = {}, {}
    local held = redis.call('HMGET', INDEX .. 'p:' .. slice[1], unpack(buckets))
    for i, postings in ipairs(held) do
      if postings then
        local at = (i - 1) * KEY_BYTES + 1
        local suffix = keys:sub(at + KEY_SUFFIX, at + KEY_SUFFIX_LAST)
        index_gather(found, order, postings, keys:sub(at, at), suffix)
      end
    end
    table.sort(order, function(one, other) return one.number < other.number end)
    for _, met in ipairs(order) do
      if index_read(met, slice, now, window) then result[#result + 1] = met end
    end
  end
  return result
end

-- The slice that takes new records; opens one if the last is full or old.
local function index_open_slice(now, window)
  local last = redis.call('LINDEX', INDEX .. 'slices', -1)
  local number, opened = 0, 0
  if last then
    number, opened = last:match('(%d+):(%d+)')
    number, opened = tonumber(number), tonumber(opened)
    local count = tonumber(redis.call('HGET', INDEX .. 'r:' .. number, 'n') or 0)
    local open = now - opened < window / SLICES_IN_WINDOW and count < SLICE_FULL
    if open then return number, opened, count end
  end
  number = number + 1
  redis.call('RPUSH', INDEX .. 'slices', string.format('%d:%d', number, now))
  return number, now, 0
end

-- Where the index stands: elsewhere as soon as anything is filed.
local function index_mark()
  local last = redis.call('LINDEX', INDEX .. 'slices', -1)
  if not last then return '' end
  return last .. ':' .. (redis.call('HGET', INDEX .. 'r:' .. last:match('%d+'), 'n') or 0)
end

-- What is filed under which key: the first keys of each kind, each with the number of its record.
local function index_postings(filings, number)
  local postings = {}
  for i, filing in ipairs(filings) do
    local keys, filed = filing.keys, {a = 0, h = 0, u = 0}
    local record = as_bytes(number + i - 1, POSTING_RECORD_LAST - POSTING_RECORD + 1)
    for at = 1, #keys, KEY_BYTES do
      local kind = keys:sub(at, at)
      filed[kind] = filed[kind] + 1
      if filed[kind] <= FILED[kind] then
        postings[#postings + 1] = {
          bucket = keys:sub(at + KEY_BUCKET, at + KEY_BUCKET_LAST),
          suffix = keys:sub(at + KEY_SUFFIX, at + KEY_SUFFIX_LAST),
          record = record,
          kind = kind,
        }
      end
    end
  end
  return postings
end

local function index_post(slice, postings)
  local name, buckets, held, changed = INDEX .. 'p:' .. slice, {}, {}, {}
  for _, each in ipairs(postings) do
    if not held[each.bucket] then
      held[each.bucket] = ''
      buckets[#buckets + 1] = each.bucket
    end
  end
  if #buckets == 0 then return end
  for i, bytes in ipairs(redis.call('HMGET', name, unpack(buckets))) do
    held[buckets[i]] = bytes or ''
  end
  for _, each in ipairs(postings) do
    local bytes = held[each.bucket]
    if #index_hits(bytes, each.suffix) < MOST_UNDER[each.kind] then
      held[each.bucket] = bytes .. each.suffix .. each.record
      changed[#changed + 1] = each.bucket
      changed[#changed + 1] = held[each.bucket] -- of those for one bucket the last one counts
    end
  end
  if #changed > 0 then redis.call('HSET', name, unpack(changed)) end
end

local function index_append(slice, number, filings, stamp)
  local name, chunk, written = INDEX .. 'r:' .. slice, math.floor(number / CHUNK), {}
  local records = number % CHUNK > 0 and redis.call('HGET', name, chunk) or ''
  for i, filing in ipairs(filings) do
    records = records .. filing.story .. stamp .. filing.print
    if (number + i) % CHUNK == 0 or i == #filings then
      written[#written + 1] = chunk
      written[#written + 1] = records
      chunk, records = chunk + 1, ''
    end
  end
  redis.call('HSET', name, 'n', number + #filings, unpack(written))
end

-- filings: [{keys, story, print}], FILED_AT_ONCE at the most.
local function index_file(filings, now, window)
  local slice, opened, number = index_open_slice(now, window)
  local moment = math.min(math.ceil((now - opened) / index_unit(window)), 65535)
  local stamp = as_bytes(moment, RECORD_MOMENT_LAST - RECORD_MOMENT + 1)
  index_append(slice, number, filings, stamp)
  index_post(slice, index_postings(filings, number))
  local life = math.floor(window * 2)
  redis.call('PEXPIRE', INDEX .. 'p:' .. slice, life)
  redis.call('PEXPIRE', INDEX .. 'r:' .. slice, life)
end

-- claims: as `ClaimPlan` of store/index.py. Returns the ids of entries for which a founder appeared
-- that had not been weighed; none can have where the index still stands at `mark`.
local function index_unseen(claims, mark)
  local unseen = {}
  if #claims == 0 or mark == index_mark() then return unseen end
  local window = index_window()
  local slices = index_slices(now, window)
  for _, claim in ipairs(claims) do
    if claim.weighed then
      local known = {}
      for _, story in ipairs(claim.weighed) do known[story] = true end
      for _, met in ipairs(index_find(claim.keys, slices, now, window)) do
        if not known[met.story] then
          unseen[#unseen + 1] = claim.id
          break
        end
      end
    end
  end
  return unseen
end

-- A founder's later text (`again`) is filed beside its first one if it is far enough from it to
-- need keys of its own.
local function index_is_filed(claim, slices, now, window)
  if not claim.again then return false end
  for _, met in ipairs(index_find(claim.keys, slices, now, window)) do
    if met.story == claim.story and met.a >= 3 then return true end
  end
  return false
end

-- Files the founders among `claims`.
local function index_claim(claims)
  local window, filings = index_window(), {}
  local slices = index_slices(now, window)
  for _, claim in ipairs(claims) do
    if claim.print and not index_is_filed(claim, slices, now, window) then
      filings[#filings + 1] = claim
    end
    if #filings == FILED_AT_ONCE then
      index_file(filings, now, window)
      filings = {}
    end
  end
  if #filings > 0 then index_file(filings, now, window) end
end

local function index_set_window(window)
  if redis.call('GET', INDEX .. 'window') ~= window then
    redis.call('SET', INDEX .. 'window', window)
  end
end

-- What is returned of the founders that share a key with `keys`.
local function index_answer(keys, slices, now, window)
  local flat = {}
  for _, met in ipairs(index_find(keys, slices, now, window)) do
    flat[#flat + 1] = met.story
    flat[#flat + 1] = met.print
    flat[#flat + 1] = string.char(math.min(met.a, 255), math.min(met.h, 255), math.min(met.u, 255))
  end
  return flat
end
