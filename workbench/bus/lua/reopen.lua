-- reopen(job, at, data of the events, nodes…) -> number of nodes
-- According to SQL, the results of these nodes were lost and are being made again, but this bus lost its last steps and has
-- the old results. Only before the grace phase, like settle; segments are enqueued when the deployment opens.
local job, at, loss = ARGV[1], ARGV[2], ARGV[3]
local key = job_key(job)
if redis.call('HGET', META, 'phase') ~= 'recall' then return 0 end
if FINAL[redis.call('HGET', key, 'status') or 'failed'] then return 0 end
local count = 0
for i = 4, #ARGV do
  if redis.call('HGET', key, 'st:' .. ARGV[i]) == 'completed' then
    reopen(job, ARGV[i], loss, at)
    if unmet(job, ARGV[i]) == 0 then redis.call('HSET', key, 'st:' .. ARGV[i], 'ready') end
    count = count + 1
  end
end
return count
