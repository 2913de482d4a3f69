import { createServer } from 'node:http';
import { hostname } from 'node:os';

// Answers with what it was asked and who it is.
createServer((request, response) => {
  response.setHeader('content-type', 'application/json');
  request.resume().on('end', () => {
    response.end(
      `${JSON.stringify({ pod: hostname(), method: request.method, path: request.url, host: request.headers.host, headers: request.headers, from: request.socket.remoteAddress })}\n`,
    );
  });
}).listen(8080, '::');
