-- take(worker, last n the worker knows, pool, start data, lanes…) -> {'EMPTY'} | {'WAIT'} |
--   {'WORK', job, seg, fence, attempt, spec, {node, status, result or '', …}, {part, …} per open node}
-- Pops the oldest entry by lane; stale entries (finished, cancelled, leased) fall out here.
local worker, last_known, pool, data = ARGV[1], tonumber(ARGV[2]), ARGV[3], ARGV[4]
-- The bus's own clock, for display only: the worker sent this before it blocked, perhaps a second ago.
local clock = redis.call('TIME')
local at = clock[1] .. '.' .. string.format('%06d', clock[2])
if not open_bench() then return { 'WAIT' } end

local function answer(job, seg, fence)
  local key = job_key(job)
  local head = redis.call('HMGET', key, 'at:' .. seg, 'spec:' .. seg, 'needs:' .. seg, 'nodes:' .. seg)
  local known, parts = {}, {}
  for _, node in ipairs(words((head[3] or '') .. ' ' .. head[4])) do
    local state = redis.call('HMGET', key, 'st:' .. node, 'rs:' .. node)
    known[#known + 1] = node
    known[#known + 1] = state[1]
    known[#known + 1] = state[2] or ''
  end
  for _, node in ipairs(open_nodes(job, seg)) do
    for i = 0, tonumber(redis.call('HGET', key, 'pn:' .. node) or '0') - 1 do
      parts[#parts + 1] = node
      parts[#parts + 1] = redis.call('HGET', key, 'pt:' .. node .. ':' .. i)
    end
  end
  return { 'WORK', job, seg, fence, head[1], head[2], known, parts }
end

-- An answer that never reached the worker is given again.
local granted = redis.call('HGET', B .. ':granted', worker)
if granted then
  local fence, n, job, seg = string.match(granted, '^(%d+:(%d+)) ([^ ]+) ([^ ]+)$')
  if n and tonumber(n) > last_known and holds(job, seg, fence) then return answer(job, seg, fence) end
end

for i = 5, #ARGV do
  local queue = queue_key(pool, ARGV[i])
  while true do
    local entry = redis.call('XRANGE', queue, '-', '+', 'COUNT', 1)[1]
    if not entry then break end
    redis.call('XDEL', queue, entry[1])
    local job, seg = entry[2][2], entry[2][4]
    local key = job_key(job)
    local status = redis.call('HGET', key, 'status')
    local leased = redis.call('HEXISTS', LEASES, lease_field(job, seg)) == 1
    if status and not FINAL[status] and not leased and #open_nodes(job, seg) > 0 then
      local fence = epoch() .. ':' .. string.format('%.0f', redis.call('INCR', B .. ':fence'))
      redis.call('HSET', LEASES, lease_field(job, seg), fence .. ' 0 ' .. worker)
      redis.call('HSET', B .. ':granted', worker, fence .. ' ' .. job .. ' ' .. seg)
      redis.call('HINCRBY', key, 'at:' .. seg, 1)
      if status == 'accepted' then redis.call('HSET', key, 'status', 'running') end
      mark_running(job, seg, data, at)
      return answer(job, seg, fence)
    end
  end
end
return { 'EMPTY' }
