// The requests of client.lua by Node's fetch (undici): client_fetch.mjs URL REQUESTS AT_ONCE
const [url, requests, atOnce] = process.argv.slice(2);
let left = Number(requests);
let bytes = 0;

async function run() {
  while (left-- > 0) {
    const response = await fetch(url);
    for await (const piece of response.body) bytes += piece.length;
  }
}

await Promise.all(Array.from({ length: Number(atOnce) }, run));
const { user, system } = process.cpuUsage();
console.log(((user + system) / 1e6).toFixed(3), bytes);
process.exit(0);
