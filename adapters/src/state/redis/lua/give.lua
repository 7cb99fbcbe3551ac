-- What was taken and is not needed, and slots that are held without having been asked for (`h`). KEYS: the epoch, then one for each. ARGV: from the fifth on two words for each: its kind
-- and the time of a cell, the number of slots, or the amount.
local now = clock()
local writes = writing()
local me = who .. '.' .. ARGV[3]
for i = 2, #KEYS do
  local kind, amount = ARGV[2 * i + 1], ARGV[2 * i + 2]
  if kind == 'r' then
    local full = (tonumber(redis.call('GET', KEYS[i])) or 0) - tonumber(amount)
    if full > now then
      local left = string.format('%.0f', math.ceil((full - now) / 1000))
      redis.call('SET', KEYS[i], string.format('%.3f', full), 'PX', left)
    else
      redis.call('DEL', KEYS[i])
    end
  elseif kind == 'h' then
    redis.call('HINCRBY', KEYS[i], me, amount)
    redis.call('EXPIRE', KEYS[i], 604800)
  elseif kind == 's' then
    if redis.call('HINCRBY', KEYS[i], me, '-' .. amount) <= 0 then redis.call('HDEL', KEYS[i], me) end
  elseif redis.call('EXISTS', KEYS[i]) == 1 and redis.call('DECRBY', KEYS[i], amount) <= 0 then
    redis.call('DEL', KEYS[i])
  end
end
return { writes }
