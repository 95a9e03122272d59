-- Context managers: entering is a call that may wait, leaving is `__close`,
-- which may wait too, also when an error leaves the block.
--
-- Run: neap examples/asyncio/context_managers.lua
-- Prints
--   before the context manager
--   >entering the context manager
--   within the manager
--   >exiting the context manager
--   after the context manager
--   >entering the context manager
--   >exiting the context manager (it broke)
--   the error: it broke
local neap = require "neap"

local CustomContextManager = {}
CustomContextManager.__index = CustomContextManager

function CustomContextManager.enter()
  print(">entering the context manager")
  neap.sleep(0.02)
  return setmetatable({}, CustomContextManager)
end

function CustomContextManager.__close(_, err)
  print(">exiting the context manager" .. (err and " (" .. err .. ")" or ""))
  neap.sleep(0.02)
end

print("before the context manager")
do
  local _ <close> = CustomContextManager.enter()
  print("within the manager")
end
print("after the context manager")

local _, err = pcall(function()
  local _ <close> = CustomContextManager.enter()
  error("it broke", 0)
end)
print("the error: " .. err)
