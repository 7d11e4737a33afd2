"""How the page looks: light and dark as the reader's screen is set, and black on white in print."""

STYLE = """
:root { color-scheme: light dark; --ink: #1b1f24; --paper: #fff; --soft: #57606a;
  --line: #c3cad1; --shade: #f3f5f7; --good: #116329; --bad: #a40e26; --odd: #7d4e00;
  --sealed: #0550ae; --way: #6a9fd8; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6edf3; --paper: #0d1117;
  --soft: #9da7b1; --line: #3d444d; --shade: #161b22; --good: #56d364; --bad: #ff8f87;
  --odd: #e3b341; --sealed: #79c0ff; --way: #388bfd; } }
body { font: 16px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper);
  max-width: 70rem; margin: 0 auto; padding: 1rem; }
h1, h2, h3 { line-height: 1.2; overflow-wrap: anywhere; }
h2 { margin-top: 2.5rem; border-top: 2px solid var(--line); padding-top: 1rem; }
code { font: .85em ui-monospace, monospace; overflow-wrap: anywhere; }
.wide { overflow-x: auto; } .wide table { min-width: 46rem; }
td strong, time { white-space: nowrap; } svg.flow { min-width: 34rem; }
table { border-collapse: collapse; width: 100%; font-size: .9rem; }
caption { text-align: left; color: var(--soft); padding-bottom: .3rem; }
th, td { text-align: left; vertical-align: top; padding: .3rem .6rem;
  border-bottom: 1px solid var(--line); overflow-wrap: anywhere; }
th { background: var(--shade); white-space: nowrap; }
td.number { text-align: right; font-variant-numeric: tabular-nums; }
.verdict { font-weight: 600; white-space: nowrap; }
.passed { color: var(--good); } .failed { color: var(--bad); }
.missing, .unchecked, .warned { color: var(--odd); } .sealed { color: var(--sealed); }
.open, .soft { color: var(--soft); }
.outcome { padding: .6rem 1rem; border-left: .4rem solid; background: var(--shade); }
summary { cursor: pointer; font-weight: 600; padding: .4rem 0; }
svg.flow { width: 100%; height: auto; margin: .5rem 0 1rem; }
.flow .box, .flow .hub { fill: var(--shade); stroke: var(--line); }
.flow .way { stroke: var(--way); } .flow .tip { fill: var(--way); }
.flow text { fill: var(--ink); font: 12px system-ui, sans-serif; }
.flow .note { fill: var(--soft); font-size: 11px; }
.flow .name { font-weight: 600; }
@media print { :root { color-scheme: light; --ink: #000; --paper: #fff; --soft: #444;
  --line: #999; --shade: #fff; --good: #000; --bad: #000; --odd: #000; --sealed: #000;
  --way: #888; }
  body { max-width: none; padding: 0; font-size: 10pt; }
  h2 { break-before: page; } tr, svg, .outcome { break-inside: avoid; }
  thead { display: table-header-group; } .wide { overflow: visible; }
  .wide table, svg.flow { min-width: 0; } }
"""
