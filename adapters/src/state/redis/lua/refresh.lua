-- From ARGV[6] on: id, used, deadline of each.
local writes = writing()
for i = 6, #ARGV, 3 do
  local id = ARGV[i]
  local f = redis.call('HMGET', task(id), 'used', 'deadline', 'root', 'end', 'name')
  if f[3] and not f[4] then
    local deadline = string.format('%.0f', math.max(tonumber(f[2]), tonumber(ARGV[i + 2])))
    redis.call('HSET', task(id), 'deadline', deadline,
      'used', string.format('%.0f', math.max(tonumber(f[1]), tonumber(ARGV[i + 1]))))
    local life = stay(deadline)
    redis.call('EXPIRE', task(id), life)
    for _, key in ipairs({ labels(f[3]), children(id), f[5] or nil }) do
      local left = redis.call('TTL', key)
      if left >= 0 and left < life then redis.call('EXPIRE', key, life) end
    end
  end
end
return { writes }
