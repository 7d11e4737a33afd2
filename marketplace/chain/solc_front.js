#!/usr/bin/env node
// The npm build of solc behind the face of the native one.
//
// py-solc-x and forge want an executable that answers `--version` and
// `--standard-json`. The command line of the npm package can't serve: it prints a
// line of its own before the JSON, and exits before a full pipe has drained. So this
// calls the package, and reads and writes through file descriptors synchronously.
"use strict";

const fs = require("node:fs");
const path = require("node:path");

const STDIN = 0;
const STDOUT = 1;
const USAGE = "usage: solc_front.js --version | --standard-json < input.json";

function loadCompiler() {
  const contracts = path.resolve(__dirname, "..", "..", "contracts");
  return require(require.resolve("solc", { paths: [contracts] }));
}

/** Pipes refuse a write while they are full: wait for the reader, then go on. */
function writeAll(text) {
  const clock = new Int32Array(new SharedArrayBuffer(4));
  let rest = Buffer.from(text, "utf8");
  while (rest.length > 0) {
    try {
      rest = rest.subarray(fs.writeSync(STDOUT, rest));
    } catch (error) {
      if (error.code !== "EAGAIN") throw error;
      Atomics.wait(clock, 0, 0, 5);
    }
  }
}

/** Options about paths, as forge passes them, mean nothing here: all sources are in the JSON. */
function main(options) {
  if (options.includes("--version")) {
    const banner = "solc, the solidity compiler commandline interface";
    writeAll(`${banner}\nVersion: ${loadCompiler().version()}\n`);
  } else if (options.includes("--standard-json")) {
    writeAll(loadCompiler().compile(fs.readFileSync(STDIN, "utf8")) + "\n");
  } else {
    process.stderr.write(USAGE + "\n");
    process.exitCode = 1;
  }
}

main(process.argv.slice(2));
