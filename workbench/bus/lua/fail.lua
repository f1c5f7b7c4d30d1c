-- fail(job, seg, fence, node, failure, retry "1" or "0", at, start data, delay ms, why it waits) -> RETRY | FINAL | YIELD | FENCED | CANCELLED | WAIT
-- An attempt of a node failed. RETRY: the lease is free, and the segment is enqueued again or parked for the delay, which the
-- reaper's clock measures. FINAL: the node failed permanently; the executor may continue with the other nodes of the
-- segment, unless YIELD says that the segment was returned.
local job, seg, fence, node, failure, retry, at, data, delay_ms, why =
  ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5], ARGV[6], ARGV[7], ARGV[8], ARGV[9], ARGV[10]
local key = job_key(job)
local state = redis.call('HMGET', key, 'status', 'st:' .. node, 'at:' .. seg, 'mx:' .. node, 'by:' .. node)
if state[5] == fence and state[2] == 'failed' then return 'FINAL' end
if state[1] == 'cancelled' then return 'CANCELLED' end
if not holds(job, seg, fence) then return fenced(fence) end
if state[2] == 'failed' then return 'FINAL' end -- reported before its worker adopted the lease
if FINAL[state[2] or 'failed'] then return 'FENCED' end
if not open_deployment() then return 'WAIT' end

if retry == '1' and tonumber(state[3]) < tonumber(state[4]) then
  emit(job, 'node.retrying', node, failure, at)
  unmark_running(job, seg)
  free_lease(job, seg)
  if delay_ms == '0' then
    enqueue_first(job, seg)
  else
    redis.call('HSET', key, 'st:' .. node, 'waiting')
    redis.call('HSET', DELAYED, lease_field(job, seg), delay_ms)
    emit(job, 'node.waiting', node, why, at)
  end
  return 'RETRY'
end
redis.call('HSET', key, 'rs:' .. node, failure, 'by:' .. node, fence)
finish_node(job, node, 'failed', failure, at)
pass_on(job, node)
return go_on(job, seg, data, at) and 'YIELD' or 'FINAL'
