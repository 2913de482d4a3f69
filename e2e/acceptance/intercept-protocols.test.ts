import http from 'node:http';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Bed, createBed } from '../support/bed.ts';
import { askHttp, callerRuns } from '../support/cluster-caller.ts';
import { eventually } from '../support/eventually.ts';
import { type Handler, startHandler } from '../support/handler.ts';
import { killGroup } from '../support/program.ts';
import { checkout, missingForProduct, settings, titled } from '../support/settings.ts';
import { bundleProgram } from '../workloads/bundle.ts';
import { deployment, programConfigMap, service } from '../workloads/manifests.ts';
import { streamPorts } from '../workloads/world.ts';

const missing = missingForProduct();

const transferMib = settings.isBrief ? 256 : 1_024;
const transferBytes = transferMib * 2 ** 20;

const { control, echo, sink, source, http2, webSocket } = streamPorts;
const ports = { http: 8080, control, echo, sink, source, http2, 'web-socket': webSocket } as const;

/**
 * The pods of the workload speak nothing but HTTP/1.1 with each port's number as the answer. What speaks another protocol, or knows the
 * pattern, runs on the laptop.
 */
describe.skipIf(missing !== undefined)(titled('intercept-protocols', missing), () => {
  let bed: Bed;
  let handler: Handler | undefined;
  let host: string;

  beforeAll(async () => {
    bed = await createBed('intercept-protocols', { isWorldEmpty: true });
    const { cluster, world, product, laptop } = bed;
    const named = Object.entries(ports).map(([name, port]) => ({ name, port, targetPort: name }));
    await cluster.apply([
      programConfigMap(world.namespace, 'app', await bundleProgram('app')),
      deployment(world.namespace, 'talk', {
        program: 'app',
        ports: named,
        readiness: { httpGet: { path: '/', port: 'http' } },
        env: [{ name: 'TCP_PORTS', value: Object.values(ports).join(',') }],
      }),
      service(world.namespace, 'talk', named),
    ]);
    await cluster.readyPods(world.namespace, 'talk');
    host = await cluster.clusterIp(world.namespace, 'talk');
    await product.connect();
    handler = await startHandler(laptop, [8080]);
    const streams = laptop.spawn(['node', join(checkout, 'e2e/workloads/programs/streams.ts')]);
    const { stop } = handler;
    handler = {
      ...handler,
      stop: () => {
        stop();
        killGroup(streams, 'SIGKILL');
      },
    };
    await eventually('the streams listen', async () => {
      await laptop.must(['curl', '--silent', '--fail', `http://127.0.0.1:${streamPorts.control}/`]);
    });
    const flags = Object.entries(ports).flatMap(([name, port]) => ['--port', `${port}:${name}`]);
    await product.must(['intercept', 'talk', ...flags]);
  });
  afterAll(async () => {
    handler?.stop();
    await bed?.close();
  });

  it('carries HTTP/1.1, many requests on one connection', async () => {
    const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
    try {
      for (let count = 0; count < 50; count += 1) {
        const answer = await new Promise<string>((resolve, reject) => {
          http
            .get({ host, port: ports.http, path: `/${count}`, agent }, (response) => resolve(text(response)))
            .on('error', reject);
        });
        expect(answer).toBe(`laptop 8080 /${count}`);
      }
    } finally {
      agent.destroy();
    }
  });

  it('carries a GraphQL query with its answer', async () => {
    const body = JSON.stringify({ query: 'query ($id: ID!) { user(id: $id) { name } }', variables: { id: 7 } });
    const headers = { 'content-type': 'application/json', connection: 'close' };
    const response = await fetch(`http://${host}:${ports.http}/graphql`, { method: 'POST', headers, body });
    expect(await response.text()).toBe(`laptop 8080 /graphql ${body}`);
  });

  it('carries streams of HTTP/2 as gRPC has them, side by side on one connection', async () => {
    const result = await callerRuns('http2-streams', [`http://${host}:${ports.http2}`, 50, 20]);
    expect(result).toEqual({ streams: 50, whole: 50 });
  });

  it('carries a WebSocket, through a silence', async () => {
    const result = await callerRuns('web-socket', [`ws://${host}:${ports['web-socket']}`, 2_000]);
    expect(result).toEqual({ before: true, after: true, isClosed: false });
  });

  it(`carries ${transferMib} MiB to the handler unchanged`, async () => {
    const result = await callerRuns<{ readonly seconds: number }>('bulk', ['upload', host, ports.sink, transferBytes], 110_000);
    expect(result).toMatchObject({ intact: 1, bytes: [transferBytes] });
    console.log(`${transferMib} MiB to the handler: ${result.seconds.toFixed(1)} s`);
  });

  it(`carries ${transferMib} MiB from the handler unchanged`, async () => {
    const result = await callerRuns<{ readonly seconds: number }>(
      'bulk',
      ['download', host, ports.source, transferBytes],
      110_000,
    );
    expect(result).toMatchObject({ intact: 1, bytes: [transferBytes] });
    console.log(`${transferMib} MiB from the handler: ${result.seconds.toFixed(1)} s`);
  });

  it('gives all ports back at once', async () => {
    await bed.product.must(['leave', 'talk']);
    for (const port of Object.values(ports)) expect(await askHttp(host, port)).toContain(`"port":${port}`);
  });
});
