-- open_round(milliseconds) -> {'OK', round} | {'WAIT'}
-- From now on no commit and no part names an artifact that was put into the store before, until the round is closed or the
-- time is over: its worker looks again whether the bytes are there. WAIT where the deployment recovers from a loss of memory.
if not open_deployment() then return { 'WAIT' } end
redis.call('INCR', ROUND)
redis.call('SET', ROUND .. ':open', '1', 'PX', ARGV[1])
return { 'OK', round() }
