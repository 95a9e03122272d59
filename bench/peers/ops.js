// The operations of bench/ops.lua in Node; prints the CPU seconds.
//   ops.js NAME N
const turn = () => new Promise((resolve) => setImmediate(resolve));
const nothing = async () => {};

class Lock {
  constructor() { this.held = false; this.waiting = []; }
  acquire() {
    if (!this.held) { this.held = true; return Promise.resolve(); }
    return new Promise((resolve) => this.waiting.push(resolve));
  }
  release() {
    const next = this.waiting.shift();
    if (next) next(); else this.held = false;
  }
}

class Queue {
  constructor(size) { this.size = size; this.items = []; this.getters = []; this.putters = []; }
  async put(item) {
    while (this.items.length >= this.size) await new Promise((resolve) => this.putters.push(resolve));
    this.items.push(item);
    const getter = this.getters.shift();
    if (getter) getter();
  }
  async get() {
    while (this.items.length === 0) await new Promise((resolve) => this.getters.push(resolve));
    const item = this.items.shift();
    const putter = this.putters.shift();
    if (putter) putter();
    return item;
  }
}

const turns = async (n) => { for (let i = 0; i < n; i++) await turn(); };
const all = (n, fn) => Promise.all(Array.from({ length: n }, fn));

async function through(queue, n) {
  const producer = (async () => { for (let i = 0; i < n; i++) await queue.put(i); })();
  for (let i = 0; i < n; i++) await queue.get();
  await producer;
}

const ops = {
  switch: (n) => all(2, () => turns(n / 2)),
  switch_many: (n) => all(10000, () => turns(n / 10000)),
  async spawn(n) { for (let i = 0; i < n; i++) await nothing(); },
  async gather(n) { for (let i = 0; i < n / 10000; i++) await all(10000, nothing); },
  async await_done(n) {
    const done = nothing();
    for (let i = 0; i < n; i++) await done;
  },
  async lock(n) {
    const lock = new Lock();
    for (let i = 0; i < n; i++) { await lock.acquire(); lock.release(); }
  },
  lock_contended(n) {
    const lock = new Lock();
    return all(100, async () => {
      for (let i = 0; i < n / 100; i++) {
        await lock.acquire();
        await turn();
        lock.release();
      }
    });
  },
  queue: (n) => through(new Queue(Infinity), n),
  queue_bounded: (n) => through(new Queue(10), n),
  async event(n) {
    let wake = () => {};
    const waiter = (async () => {
      for (let i = 0; i < n; i++) await new Promise((resolve) => { wake = resolve; });
    })();
    for (let i = 0; i < n; i++) { await turn(); wake(); }
    await turn();
    wake();
    await waiter;
  },
  sleeps: (n) => all(n, (_, i) => new Promise((resolve) => setTimeout(resolve, i * 7919 % 1000 + 1))),
  timers(n) {
    const handles = Array.from({ length: n }, (_, i) => setTimeout(nothing, (i * 7919 % 100000 + 10) * 1000));
    for (let i = 0; i < n; i++) clearTimeout(handles[i * 7919 % n]);
  },
  async sleeping(n) {
    const before = process.memoryUsage().rss;
    const sleep = async () => { await new Promise((resolve) => setTimeout(resolve, 1e9)); };
    const tasks = Array.from({ length: n }, sleep);
    await turn();
    console.log(Math.floor((process.memoryUsage().rss - before) / tasks.length));
    process.exit(0);
  },
};

(async () => {
  const start = process.cpuUsage();
  await ops[process.argv[2]](Number(process.argv[3]));
  const used = process.cpuUsage(start);
  console.log(((used.user + used.system) / 1e6).toFixed(6));
})();
