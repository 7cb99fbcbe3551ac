-- All of these, or none. KEYS: the epoch, the living, then one for each bound. ARGV[5]: when this state was begun after a loss,
-- or `-`. Then four words for each bound: its kind and
--   r  the time of a cell and of all cells at once, in microseconds
--   s  how many slots there are
--   b  how much there is, how much is spent, how long it is remembered in milliseconds
local SETTLING = 1e6
local now = clock()
local born = tonumber(ARGV[5])
local after, told = {}, {}

-- Of all bounds that are reached the one that takes longest: who comes back when it says, is let in. A slot may be free at any
-- moment, a budget stays spent.
local place, longest, wait = nil, -1, -1
local function reached(at, patience, till)
  if patience > longest then place, longest, wait = at, patience, till end
end

-- The time at which the bucket is full again once this cell is taken, or how long until there is one.
local function cell(key, interval, span)
  -- A bucket that is not there is full. After a loss nobody knows: it was empty then.
  local full = tonumber(redis.call('GET', key)) or (born and born + span) or now
  -- It never takes longer than from empty; if it seems to, the clock went back.
  full = math.max(now, math.min(full, now + span)) + interval
  return full, full - span - now
end

-- Slots of those who live. Their counts die with them, and with the link they were counted over.
local function held(key, most)
  local fields = redis.call('HGETALL', key)
  local sum = 0
  for i = 2, #fields, 2 do sum = sum + fields[i] end
  if sum < most then return sum end
  local me, since = who .. '.' .. ARGV[3], now - LIVING
  for i = 1, #fields, 2 do
    if fields[i] ~= me and (tonumber(redis.call('ZSCORE', KEYS[2], fields[i])) or -math.huge) < since then
      sum = sum - fields[i + 1]
    end
  end
  return sum
end

for i = 3, #KEYS do
  local at = 4 * i - 6
  local kind, most = ARGV[at], tonumber(ARGV[at + 1])
  if kind == 'r' then
    local full, left = cell(KEYS[i], most, tonumber(ARGV[at + 2]))
    if left > 0 then reached(i - 3, left, left) end
    after[i] = full
  elseif kind == 's' then
    -- After a loss everybody says first what they hold.
    local settling = born and SETTLING - math.max(0, now - born) or 0
    if settling > 0 then
      reached(i - 3, settling, settling)
    elseif held(KEYS[i], most) >= most then
      reached(i - 3, 0, -1)
    end
  else
    local spent, amount = tonumber(redis.call('GET', KEYS[i])) or 0, tonumber(ARGV[at + 2])
    if spent >= most or spent + amount > most then reached(i - 3, math.huge, -1) end
    table.insert(told, spent + amount)
  end
end
if place then return { 0, place, math.ceil(wait) } end

local writes = writing()
for i = 3, #KEYS do
  local at = 4 * i - 6
  local kind = ARGV[at]
  if kind == 'r' then
    local left = string.format('%.0f', math.max(1, math.ceil((after[i] - now) / 1000)))
    redis.call('SET', KEYS[i], string.format('%.3f', after[i]), 'PX', left)
  elseif kind == 's' then
    redis.call('HINCRBY', KEYS[i], who .. '.' .. ARGV[3], 1)
    redis.call('EXPIRE', KEYS[i], 604800)
  elseif ARGV[at + 2] ~= '0' then
    redis.call('INCRBY', KEYS[i], ARGV[at + 2])
    redis.call('PEXPIRE', KEYS[i], ARGV[at + 3])
  end
end
return { writes, -1, told }
