// What somebody on the network of the cluster sees: runs in `telepresence shell`, and prints a line of JSON for each URL.
import http from 'node:http';
import { text } from 'node:stream/consumers';
import type { Visit } from './visit.ts';

const limitMs = 10_000;

for (const url of process.argv.slice(2)) {
  const visit = await (url.startsWith('ws:') ? hear(url) : read(url));
  console.log(JSON.stringify(visit));
}

function read(url: string): Promise<Visit> {
  return new Promise((resolve, reject) => {
    const request = http.get(url, { agent: false, signal: AbortSignal.timeout(limitMs) }, (response) => {
      const { remoteAddress = '', remotePort = 0 } = response.socket;
      const status = response.statusCode ?? 0;
      text(response).then((body) => resolve({ url, from: `${remoteAddress}:${remotePort}`, status, body }), reject);
    });
    request.on('error', (error) => reject(new Error(`${url}: ${error.message}`)));
  });
}

/** The first message of a WebSocket. */
function hear(url: string): Promise<Visit> {
  return new Promise((resolve, reject) => {
    const socket = new WebSocket(url);
    const timer = setTimeout(() => reject(new Error(`${url}: there was no message`)), limitMs);
    socket.addEventListener('message', ({ data }) => {
      clearTimeout(timer);
      socket.close();
      resolve({ url, from: new URL(url).host, status: 101, body: String(data) });
    });
    socket.addEventListener('error', () => reject(new Error(`${url}: the WebSocket failed`)));
  });
}
