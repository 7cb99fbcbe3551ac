-- So much was spent, as others were told before this store forgot. KEYS: the epoch, the budgets. ARGV: from the fifth on how
-- much, and for how many milliseconds more it is remembered.
local writes = writing()
for i = 2, #KEYS do
  local spent = ARGV[2 * i + 1]
  if (tonumber(redis.call('GET', KEYS[i])) or 0) < tonumber(spent) then
    redis.call('SET', KEYS[i], spent, 'PX', ARGV[2 * i + 2])
  end
end
return { writes }
