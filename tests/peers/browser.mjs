// Follows a stream with the published browser client, and prints what it says.
//
//     node browser.mjs FOLDER URL KEY THREAD [CHANNEL ...]
//
// FOLDER has node_modules; the rest is of a FakeServer. Each event is a line of JSON on
// standard output: [name, event]. The end of standard input ends the stream.

import { pathToFileURL } from 'node:url';

const [folder, server, key, thread, ...channels] = process.argv.slice(2);
const path = `${folder}/node_modules/@promptjuggler/browser/dist/index.js`;
const { PromptJugglerStream } = await import(pathToFileURL(path));

const stream = new PromptJugglerStream({
  // What the backend of a page does.
  getToken: async () => {
    const answer = await fetch(`${server}/api/v1/threads/${thread}/stream-token`, {
      method: 'POST',
      headers: { Authorization: `Bearer ${key}` },
    });
    return answer.json();
  },
  channels,
});

const names = ['connected', 'disconnected', 'token', 'text', 'reset', 'gap', 'data',
  'transcript', 'stale', 'done', 'failure'];
for (const name of names) {
  stream.on(name, (event) => console.log(JSON.stringify([name, event ?? null])));
}
stream.connect();
process.stdin.resume();
process.stdin.on('end', () => { stream.disconnect(); process.exit(0); });
