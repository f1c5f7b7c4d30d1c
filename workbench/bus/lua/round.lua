-- round() -> {'OK', round} | {'WAIT'}: which round of removing bytes is the newest. WAIT while one is open.
if removing() then return { 'WAIT' } end
return { 'OK', round() }
