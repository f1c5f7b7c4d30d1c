-- renew(job, seg, fence, n x (node, progress)) -> OK | FENCED | CANCELLED | WAIT
-- Increments the heartbeat and stores the latest progress of the running nodes.
local job, seg, fence = ARGV[1], ARGV[2], ARGV[3]
if redis.call('HGET', job_key(job), 'status') == 'cancelled' then return 'CANCELLED' end
if not holds(job, seg, fence) then return fenced(fence) end
local lease = redis.call('HGET', LEASES, lease_field(job, seg))
local beats, worker = string.match(lease, '^[^ ]+ (%d+) (.*)$')
redis.call('HSET', LEASES, lease_field(job, seg), fence .. ' ' .. string.format('%.0f', tonumber(beats) + 1) .. ' ' .. worker)
if #ARGV > 3 then
  for i = 4, #ARGV, 2 do redis.call('HSET', progress_key(job), ARGV[i], ARGV[i + 1]) end
  redis.call('PUBLISH', B .. ':progressed', job)
end
return 'OK'
