-- KEYS: the epoch, the news, the living, the withdrawn. ARGV[6]: the newest news the caller has; ARGV[7]: whether it says what
-- its configuration has withdrawn, ARGV[8]: that.
local now = clock()
local text = string.format('%.0f', now)
local writes = writing()
redis.call('EXPIRE', KEYS[1], 3024000)
redis.call('ZADD', KEYS[3], text, who .. '.' .. ARGV[3])
redis.call('EXPIRE', KEYS[3], 604800)
-- Where the clock went back, nobody lives ahead of it.
for _, member in ipairs(redis.call('ZRANGEBYSCORE', KEYS[3], '(' .. text, '+inf')) do
  redis.call('ZADD', KEYS[3], text, member)
end
if ARGV[7] == '1' then redis.call('HSET', KEYS[4], who, ARGV[8]) end
redis.call('EXPIRE', KEYS[4], 604800)
for _, member in ipairs(redis.call('ZRANGEBYSCORE', KEYS[3], '-inf', string.format('(%.0f', now - 6048e8), 'LIMIT', 0, 100)) do
  local gone = string.match(member, '^[^.]*')
  redis.call('ZREM', KEYS[3], member)
  redis.call('HDEL', KEYS[1], 'link:' .. gone, 'writes:' .. gone)
  redis.call('HDEL', KEYS[4], gone)
end
local living = redis.call('ZRANGEBYSCORE', KEYS[3], string.format('%.0f', now - LIVING), '+inf')
local withdrawn = {}
for _, member in ipairs(living) do
  local said = redis.call('HGET', KEYS[4], (string.match(member, '^[^.]*')))
  if said and said ~= '' then table.insert(withdrawn, said) end
end
-- What was cut off the far end before the caller had seen it is missed.
local since = tonumber(ARGV[6])
local newest = tonumber(redis.call('HGET', KEYS[1], 'news')) or 0
local news = redis.call('ZRANGEBYSCORE', KEYS[2], '(' .. ARGV[6], '+inf', 'WITHSCORES', 'LIMIT', 0, 1000)
local first = tonumber(news[2])
local missed = since > 0 and newest > since and (not first or first > since + 1)
if #news == 0 then since = newest else since = tonumber(news[#news]) end
return { writes, #living, withdrawn, since, missed and 1 or 0, news }
