-- part(job, seg, fence, node, index, part, round, at, data of the event of the first part) -> OK | FENCED | WAIT | ROUND
-- Keeps a finished part of a node. The nodes that take its output in parts start with the first one.
local job, seg, fence, node, index, part = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5], ARGV[6]
local seen, at, data = ARGV[7], ARGV[8], ARGV[9]
local key = job_key(job)
if not holds(job, seg, fence) then return fenced(fence) end
if other_round(seen) then return 'ROUND' end
local before = tonumber(redis.call('HGET', key, 'pn:' .. node) or '0')
redis.call('HSET', key, 'pt:' .. node .. ':' .. index, part, 'pn:' .. node, tonumber(index) + 1)
if before == 0 then first_part(job, node, data, at) else next_part(job, node) end
return 'OK'
