-- What was spent and nobody knew before. KEYS: the epoch, the budgets. ARGV: from the fifth on amount and life of each.
local writes = writing()
for i = 2, #KEYS do
  redis.call('INCRBY', KEYS[i], ARGV[2 * i + 1])
  redis.call('PEXPIRE', KEYS[i], ARGV[2 * i + 2])
end
return { writes }
