-- The caller speaks through a new link from now on, and these are all the slots it holds.
-- KEYS: the epoch, the living, the slots. ARGV: the epoch's text, who asks, its link, nothing, how many of each slot.
if redis.call('HGET', KEYS[1], 'id') ~= ARGV[1] then return false end
local who, link = ARGV[2], ARGV[3]
local time = redis.call('TIME')
local now = time[1] * 1e6 + time[2] - 1.7e15
local writes = redis.call('HINCRBY', KEYS[1], 'writes:' .. who, 1)
local before = redis.call('HGET', KEYS[1], 'link:' .. who)
if before then redis.call('ZREM', KEYS[2], who .. '.' .. before) end
redis.call('HSET', KEYS[1], 'link:' .. who, link)
redis.call('ZADD', KEYS[2], string.format('%.0f', now), who .. '.' .. link)
redis.call('EXPIRE', KEYS[2], 604800)
for i = 3, #KEYS do
  redis.call('HSET', KEYS[i], who .. '.' .. link, ARGV[i + 2])
  redis.call('EXPIRE', KEYS[i], 604800)
end
return { writes }
