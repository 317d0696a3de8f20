-- File founders whose candidates were all weighed, or refuse. Follows index.lua.
-- ARGV: claims.
-- Returns the ids of claims that have unweighed candidates; nothing was written if there are any.
local claims = cmsgpack.unpack(ARGV[1])
local unseen = index_unseen(claims)
if #unseen == 0 then index_claim(claims) end
return unseen
