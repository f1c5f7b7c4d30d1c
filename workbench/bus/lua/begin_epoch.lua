-- begin_epoch(epoch, run id, highest fence n known) -> OK | OLD
-- The control plane, and nobody else, takes over a bus it does not know (new, restarted or wiped): first SQL's
-- word is put on it (recall: only accept, settle and forget work), then live workers present what they hold (grace: adopt).
local its_epoch, run_id, n = ARGV[1], ARGV[2], tonumber(ARGV[3])
if tonumber(epoch()) >= tonumber(its_epoch) then return 'OLD' end
redis.call('HSET', META, 'epoch', its_epoch, 'run_id', run_id, 'phase', 'recall')
if tonumber(redis.call('GET', B .. ':fence') or '0') < n then redis.call('SET', B .. ':fence', string.format('%.0f', n)) end
return 'OK'
