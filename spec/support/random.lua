--- Numbers that are random but the same for the same seed, on any machine.
---@param seed integer
---@return fun(n: integer): integer  1 to n
return function(seed)
  local state = seed
  return function(n)
    state = state * 6364136223846793005 + 1442695040888963407
    return (state >> 33) % n + 1
  end
end
