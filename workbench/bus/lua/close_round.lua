-- close_round() -> OK
redis.call('DEL', ROUND .. ':open')
return 'OK'
