---@meta neap.process

--- Other programs: running one for its output, and starting one to talk to.
---@class neap.process
local process = {}

--- What a standard stream of a child is: a pipe to us, ours, nothing, or another
--- Stream or descriptor.
---@alias neap.Stdio "pipe"|"inherit"|"null"|neap.Stream|integer

--- The options of `process.spawn`.
---@class neap.SpawnOptions
---@field stdin? neap.Stdio  "inherit" by default
---@field stdout? neap.Stdio  "inherit" by default
---@field stderr? neap.Stdio  "inherit" by default
---@field cwd? string  its working directory
---@field env? table<string, string|number>  replaces the environment
---@field uid? integer
---@field gid? integer
---@field detached? boolean  a session of its own; our program does not wait for it
---@field argv0? string  what it sees as its own name
---@field shell? boolean  take a command line for /bin/sh

--- The options of `process.run`.
---@class neap.RunOptions
---@field input? string  what it reads
---@field timeout? number  seconds, after which it is killed
---@field max_output? integer  bytes of each output; more is the error `LIMIT`. 256 MiB by default
---@field stdin? neap.Stdio  "null" by default
---@field stdout? neap.Stdio  "pipe" by default
---@field stderr? neap.Stdio  "pipe" by default
---@field cwd? string  its working directory
---@field env? table<string, string|number>  replaces the environment
---@field uid? integer
---@field gid? integer
---@field argv0? string  what it sees as its own name
---@field shell? boolean  take a command line for /bin/sh

--- How a program that was run has ended.
---@class neap.RunResult
---@field code? integer  its exit status; nil if a signal ended it
---@field signal? string  the name of the signal
---@field stdout? string  what it wrote; nil unless that was a pipe
---@field stderr? string

--- Runs a program to its end and gives its outputs. It returns when the child and
--- its outputs have ended, or a second after the child. Cancelled, it ends the child
--- and its process group.
---
--- ```lua
--- local result = assert(process.run({ "tr", "a-z", "A-Z" }, { input = "hello" }))
--- print(result.code, result.stdout) --> 0 HELLO
--- ```
---@async
---@param argv string[]|string  program and arguments; with `shell`, a command line
---@param opts? neap.RunOptions
---@return neap.RunResult? result
---@return neap.Error? err  also `TIMEOUT` and `LIMIT`
function process.run(argv, opts) end

--- Starts a program. It keeps ours alive until it has ended, and is ended with it,
--- unless it is `detached`; collected, it goes on.
---
--- ```lua
--- local child <close> = assert(process.spawn({ "cat" }, { stdin = "pipe", stdout = "pipe" }))
--- child.stdin:write("hello\n")
--- print(child.stdout:readline()) --> hello
--- ```
---@param argv string[]|string  program and arguments; with `shell`, a command line
---@param opts? neap.SpawnOptions
---@return neap.Process? process
---@return neap.Error? err
function process.spawn(argv, opts) end

--- The number of our own process.
---
--- ```lua
--- print(process.id() == tonumber(process.run("echo $PPID", { shell = true }).stdout)) --> true
--- ```
---@return integer pid
function process.id() end

--- A program that was started. `<close>` ends it: TERM, after a second KILL; it
--- waits for that where it may wait.
---@class neap.Process
---@field pid integer
---@field stdin? neap.Stream  of what was asked to be a pipe
---@field stdout? neap.Stream
---@field stderr? neap.Stream
local Process = {}

--- Waits until it has ended. Any number of tasks may wait.
---
--- ```lua
--- local child <close> = assert(process.spawn("exit 3", { shell = true }))
--- print(child:wait()) --> 3
--- ```
---@async
---@return integer? code  nil if a signal ended it
---@return string? signal  its name, such as "TERM"
function Process:wait() end

--- Sends it a signal.
---
--- ```lua
--- local child <close> = assert(process.spawn({ "sleep", "60" }))
--- child:kill("INT")
--- print(child:wait()) --> nil INT
--- ```
---@param signal? string|integer  a name or a number, "TERM" by default
---@return true? ok
---@return neap.Error? err  `ESRCH` if it has ended
function Process:kill(signal) end

--- Ends it: TERM, after a second KILL. Closes its pipes. Does not wait.
---
--- ```lua
--- local child = assert(process.spawn({ "sleep", "60" }))
--- child:close()
--- print(child:wait()) --> nil TERM
--- ```
function Process:close() end

return process
