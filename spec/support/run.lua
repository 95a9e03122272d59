-- Runs busted in the interpreter that runs this file; its arguments are
-- busted's. So `build/neap spec/support/run.lua spec/sync` never ends up in
-- whatever Lua the `busted` command of the system belongs to.
require("busted.runner")({ standalone = false })
