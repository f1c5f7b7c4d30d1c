-- part(job, seg, fence, node, index, part, round) -> OK | FENCED | WAIT | ROUND
local job, seg, fence, node, index, part = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5], ARGV[6]
local seen = ARGV[7]
if not holds(job, seg, fence) then return fenced(fence) end
if other_round(seen) then return 'ROUND' end
redis.call('HSET', job_key(job), 'pt:' .. node .. ':' .. index, part, 'pn:' .. node, tonumber(index) + 1)
return 'OK'
