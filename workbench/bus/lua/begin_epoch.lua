-- begin_epoch(epoch, run id, highest fence n known) -> OK | OLD
-- Only the control plane takes over an unknown bus (new, restarted or wiped). First the state in SQL is restored (recall:
-- only accept, settle and forget work), then live workers present their leases (grace: adopt).
local its_epoch, run_id, n = ARGV[1], ARGV[2], tonumber(ARGV[3])
if tonumber(epoch()) >= tonumber(its_epoch) then return 'OLD' end
redis.call('HSET', META, 'epoch', its_epoch, 'run_id', run_id, 'phase', 'recall')
if tonumber(redis.call('GET', B .. ':fence') or '0') < n then redis.call('SET', B .. ':fence', string.format('%.0f', n)) end
return 'OK'
