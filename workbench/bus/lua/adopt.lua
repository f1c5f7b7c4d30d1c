-- adopt(job, seg, old fence, worker, at, start data, m, m x (node, content key), p, p x (node, number, part),
--   k x (node, final status, result or failure)) ->
--   {'OK', fence} | {'FENCED'} | {'WAIT'} | {'CANCELLED'}
-- After a loss of memory, a live worker presents its lease with the results of nodes from its take, and the finished parts of
-- its open nodes. For each segment the highest n wins and continues its claimed computations. Only in the grace phase; after it the worker has lost its lease.
local job, seg, old, worker, at, data = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5], ARGV[6]
local key = job_key(job)
local status = redis.call('HGET', key, 'status')
local phase = redis.call('HGET', META, 'phase')
if status == 'cancelled' then return { 'CANCELLED' } end
if holds(job, seg, old) and string.match(old, '^(%d+):') == epoch() then return { 'OK', old } end
if phase ~= 'grace' then return { phase == 'open' and 'FENCED' or 'WAIT' } end
if not status then return { 'WAIT' } end
local old_n = tonumber(string.match(old, ':(%d+)$'))
local fence = epoch() .. ':' .. string.format('%.0f', old_n)
local present = redis.call('HGET', LEASES, lease_field(job, seg))
if present and string.match(present, '^(%d+):') == epoch() then
  if tonumber(string.match(present, '^%d+:(%d+)')) > old_n then return { 'FENCED' } end
end
if FINAL[status] then return { 'FENCED' } end
local claims = tonumber(ARGV[7])
local first = 9 + 2 * claims
local parts = tonumber(ARGV[first - 1])
for i = first + 3 * parts, #ARGV, 3 do
  local node, final, body = ARGV[i], ARGV[i + 1], ARGV[i + 2]
  if not FINAL[redis.call('HGET', key, 'st:' .. node) or 'failed'] then
    redis.call('HSET', key, 'rs:' .. node, body)
    finish_node(job, node, final, body, at)
    local flight = redis.call('HGET', key, 'fl:' .. node)
    if flight and final == 'completed' then
      remember(flight, body)
      land(job, node, flight)
    else
      pass_on(job, node)
    end
  end
end
local left = open_nodes(job, seg)
if #left == 0 then return { 'FENCED' } end
if tonumber(redis.call('HGET', key, 'ext:' .. seg)) > 0 then
  -- The worker of a node whose output it takes in parts may present that lease later.
  for _, node in ipairs(left) do
    if redis.call('HEXISTS', key, 'si:' .. node) == 1 then return { 'WAIT' } end
  end
  return { 'FENCED' }
end
redis.call('HSET', LEASES, lease_field(job, seg), fence .. ' 0 ' .. worker)
if tonumber(redis.call('GET', B .. ':fence') or '0') < old_n then redis.call('SET', B .. ':fence', string.format('%.0f', old_n)) end
for i = 8, 7 + 2 * claims, 2 do
  local node, content_key = ARGV[i], ARGV[i + 1]
  if not FINAL[redis.call('HGET', key, 'st:' .. node) or 'failed'] and redis.call('HEXISTS', FLIGHTS, content_key) == 0 then
    redis.call('HSET', FLIGHTS, content_key, flight_name(job, seg, node))
    redis.call('HSET', key, 'fl:' .. node, content_key)
  end
end
local fresh = {}
for i = first, first + 3 * parts - 1, 3 do
  local node, number = ARGV[i], tonumber(ARGV[i + 1])
  local known = tonumber(redis.call('HGET', key, 'pn:' .. node) or '0')
  if known == 0 then fresh[node] = true end
  if number >= known and not FINAL[redis.call('HGET', key, 'st:' .. node) or 'failed'] then
    redis.call('HSET', key, 'pt:' .. node .. ':' .. ARGV[i + 1], ARGV[i + 2], 'pn:' .. node, number + 1)
  end
end
for node in pairs(fresh) do
  if not FINAL[redis.call('HGET', key, 'st:' .. node) or 'failed'] then first_part(job, node, '{}', at) end
end
if status == 'accepted' then redis.call('HSET', key, 'status', 'running') end
if tonumber(redis.call('HGET', key, 'at:' .. seg) or '0') == 0 then redis.call('HSET', key, 'at:' .. seg, 1) end
mark_running(job, seg, data, at)
return { 'OK', fence }
