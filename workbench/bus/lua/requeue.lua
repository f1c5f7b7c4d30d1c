-- requeue(job, segments…) -> number enqueued
-- Enqueues the job's segments that can run, have no lease and are in no queue: a truncated AOF may have lost their entries.
-- The caller has searched the queues; take drops a surplus entry.
local job = ARGV[1]
local key = job_key(job)
local status = redis.call('HGET', key, 'status')
if not status or FINAL[status] then return 0 end
local count = 0
for i = 2, #ARGV do
  local seg = ARGV[i]
  local free = tonumber(redis.call('HGET', key, 'ext:' .. seg) or '1') == 0
  local parked = redis.call('HEXISTS', DELAYED, lease_field(job, seg)) == 1 or undecided(job, seg)
  if free and not parked and redis.call('HEXISTS', LEASES, lease_field(job, seg)) == 0 and #open_nodes(job, seg) > 0 then
    enqueue(job, seg, redis.call('HGET', key, 'lane'))
    count = count + 1
  end
end
return count
