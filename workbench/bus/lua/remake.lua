-- remake(job, seg, fence, node, at, why it waits, data of the makers' events, makers…) ->
--   RETRY | FINAL | FENCED | CANCELLED | WAIT
-- A node needs bytes that are lost and that these nodes of its job made. They are opened again, the reverse of finish_node,
-- and the node waits for them without a lease; its attempt is refunded. A maker that lost one of its finished parts (the node
-- itself, or one whose output it takes in parts) starts again. FINAL: this has not helped three times, or a maker has ended without a result.
local job, seg, fence, node, at, why, loss = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5], ARGV[6], ARGV[7]
local key = job_key(job)
local state = redis.call('HMGET', key, 'status', 'st:' .. node, 'rm:' .. node)
if state[1] == 'cancelled' then return 'CANCELLED' end
if not holds(job, seg, fence) then return fenced(fence) end
if FINAL[state[2] or 'failed'] then return 'FENCED' end
if not open_deployment() then return 'WAIT' end

local makers, withdrawn, busy, own_parts = {}, {}, false, false
for i = 8, #ARGV do
  local maker = ARGV[i]
  local its = redis.call('HMGET', key, 'st:' .. maker, 'sg:' .. maker)
  if maker == node then
    own_parts = true
  elseif its[1] == 'completed' then
    makers[#makers + 1] = { maker, its[2] }
    -- An executor that runs other branches of that segment would not know of the node, so wait until its lease ends.
    busy = busy or (its[2] ~= seg and redis.call('HEXISTS', LEASES, lease_field(job, its[2])) == 1)
  elseif not its[1] or FINAL[its[1]] then
    return 'FINAL'
  elseif #consumers(job, maker) > 0 then
    withdrawn[#withdrawn + 1] = maker -- one of the parts that it has made until now
  end
end
if not busy and tonumber(state[3] or '0') >= 3 then return 'FINAL' end

redis.call('HINCRBY', key, 'at:' .. seg, -1)
unmark_running(job, seg)
free_lease(job, seg)
pass_on(job, node) -- nodes that wait for its result need not wait for its input too
emit(job, 'node.waiting', node, why, at)
if busy then
  redis.call('HSET', key, 'st:' .. node, 'waiting')
  redis.call('HSET', DELAYED, lease_field(job, seg), 1000)
  return 'RETRY'
end
redis.call('HINCRBY', key, 'rm:' .. node, 1)
if own_parts then discard_work(job, node) end
for _, maker in ipairs(withdrawn) do discard_work(job, maker) end
for _, maker in ipairs(makers) do
  -- A node may use an output of a more distant ancestor without an edge from it; now it gets one.
  local kids = redis.call('HGET', key, 'ki:' .. maker[1]) or ''
  if not string.find(';' .. kids, ';' .. node .. ' ', 1, true) then
    redis.call('HSET', key, 'ki:' .. maker[1], (kids == '' and '' or kids .. ';') .. node .. ' normal')
    redis.call('HINCRBY', key, 'fi:' .. node, 1)
  end
  reopen(job, maker[1], loss, at)
end
local touched, seen = { seg }, { [seg] = true }
for _, maker in ipairs(makers) do
  if not seen[maker[2]] then
    touched[#touched + 1], seen[maker[2]] = maker[2], true
    redis.call('HSET', key, 'at:' .. maker[2], 0)
  end
end
for _, its_seg in ipairs(touched) do
  for _, id in ipairs(open_nodes(job, its_seg)) do
    local free = unmet(job, id) == 0
    local before = redis.call('HGET', key, 'st:' .. id)
    if free and before == 'pending' then redis.call('HSET', key, 'st:' .. id, 'ready') end
    if not free and before == 'ready' then redis.call('HSET', key, 'st:' .. id, 'pending') end
  end
  if tonumber(redis.call('HGET', key, 'ext:' .. its_seg)) == 0 then enqueue_first(job, its_seg) end
end
return 'RETRY'
