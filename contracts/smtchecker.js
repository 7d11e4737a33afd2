#!/usr/bin/env node
// Proves what the files of test/proofs/integers say, with solc's SMTChecker and z3.
//
//     node smtchecker.js FILE...
//
// Each assertion in a function `prove_…` must hold for all arguments; each in a function
// `refute_…` must fail for some, which shows that the assumptions leave something to
// prove. A file says in two tags how it is read:
//   @custom:targets  what is checked: assert, overflow, underflow, divByZero
//   @custom:unroll   how often a loop may go round; longer runs are not looked at
// The bounded model checker is used: it reads uint256 as an integer with a range, and
// so decides products and quotients that solvers over bit vectors do not.
"use strict";

const { spawnSync } = require("node:child_process");
const fs = require("node:fs");
const os = require("node:os");
const path = require("node:path");
const solc = require("solc");

const SECONDS = 180; // for each query, of wall time; the slowest needs about 4 on an idle core
const HOLDS = "2961";
const FAILS = "4661";
const NOT_WANTED = new Set([
  "3993", // the engine is deprecated: the compiler is pinned
  "5724", // a summary of the next
  "8364", // custom errors have no type in the checker; a revert is still a revert
]);

function readImport(name) {
  const found = [name, path.join("node_modules", name)].find((place) => fs.existsSync(place));
  return found ? { contents: fs.readFileSync(found, "utf8") } : { error: "no such file" };
}

function solve(query) {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "smt-"));
  try {
    const file = path.join(folder, "query.smt2");
    fs.writeFileSync(file, query);
    const z3 = spawnSync("z3", ["-smt2", `-T:${SECONDS}`, file], { encoding: "utf8" });
    return z3.error ? { error: z3.error.message } : { contents: z3.stdout };
  } finally {
    fs.rmSync(folder, { recursive: true });
  }
}

function tag(text, name) {
  const found = text.match(new RegExp(`@custom:${name} (.+)`));
  if (!found) throw new Error(`no tag @custom:${name}`);
  return found[1].trim().split(/\s+/);
}

function check(file) {
  const text = fs.readFileSync(file, "utf8");
  const contract = path.basename(file, ".sol");
  const input = {
    language: "Solidity",
    sources: { [file]: { content: text } },
    settings: {
      modelChecker: {
        contracts: { [file]: [contract] },
        engine: "bmc",
        solvers: ["smtlib2"],
        targets: tag(text, "targets"),
        bmcLoopIterations: Number(tag(text, "unroll")[0]),
        showProvedSafe: true,
        showUnproved: true,
        timeout: SECONDS * 1000,
      },
    },
  };
  const callbacks = { import: readImport, smtSolver: solve };
  const messages = JSON.parse(solc.compile(JSON.stringify(input), callbacks)).errors ?? [];
  return judge(text, messages.filter((message) => !NOT_WANTED.has(message.errorCode)));
}

/** One line for each function, and whether it is as it should be. */
function judge(text, messages) {
  const strays = messages.filter((message) => ![HOLDS, FAILS].includes(message.errorCode));
  const lines = strays.map((message) => [false, message.message.split("\n")[0]]);
  for (const [declaration, name, kind] of text.matchAll(/function ((prove|refute)_\w+)/g)) {
    const start = text.indexOf(declaration + "(");
    const next = text.indexOf("function ", start + 1);
    const end = next < 0 ? text.length : next;
    const inside = ({ sourceLocation: place }) => start <= place.start && place.start < end;
    const codes = messages.filter((message) => message.sourceLocation && inside(message))
      .map((message) => message.errorCode);
    const wanted = kind === "prove" ? HOLDS : FAILS;
    const good = codes.length > 0 && codes.every((code) => code === wanted);
    lines.push([good, `${good ? "ok  " : "FAIL"} ${name}`]);
  }
  if (lines.length === 0) lines.push([false, "no function prove_… or refute_…"]);
  return lines;
}

let failed = false;
for (const file of process.argv.slice(2)) {
  const began = Date.now();
  const lines = check(file);
  console.log(`${file} (${((Date.now() - began) / 1000).toFixed(1)} s)`);
  for (const [good, line] of lines) {
    console.log(`  ${line}`);
    failed ||= !good;
  }
}
process.exitCode = failed || process.argv.length < 3 ? 1 : 0;
