"""The style sheet of the HTML report, for light and dark screens and for paper."""

from typing import Final

__all__ = ["STYLE"]


STYLE: Final = """
:root {
  color-scheme: light dark;
  --ink: #1c2127; --soft: #5b6570; --line: #dfe3e8; --ground: #ffffff; --card: #f6f7f9; --mark: #2458a6;
  --updated: #1a7f5a; --unchanged: #8cc3ad; --failed: #c8322b; --skipped: #a3abb5; --not_sent: #8a4fc7;
  --unknown: #d68a00;
}
@media (prefers-color-scheme: dark) {
  :root {
    --ink: #e6e9ed; --soft: #9aa5b1; --line: #343b44; --ground: #15191e; --card: #1d2329; --mark: #7fb0f5;
    --updated: #35b384; --unchanged: #2f6b56; --failed: #ef6a62; --skipped: #5d6773; --not_sent: #b98be8;
    --unknown: #f0b13c;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0 auto; padding: 2.5rem 1.5rem 4rem; max-width: 66rem; background: var(--ground); color: var(--ink);
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", "Liberation Sans", "DejaVu Sans", sans-serif;
}
h1 { font-size: 1.9rem; line-height: 1.2; margin: 0 0 .4rem; letter-spacing: -.01em; }
h2 { font-size: 1.15rem; margin: 2.6rem 0 .8rem; }
h3 { font-size: 1rem; margin: 0; font-weight: 600; }
p { margin: .3rem 0; }
code, .id { font: .86em/1.4 ui-monospace, "SF Mono", "DejaVu Sans Mono", "Liberation Mono", monospace; }
code { background: var(--card); border: 1px solid var(--line); border-radius: 4px; padding: .1em .35em; }
.soft { color: var(--soft); }
.badge {
  display: inline-block; border-radius: 99px; padding: .15rem .75rem; font-size: .8rem; font-weight: 600; color: #fff;
  margin-bottom: .8rem; background: var(--updated);
}
.badge.failed { background: var(--failed); } .badge.not_sent { background: var(--not_sent); }
.badge.unknown { background: var(--unknown); color: #241800; }
@media (prefers-color-scheme: dark) { .badge { color: #10141a; } }
.facts { display: grid; grid-template-columns: max-content 1fr; gap: .15rem 1.2rem; margin: 1.1rem 0 0; }
.facts dt { color: var(--soft); } .facts dd { margin: 0; overflow-wrap: anywhere; }
.tiles { display: grid; grid-template-columns: repeat(5, 1fr); gap: .75rem; margin: 1.8rem 0 .9rem; padding: 0; }
.tile { list-style: none; background: var(--card); border: 1px solid var(--line); border-radius: 10px;
  border-top: 4px solid var(--skipped); padding: .7rem .9rem .8rem; }
.tile b { display: block; font-size: 1.75rem; line-height: 1.15; font-variant-numeric: tabular-nums; }
.tile.none b { color: var(--soft); font-weight: 400; }
.tile.updated { border-top-color: var(--updated); } .tile.unchanged { border-top-color: var(--unchanged); }
.tile.failed { border-top-color: var(--failed); } .tile.not_sent { border-top-color: var(--not_sent); }
.tile.unknown { border-top-color: var(--unknown); }
.share { width: 100%; height: 14px; display: block; border-radius: 7px; }
.share.small { height: 9px; min-width: 9rem; margin-top: .45em; border-radius: 4px; }
.updated { fill: var(--updated); } .unchanged { fill: var(--unchanged); } .failed { fill: var(--failed); }
.skipped { fill: var(--skipped); } .not_sent { fill: var(--not_sent); } .unknown { fill: var(--unknown); }
.plot { width: 100%; height: auto; background: var(--card); border: 1px solid var(--line); border-radius: 10px; }
.plot text { font-size: 11px; fill: var(--soft); }
.plot .tick { stroke: var(--line); } .plot .base { stroke: var(--soft); }
.plot .area { fill: var(--mark); opacity: .14; } .plot .curve { fill: none; stroke: var(--mark); stroke-width: 1.6; }
.reason { border: 1px solid var(--line); border-left: 5px solid var(--skipped); border-radius: 8px;
  padding: .9rem 1.1rem; margin: 0 0 .9rem; }
.reason.failed { border-left-color: var(--failed); }
.reason.not_sent { border-left-color: var(--not_sent); } .reason.unknown { border-left-color: var(--unknown); }
.reason header { display: flex; gap: .8rem; align-items: baseline; justify-content: space-between; }
.reason .count { font-variant-numeric: tabular-nums; color: var(--soft); white-space: nowrap; }
.advice { margin-top: .45rem; } .advice::before { content: "\\2192\\00a0"; color: var(--mark); font-weight: 700; }
details { margin-top: .6rem; } summary { cursor: pointer; color: var(--mark); }
.wide { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; margin-top: .5rem; font-size: .9rem; }
th, td { text-align: left; padding: .3rem .9rem .3rem 0; border-bottom: 1px solid var(--line); vertical-align: top; }
th { color: var(--soft); font-weight: 600; white-space: nowrap; } td.n, th.n { text-align: right; }
td.n { font-variant-numeric: tabular-nums; } td .id { white-space: nowrap; } td.zero { color: var(--skipped); }
footer { margin-top: 3rem; padding-top: .8rem; border-top: 1px solid var(--line);
  color: var(--soft); font-size: .85rem; }
@media (max-width: 44rem) { .tiles { grid-template-columns: repeat(2, 1fr); } }
@media print {
  :root { --ink: #000; --soft: #444; --line: #bbb; --ground: #fff; --card: #fff; }
  body { max-width: none; padding: 0; font-size: 9.5pt; }
  h2 { margin-top: 1.4rem; break-after: avoid; } .reason header, .tiles, .plot { break-inside: avoid; }
  tr { break-inside: avoid; } thead { display: table-header-group; } summary { list-style: none; color: inherit; }
  details::details-content { content-visibility: visible; display: block; height: auto; }
  svg, .badge, .tile, .reason { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
  .screen { display: none; } .wide { overflow: visible; } th, td { padding-right: .5rem; font-size: 7.5pt; }
  td .id { font-size: 6pt; } .share.small { min-width: 2rem; max-width: 4.5rem; }
  @page { margin: 16mm 14mm; }
}
"""
