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

const ops = {
  switch: (n) => all(2, () => turns(n / 2)),
  switch_many: (n) => all(10000, () => turns(n / 10000)),
  async spawn(n) { for (let i = 0; i < n; i++) await nothing(); },
  async gather(n) { for (let i = 0; i < n / 10000; i++) await all(10000, nothing); },
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
  async queue_bounded(n) {
    const queue = new Queue(10);
    const producer = (async () => { for (let i = 0; i < n; i++) await queue.put(i); })();
    for (let i = 0; i < n; i++) await queue.get();
    await producer;
  },
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
};

(async () => {
  const start = process.cpuUsage();
  await ops[process.argv[2]](Number(process.argv[3]));
  const used = process.cpuUsage(start);
  console.log(((used.user + used.system) / 1e6).toFixed(6));
})();
