-- Before every script that speaks of tasks. KEYS: the epoch, the news. ARGV[5]: what the keys of this epoch begin with; those
-- of a family of tasks are found through one another, and share a slot with the rest.
local NEWS = 10000
local ENDED = 86400
local base = ARGV[5]
local function task(id) return base .. 't:' .. id end
local function labels(root) return base .. 'l:' .. root end
local function children(id) return base .. 'k:' .. id end

-- How long what is said of a task stays: a day longer than the task may live, and never for ever.
local function stay(deadline)
  local now = tonumber(redis.call('TIME')[1])
  return math.max(math.min((tonumber(deadline) or now) - now, 2592000), 0) + ENDED
end

local function tell(word)
  local number = redis.call('HINCRBY', KEYS[1], 'news', 1)
  redis.call('ZADD', KEYS[2], number, number .. ':' .. word)
  redis.call('ZREMRANGEBYRANK', KEYS[2], 0, -NEWS - 1)
  redis.call('EXPIRE', KEYS[2], ENDED)
end

-- Low 7 bits: the greater. High bit: either.
local function join(a, b)
  return math.max(a % 128, b % 128) + ((a >= 128 or b >= 128) and 128 or 0)
end

local function mark(root, more, life)
  local before = tonumber(redis.call('GET', labels(root))) or 0
  local after = join(before, more)
  if after > 0 then
    local left = redis.call('TTL', labels(root))
    redis.call('SET', labels(root), after, 'EX', math.max(left, life))
  end
  return after
end

-- Ends a task and those under it. What has ended stays as it ended.
local function finish(id, word)
  local open = { id }
  while #open > 0 do
    local one = table.remove(open)
    if not redis.call('HGET', task(one), 'end') then
      local parent = redis.call('HGET', task(one), 'parent')
      if parent and parent ~= '' then redis.call('SREM', children(parent), one) end
      for _, child in ipairs(redis.call('SMEMBERS', children(one))) do table.insert(open, child) end
      redis.call('DEL', children(one))
      redis.call('HSET', task(one), 'end', word)
      redis.call('EXPIRE', task(one), ENDED)
      tell('E' .. one .. word)
    end
  end
end

local function tale(id)
  local f = redis.call('HMGET', task(id), 'root', 'parent', 'record', 'used', 'deadline', 'idle', 'end')
  if not f[3] then
    return f[7] and { id, id, '', '', '0', '0', '0', '0', f[7] } or false
  end
  return { id, f[1], f[2], f[3], redis.call('GET', labels(f[1])) or '0', f[4], f[5], f[6], f[7] }
end
