import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type Bed, createBed } from '../support/bed.ts';
import { eventually } from '../support/eventually.ts';
import { missingForProduct, titled } from '../support/settings.ts';
import { service } from '../workloads/manifests.ts';

const missing = missingForProduct();

/** A program on the laptop that takes the place of `web`. */
const handler =
  "require('node:http').createServer((request, response) => response.end('laptop ' + request.url)).listen(8080, '127.0.0.1')";

describe.skipIf(missing !== undefined)(titled('intercepts', missing), () => {
  let bed: Bed;
  let isHandling: (() => void) | undefined;

  beforeAll(async () => {
    bed = await createBed('intercepts');
    // The same pods again, behind a Service that names their port by number: traffic is redirected instead of a name taken over.
    await bed.cluster.apply([
      service(bed.world.namespace, 'by-number', [{ name: 'http', port: 80, targetPort: 8080 }], { app: 'store' }),
    ]);
    await bed.product.connect();
  });
  afterEach(async () => {
    isHandling?.();
    await bed.product.run(['leave', 'web']);
    await bed.product.run(['leave', 'store']);
  });
  afterAll(async () => await bed?.close());

  /** The node reaches services as pods do: a caller inside the cluster. */
  const ask = async (name: string): Promise<string> => {
    const ip = await bed.cluster.clusterIp(bed.world.namespace, name);
    const response = await fetch(`http://${ip}/x`, { headers: { connection: 'close' }, signal: AbortSignal.timeout(5_000) });
    return await response.text();
  };

  const startHandler = async () => {
    const child = bed.laptop.spawn([process.execPath, '-e', handler]);
    isHandling = () => child.kill();
    await eventually('the handler listens', async () => {
      await bed.laptop.must(['curl', '--silent', '--fail', 'http://127.0.0.1:8080/']);
    });
  };

  it('brings the requests of a named port to a process on the laptop, and back to the pods after leave', async () => {
    await startHandler();
    expect(await ask('web')).toContain('"pod":"web-');
    const { stdout } = await bed.product.must(['intercept', 'web', '--port', '8080:http'], { timeoutMs: 90_000 });
    expect(stdout).toMatch(/State\s*: ACTIVE/);
    for (let count = 0; count < 10; count += 1) expect(await ask('web')).toBe('laptop /x');
    expect((await bed.product.must(['list'])).stdout).toContain('deployment web: intercepted');
    await bed.product.must(['leave', 'web']);
    for (let count = 0; count < 10; count += 1) expect(await ask('web')).toContain('"pod":"web-');
  });

  it('takes a port by number, of a StatefulSet', async () => {
    await startHandler();
    const flags = ['--service', 'by-number', '--port', '8080:80'];
    await bed.product.must(['intercept', 'store', ...flags], { timeoutMs: 90_000 });
    for (let count = 0; count < 10; count += 1) expect(await ask('by-number')).toBe('laptop /x');
    await bed.product.must(['leave', 'store']);
    expect(await ask('by-number')).toContain('"pod":"store-');
  });

  it("runs a command with the workload's environment, and leaves when it ends", async () => {
    const flags = ['--port', '8080:http', '--', 'sh', '-c', 'echo "port of the API: $KUBERNETES_SERVICE_PORT"; exit 7'];
    const outcome = await bed.product.run(['intercept', 'web', ...flags], { timeoutMs: 90_000 });
    expect(outcome.stdout).toContain('port of the API: 443');
    expect(outcome.code).toBe(7);
    expect(await ask('web')).toContain('"pod":"web-');
  });

  it('takes the agents out again, and ends the intercepts that they served', async () => {
    const agents = async (app: string) => {
      const pods = await bed.cluster.readyPods(bed.world.namespace, app, 2);
      return pods.flatMap(({ spec }) => spec.containers.map(({ name }) => name)).filter((name) => name === 'traffic-agent')
        .length;
    };
    await startHandler();
    await bed.product.must(['intercept', 'web', '--port', '8080:http'], { timeoutMs: 90_000 });
    expect(await agents('web')).toBe(2);
    await bed.product.must(['uninstall', 'web'], { timeoutMs: 90_000 });
    await eventually('the pods are without agents', async () => expect(await agents('web')).toBe(0), { timeoutMs: 30_000 });
    expect(await ask('web')).toContain('"pod":"web-');
  });

  it('names what is wrong with a request', async () => {
    const unknown = await bed.product.fails(['intercept', 'wob', '--port', '8080']);
    expect(unknown.words).toContain('web');
    const ambiguous = await bed.product.fails(['intercept', 'streams', '--port', '8080']);
    expect(ambiguous.words).toMatch(/control|echo/);
  });
});
