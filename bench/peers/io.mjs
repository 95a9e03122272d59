// What bench/io.lua does with files and processes, in Node; prints the seconds.
//   io.mjs copy FILE | read DIR N | read_many DIR N | spawn N
import { spawn } from "child_process";
import { once } from "events";
import { createReadStream, createWriteStream } from "fs";
import { readFile } from "fs/promises";
import { createInterface } from "readline";

const operations = {
  async copy(path) {
    const to = createWriteStream(path + ".copy");
    for await (const line of createInterface({ input: createReadStream(path) })) {
      if (!to.write(line + "\n")) await once(to, "drain");
    }
    to.end();
    await once(to, "finish");
  },
  async read(dir, n) {
    for (let i = 1; i <= n; i++) await readFile(`${dir}/${i}`);
  },
  async read_many(dir, n) {
    let next = 1;
    const work = async () => {
      while (next <= n) await readFile(`${dir}/${next++}`);
    };
    await Promise.all(Array.from({ length: 16 }, work));
  },
  async spawn(n) {
    for (let i = 0; i < n; i++) await once(spawn("true", { stdio: "inherit" }), "exit");
  },
};

const [name, ...words] = process.argv.slice(2);
const start = performance.now();
await operations[name](...words);
console.log(((performance.now() - start) / 1000).toFixed(6));
