import { readFile } from 'node:fs/promises';
import { extname, join, normalize } from 'node:path';

/** Scheme and host of the app's pages: a scheme of its own, for `file:` has no origin that a policy could name. */
export const rendererScheme = 'app';
export const rendererOrigin = `${rendererScheme}://telepresence`;

/**
 * Scripts only from the app's files; styles also written by scripts, which the component kit and the terminal do. The page talks to
 * nobody: all it knows comes by its ports.
 */
export const contentSecurityPolicy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self' 'unsafe-inline'",
  "img-src 'self' data: blob:",
  "font-src 'self' data:",
  "worker-src 'self'",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-src 'none'",
  "frame-ancestors 'none'",
].join('; ');

const contentTypes: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.json': 'application/json',
  '.map': 'application/json',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.ico': 'image/x-icon',
  '.woff2': 'font/woff2',
  '.wasm': 'application/wasm',
};

/** Answers a request of the page with a file of `directory`; a path without an extension is a place in the app, so its one page. */
export async function serveRenderer(directory: string, requestUrl: string): Promise<Response> {
  const path = filePath(requestUrl);
  const contentType = path === undefined ? undefined : contentTypes[extname(path)];
  if (path === undefined || contentType === undefined) return emptyResponse(404);
  try {
    return new Response(new Uint8Array(await readFile(join(directory, path))), {
      headers: {
        'content-type': contentType,
        'content-security-policy': contentSecurityPolicy,
        'x-content-type-options': 'nosniff',
        'cache-control': 'no-store',
      },
    });
  } catch {
    return emptyResponse(404);
  }
}

/** Whether a frame shows a page of the app. */
export function isRendererUrl(url: string): boolean {
  return url === rendererOrigin || url.startsWith(`${rendererOrigin}/`);
}

function filePath(requestUrl: string): string | undefined {
  if (!isRendererUrl(requestUrl)) return undefined;
  let path: string;
  try {
    path = decodeURIComponent(new URL(requestUrl).pathname);
  } catch {
    return undefined;
  }
  // The parser has resolved `..`; what was escaped comes out here.
  if (path.includes('..') || path.includes('\\') || path.includes('\0')) return undefined;
  const relative = normalize(path).replace(/^\/+/, '');
  return extname(relative) === '' ? 'index.html' : relative;
}

function emptyResponse(status: number): Response {
  return new Response(null, { status });
}
