-- Which state this store holds: the one the caller knows, a newer one made by others, or, where it has forgotten, a new one.
-- KEYS[1]: the epoch. ARGV: the text the caller knows (or nothing), its number, the writes it knows of, who asks, a word of
-- its own. An epoch's text is NUMBER:BIRTH:WORD; the birth is `-` where nothing was lost before it.
local time = redis.call('TIME')
local now = string.format('%.0f', time[1] * 1e6 + time[2] - 1.7e15)
local known, number = ARGV[1], tonumber(ARGV[2])
local there = redis.call('HMGET', KEYS[1], 'id', 'writes:' .. ARGV[4])
local id, writes = there[1], tonumber(there[2]) or -1
local newer = id and tonumber(string.match(id, '^%d+')) > number
local same = id and id == known and writes >= tonumber(ARGV[3])
if not newer and not same then
  id = (number + 1) .. ':' .. (known == '' and '-' or now) .. ':' .. ARGV[5]
  redis.call('DEL', KEYS[1])
  redis.call('HSET', KEYS[1], 'id', id)
  writes = 0
end
redis.call('EXPIRE', KEYS[1], 3024000)
return { math.max(writes, 0), id }
