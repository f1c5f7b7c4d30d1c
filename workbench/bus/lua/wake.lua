-- wake(job, seg) -> OK | MOVED: the delay of a parked segment is over by the reaper's clock.
local job, seg = ARGV[1], ARGV[2]
if not open_deployment() then return 'MOVED' end
if redis.call('HDEL', DELAYED, lease_field(job, seg)) == 0 then return 'MOVED' end
local status = redis.call('HGET', job_key(job), 'status')
local leased = redis.call('HEXISTS', LEASES, lease_field(job, seg)) == 1
if not status or FINAL[status] or leased or #open_nodes(job, seg) == 0 then return 'MOVED' end
wake(job, seg)
return 'OK'
