-- release(job, seg, fence) -> OK | FENCED
-- Returns an unfinished segment (a worker drains): the attempt is refunded, and the rest goes to the front of the queue.
local job, seg, fence = ARGV[1], ARGV[2], ARGV[3]
if not holds(job, seg, fence) then return 'FENCED' end
local key = job_key(job)
redis.call('HINCRBY', key, 'at:' .. seg, -1)
unmark_running(job, seg)
free_lease(job, seg)
if #open_nodes(job, seg) > 0 then enqueue_first(job, seg) end
return 'OK'
