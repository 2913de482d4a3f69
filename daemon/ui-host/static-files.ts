import { createReadStream } from 'node:fs';
import { realpath, stat } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { extname, join, sep } from 'node:path';
import { pipeline } from 'node:stream/promises';

/** Everything else is not served: what is in the folder is known. */
const contentTypes: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.json': 'application/json',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.ico': 'image/x-icon',
  '.woff': 'font/woff',
  '.woff2': 'font/woff2',
  '.wasm': 'application/wasm',
  '.txt': 'text/plain; charset=utf-8',
};

/** Names that a build derives from the content: `index-3F9A1C0B.js`. */
const hashedName = /[-.][A-Z0-9a-z]{8,}\.[a-z0-9]+$/;

/** Styles are put in place by scripts, as elements of the page; scripts are files only. */
export function contentSecurityPolicy(host: string): string {
  return [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self' 'unsafe-inline'",
    "img-src 'self' data:",
    "font-src 'self' data:",
    `connect-src 'self' ws://${host}`,
    "worker-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join('; ');
}

/** Answers a request for a file below `directory`; the page itself for `/`. */
export async function serveFile(directory: string, request: IncomingMessage, response: ServerResponse): Promise<void> {
  if (request.method !== 'GET' && request.method !== 'HEAD') return end(response, 405, { allow: 'GET, HEAD' });
  const file = await findFile(directory, request.url ?? '/');
  if (file === undefined) return end(response, 404);
  const etag = `"${file.size.toString(16)}-${Math.round(file.mtimeMs).toString(16)}"`;
  const headers = {
    'content-type': file.contentType,
    'cache-control': file.contentType.startsWith('text/html')
      ? 'no-store'
      : hashedName.test(file.path)
        ? 'private, max-age=31536000, immutable'
        : 'no-cache',
    etag,
  };
  if (request.headers['if-none-match'] === etag) return end(response, 304, headers);
  response.writeHead(200, { ...headers, 'content-length': file.size });
  if (request.method === 'HEAD') {
    response.end();
    return;
  }
  await pipeline(createReadStream(file.path), response);
}

interface FoundFile {
  readonly path: string;
  readonly size: number;
  readonly mtimeMs: number;
  readonly contentType: string;
}

async function findFile(directory: string, url: string): Promise<FoundFile | undefined> {
  const name = decodedPath(url);
  if (name === undefined) return undefined;
  const contentType = contentTypes[extname(name)];
  if (contentType === undefined) return undefined;
  try {
    const root = await realpath(directory);
    // Links that lead out of the folder count as much as dots.
    const path = await realpath(join(root, name));
    if (!path.startsWith(root + sep)) return undefined;
    const found = await stat(path);
    return found.isFile() ? { path, size: found.size, mtimeMs: found.mtimeMs, contentType } : undefined;
  } catch {
    return undefined;
  }
}

function decodedPath(url: string): string | undefined {
  const [path = ''] = url.split(/[?#]/);
  try {
    const name = decodeURIComponent(path === '/' ? '/index.html' : path);
    return name.includes('\0') || name.includes('\\') || name.split('/').includes('..') ? undefined : name;
  } catch {
    return undefined;
  }
}

function end(response: ServerResponse, status: number, headers: Readonly<Record<string, string>> = {}): void {
  response.writeHead(status, headers);
  response.end();
}
