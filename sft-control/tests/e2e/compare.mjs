#!/usr/bin/env node
// A table of the figures of several calls: compare.mjs NAME=figures.json ...
import fs from 'node:fs';

const ROWS = {
  layerSwitches: 'layer switches asked for',
  speakerChanges: 'speakers that began or stopped',
  keyFramesSent: 'key frames sent',
  framesDecoded: 'frames decoded',
  freezes: 'freezes',
  freezeSeconds: 'frozen, s',
  keyFramesAsked: 'key frames asked for by receivers',
  concealmentEvents: 'audio concealments',
  concealedSeconds: 'audible concealment, s',
  packetsReceived: 'packets received',
  packetsLost: 'packets counted lost',
};

const calls = process.argv.slice(2).map(argument => {
  const [name, file] = argument.split('=');
  return { name, figures: JSON.parse(fs.readFileSync(file, 'utf8')) };
});
const rows = [['', ...calls.map(call => call.name)],
  ...Object.entries(ROWS).map(([key, title]) => [title, ...calls.map(call => String(call.figures[key]))])];
const widths = rows[0].map((_, column) => Math.max(...rows.map(row => row[column].length)));
for (const [title, ...figures] of rows) {
  console.log([title.padEnd(widths[0]), ...figures.map((text, n) => text.padStart(widths[n + 1]))].join('  '));
}
