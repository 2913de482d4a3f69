import https from 'node:https';
import net from 'node:net';
import { PassThrough, Readable } from 'node:stream';
import { silentLogger } from '#base/common/log.ts';
import { makeServerCertificate, type ServerCertificate } from '#base/node/certificates/server-certificate.ts';
import { KubeClient, type KubeCredentials } from '#net/kube/kube-client.ts';
import { type NodeApi, NodeError } from '../../node/node-api.ts';
import { resources } from '../../store/resources.ts';
import { ObjectStore } from '../../store/store.ts';
import { type RunningApi, startApi } from '../start-api.ts';

/** An API server without a node of its own: what a node would do is played. */
export interface ApiBed {
  readonly api: RunningApi;
  readonly store: ObjectStore;
  readonly admin: KubeClient;
  credentials(token: string): KubeCredentials;
  /** Answers calls of webhooks, whatever Service they are for. */
  serveWebhook(answer: (review: Review) => Readonly<Record<string, unknown>>): Promise<ServerCertificate>;
  stop(): Promise<void>;
}

export interface Review {
  readonly request: { readonly uid: string; readonly operation: string; readonly object: { readonly metadata: object } };
}

export async function startApiBed(): Promise<ApiBed> {
  const store = new ObjectStore();
  const servers: { close(): unknown; closeAllConnections?(): void }[] = [];
  let webhookPort = 0;
  const nodeSide = {
    nodeApi: playedNode(),
    dialService: async () => {
      const socket = net.connect(webhookPort, '127.0.0.1');
      await new Promise<void>((resolve, reject) => socket.once('connect', resolve).once('error', reject));
      return socket;
    },
  };
  const serviceCidr = { family: 4, value: 0x0a600000n, prefix: 16 } as const;
  const api = await startApi({ store, serviceCidr, address: '127.0.0.1', port: 0, log: silentLogger }, () => nodeSide);
  const credentials = (token: string): KubeCredentials => ({
    server: api.server,
    requestOptions: async () => ({ ca: api.authorities, headers: { authorization: `Bearer ${token}` } }),
  });
  for (const name of ['default', 'shop']) {
    store.create(resources.namespaces, { metadata: { name } });
    store.create(resources.serviceAccounts, { metadata: { name: 'default', namespace: name } });
  }
  const clients: KubeClient[] = [];
  const admin = new KubeClient(credentials(api.adminToken));
  clients.push(admin);
  return {
    api,
    store,
    admin,
    credentials,
    serveWebhook: async (answer) => {
      const certificate = makeServerCertificate({ issuer: 'hook', dnsNames: ['hook.shop.svc'], validForMs: 60_000 });
      const server = https.createServer({ cert: certificate.certificate, key: certificate.key }, (request, response) => {
        const chunks: Buffer[] = [];
        request.on('data', (chunk: Buffer) => chunks.push(chunk));
        request.on('end', () => {
          const review = JSON.parse(Buffer.concat(chunks).toString()) as Review;
          response.end(JSON.stringify({ ...review, response: { uid: review.request.uid, ...answer(review) } }));
        });
      });
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
      webhookPort = (server.address() as net.AddressInfo).port;
      servers.push(server);
      return certificate;
    },
    stop: async () => {
      for (const client of clients) client.close();
      for (const server of servers) {
        server.closeAllConnections?.();
        server.close();
      }
      await api.stop();
    },
  };
}

/** Echoes what it gets; port 81 is closed. A terminal says its size, too. */
function playedNode(): NodeApi {
  const exec: NodeApi['exec'] = async (_pod, _container, argv, { isTty }) => {
    const stdin = new PassThrough();
    const code = Number(argv[1] ?? 0);
    const stdout = new PassThrough();
    stdin.pipe(stdout);
    return {
      stdin,
      stdout,
      stderr: Readable.from(isTty ? [] : [Buffer.from('trouble\n')]),
      result: new Promise((resolve) => stdout.once('end', () => resolve({ kind: 'exited', exitCode: code }))),
      resize: (columns, rows) => void (isTty && stdout.write(`${columns}x${rows} `)),
      destroy: () => stdin.destroy(),
    };
  };
  return {
    exec,
    attach: async (pod, container, options) => await exec(pod, container, [], options),
    logs: async (_pod, _container, { tailLines = 3 }) =>
      Readable.from(['one\n', 'two\n', 'three\n'].slice(-tailLines).map((line) => Buffer.from(line))),
    portForward: async (_pod, port) => {
      if (port === 81) throw new NodeError('failed', 'connection refused');
      const echo = new PassThrough();
      return echo;
    },
    usage: () => [],
  };
}
