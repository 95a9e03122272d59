std = "lua54"
-- `_` and names that begin with it are unused on purpose; so is `self`
self = false
-- a loop that only looks at the first turn of an iterator is fine in a spec
files["spec"] = { std = "+busted", ignore = { "512" } }
exclude_files = { "build" }
