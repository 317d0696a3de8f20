-- In front of every script, behind the constants of store/layout.py: the store's clock, the names
-- of keys, and numbers as bytes, the highest first.
local time = redis.call('TIME') -- seconds, microseconds
local now = time[1] * 1000 + math.floor(time[2] / 1000) -- ms

local function key(name) return PREFIX .. name end

local function number_at(text, first, last)
  local number = 0
  for i = first, last do number = number * 256 + text:byte(i) end
  return number
end

local function as_bytes(number, size)
  local bytes = {}
  for i = size, 1, -1 do
    bytes[i] = string.char(number % 256)
    number = math.floor(number / 256)
  end
  return table.concat(bytes)
end
