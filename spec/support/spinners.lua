--- Scripts that compute for good: every way in which code can hold a loop and
--- hold on to it. Each text is the body of a function; `tick()` counts.
---
--- `yields` says that Lua can suspend the code there, so that others get turns.
return {
  { name = "while true do", yields = true, "while true do end" },
  { name = "a numeric for", yields = true, "for i = 1, math.maxinteger do end" },
  { name = "goto", yields = true, "::again:: goto again" },
  { name = "repeat until", yields = true, "repeat until false" },
  {
    name = "a generic for",
    yields = true,
    "for i in function() return 1 end do end",
  },
  {
    name = "tail calls",
    yields = true,
    "local function f() return f() end return f()",
  },
  {
    name = "recursion in pcall",
    yields = true,
    "local function f() return 1 + f() end while true do pcall(f) end",
  },
  { name = "a loop in pcall", yields = true, "pcall(function() while true do end end)" },
  {
    name = "pcall in a loop",
    yields = true,
    "while true do pcall(function() while true do end end) end",
  },
  {
    name = "pcall of error in a loop",
    yields = true,
    "while true do pcall(error, 'x') end",
  },
  {
    name = "xpcall with a handler that loops",
    yields = true,
    [[local function loop() while true do end end
      while true do xpcall(loop, loop) end]],
  },
  {
    name = "a metamethod",
    yields = true,
    [[local t = setmetatable({}, { __index = function() while true do end end })
      return t.x]],
  },
  {
    name = "a metamethod in a loop",
    yields = true,
    [[local t = setmetatable({}, { __add = function(a) return a end })
      while true do t = t + 1 end]],
  },
  {
    name = "a <close> handler",
    yields = true,
    [[local t <close> = setmetatable({}, { __close = function() while true do end end })]],
  },
  {
    name = "a generator",
    yields = true,
    [[for _ in coroutine.wrap(function() while true do end end) do end]],
  },
  {
    name = "a generator that is called in a loop",
    yields = true,
    [[local g = coroutine.wrap(function() while true do coroutine.yield() end end)
      while true do g() end]],
  },
  {
    name = "generators in generators",
    yields = true,
    [[local function nest(n)
        if n == 0 then while true do pcall(function() while true do end end) end end
        return coroutine.wrap(function() nest(n - 1) end)()
      end
      nest(5)]],
  },
  {
    name = "coroutines that the script resumes",
    yields = true,
    [[while true do
        coroutine.resume(coroutine.create(function() for i = 1, 1e6 do end end))
      end]],
  },
  {
    name = "building strings",
    yields = true,
    [[while true do local s = '' for i = 1, 1000 do s = s .. i end end]],
  },
  {
    name = "a hook that the script sets again and again",
    yields = true,
    [[while true do debug.sethook() for i = 1, 100 do end end]],
  },
  { name = "a comparator of table.sort", "table.sort({ 3, 1, 2 }, function() while true do end end)" },
  {
    name = "a comparator that holds on with pcall",
    [[table.sort({ 3, 1, 2 }, function()
        while true do pcall(function() while true do end end) end
      end)]],
  },
  {
    name = "xpcall in a comparator, with a handler that loops",
    [[local function loop() while true do end end
      table.sort({ 3, 1, 2 }, function() while true do xpcall(loop, loop) end end)]],
  },
  { name = "a callback of string.gsub", "string.gsub('x', 'x', function() while true do end end)" },
  {
    name = "a generator in a comparator",
    [[table.sort({ 3, 1, 2 }, function()
        for _ in coroutine.wrap(function() while true do end end) do end
      end)]],
  },
  {
    name = "the order of a priority queue",
    [[local queue = require("neap").sync.priority_queue(0, function() while true do end end)
      queue:put(1) queue:put(2)]],
  },
}
