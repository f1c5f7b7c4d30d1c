-- expire(job, seg, lease as seen, failure, at) -> RETRY | FINAL | MOVED
-- The reaper takes over the segment of a silent worker, but only if the lease still has the value that it read.
local job, seg, seen, failure, at = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5]
if redis.call('HGET', LEASES, lease_field(job, seg)) ~= seen then return 'MOVED' end
if not open_deployment() then return 'MOVED' end
local key = job_key(job)
local status = redis.call('HGET', key, 'status')
local left = open_nodes(job, seg)
if not status or FINAL[status] or #left == 0 then
  free_lease(job, seg)
  return 'MOVED'
end
local running = left[1]
for _, node in ipairs(left) do
  if redis.call('HGET', key, 'st:' .. node) == 'running' then running = node; break end
end
-- If the counter of a lease never changed, there was hardly any work, and the attempt does not count. But a segment that
-- repeatedly kills its workers before their first heartbeat must end too.
if string.match(seen, '^[^ ]+ 0 ') and redis.call('HINCRBY', key, 'rf:' .. seg, 1) <= 3 then
  redis.call('HINCRBY', key, 'at:' .. seg, -1)
end
local counts = redis.call('HMGET', key, 'at:' .. seg, 'mx:' .. running)
unmark_running(job, seg)
free_lease(job, seg)
if tonumber(counts[1]) < tonumber(counts[2]) then
  emit(job, 'node.retrying', running, failure, at)
  enqueue_first(job, seg)
  return 'RETRY'
end
redis.call('HSET', key, 'rs:' .. running, failure, 'at:' .. seg, 0)
finish_node(job, running, 'failed', failure, at)
pass_on(job, running)
if #open_nodes(job, seg) > 0 then enqueue_first(job, seg) end
return 'FINAL'
