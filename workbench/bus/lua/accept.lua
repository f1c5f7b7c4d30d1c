-- accept(job, epoch, lane, at, ready segments "0 3", pools, n, n x (field, value), m, m x (type, node, data))
-- Puts a planned job on the bus once. Also works in the grace phase after a loss of memory.
local job, its_epoch, lane, at, ready = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5]
local key = job_key(job)
if epoch() ~= its_epoch then return 'WAIT' end
-- Events without a job: it has ended and was forgotten a moment ago, while this client was slow.
if redis.call('EXISTS', key, events_key(job)) > 0 then return 'EXISTS' end
for _, pool in ipairs(words(ARGV[6])) do redis.call('SADD', B .. ':pools', pool) end
local n = tonumber(ARGV[7])
local position = 8
redis.call('HSET', key, 'lane', lane, 'status', 'accepted')
local batch = {}
for i = position, position + 2 * n - 1 do
  batch[#batch + 1] = ARGV[i]
  if #batch == 1000 then redis.call('HSET', key, unpack(batch)); batch = {} end
end
if #batch > 0 then redis.call('HSET', key, unpack(batch)) end
position = position + 2 * n
local m = tonumber(ARGV[position])
for i = position + 1, position + 3 * m, 3 do emit(job, ARGV[i], ARGV[i + 1], ARGV[i + 2], at) end
for _, seg in ipairs(words(ready)) do enqueue(job, seg, lane) end
finish_job(job, at)
return 'OK'
