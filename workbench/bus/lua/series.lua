-- series(job, seg, fence, node, data of the event, at) -> OK | FENCED | CANCELLED | WAIT
-- A node has reported further points of its metrics. The bus keeps them only as an event.
local job, seg, fence, node, data, at = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5], ARGV[6]
if redis.call('HGET', job_key(job), 'status') == 'cancelled' then return 'CANCELLED' end
if not holds(job, seg, fence) then return fenced(fence) end
emit(job, 'node.series', node, data, at)
return 'OK'
