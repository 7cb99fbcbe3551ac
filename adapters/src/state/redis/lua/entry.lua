-- What one puts and all find. KEYS[2]: the entry. ARGV[5]: what to do; then its value and its life in milliseconds.
local deed = ARGV[5]
if deed == 'get' then
  return { 0, redis.call('GET', KEYS[2]) }
end
if deed == 'put' then
  local writes = writing()
  redis.call('SET', KEYS[2], ARGV[6], 'PX', ARGV[7])
  return { writes }
end
local value = redis.call('GET', KEYS[2])
if not value then return { 0, false } end
local writes = writing()
redis.call('DEL', KEYS[2])
return { writes, value }
