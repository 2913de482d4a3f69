import dgram from 'node:dgram';
import net, { type AddressInfo, type Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import type { MessageInitShape } from '@bufbuild/protobuf';
import type { KeepAliveTiming } from '#net/mux/mux-connection.ts';
import { freePort } from '#net/testing/free-port.ts';
import { type AgentConfig, parseAgentConfig } from '#protocol/agent/agent-config.ts';
import type { InterceptInfoSchema } from '#protocol/cluster/generated/manager_pb.js';
import { AgentLog } from '../agent-log.ts';
import { TrafficAgent } from '../traffic-agent.ts';
import { FakeLaptop } from './fake-laptop.ts';
import { FakeManager } from './fake-manager.ts';

export interface AgentBedOptions {
  /** Container ports; each is the app's port on loopback, TCP by default. */
  readonly ports: readonly { readonly containerPort: number; readonly protocol?: 'TCP' | 'UDP'; readonly idlePath?: 'direct' }[];
  readonly env?: Readonly<Record<string, string>>;
  readonly keepAliveTiming?: KeepAliveTiming;
  readonly readyGraceMs?: number;
  /** The traffic-manager has a port, and nobody listens there. */
  readonly isManagerAway?: boolean;
}

/** An agent on loopback with a manager beside it. */
export class AgentBed {
  readonly manager: FakeManager;
  readonly agent: TrafficAgent;
  readonly apiPort: number;
  readonly healthPort: number;
  readonly config: AgentConfig;
  readonly #cleanups: (() => unknown)[];

  private constructor(
    parts: Pick<AgentBed, 'manager' | 'agent' | 'apiPort' | 'healthPort' | 'config'>,
    cleanups: (() => unknown)[],
  ) {
    ({
      manager: this.manager,
      agent: this.agent,
      apiPort: this.apiPort,
      healthPort: this.healthPort,
      config: this.config,
    } = parts);
    this.#cleanups = cleanups;
  }

  static async start(options: AgentBedOptions): Promise<AgentBed> {
    const manager = new FakeManager();
    const managerPort = await manager.start();
    if (options.isManagerAway === true) await manager.stop();
    const config = await agentConfig(managerPort, options.ports);
    const agent = new TrafficAgent({
      settings: { config, podName: 'shop-1', podIp: '127.0.0.1' },
      env: { ...options.env },
      log: new AgentLog('error', () => undefined),
      host: '127.0.0.1',
      managerTiming: { remainEveryMs: 50, firstRetryMs: 20, maxRetryMs: 100, rewatchMs: 20 },
      ...(options.keepAliveTiming === undefined ? {} : { keepAliveTiming: options.keepAliveTiming }),
      ...(options.readyGraceMs === undefined ? {} : { readyGraceMs: options.readyGraceMs }),
    });
    const ports = await agent.start();
    return new AgentBed({ manager, agent, config, ...ports }, [() => agent.stop(), () => manager.stop()]);
  }

  /** The agent's port for the container port. */
  portOf(containerPort: number): number {
    const found = this.config.containers.flatMap(({ ports }) => ports).find((port) => port.containerPort === containerPort);
    return found?.agentPort ?? 0;
  }

  /** An intercept as the traffic-manager shows it to agents. */
  intercept(
    id: string,
    containerPort: number,
    handlerPort: number,
    spec: MessageInitShape<typeof InterceptInfoSchema>['spec'] = {},
  ): MessageInitShape<typeof InterceptInfoSchema> {
    return {
      id,
      clientSession: { sessionId: `session-of-${id}` },
      spec: {
        name: id,
        agent: 'shop',
        namespace: 'prod',
        mechanism: 'tcp',
        containerPort,
        protocol: 'TCP',
        targetHost: '127.0.0.1',
        targetPort: handlerPort,
        ...spec,
      },
    };
  }

  /** A laptop that watches the agent for the intercept. */
  async laptop(interceptId: string): Promise<FakeLaptop> {
    return await this.laptopBy(interceptId, this.apiPort);
  }

  /** The same by another port that leads to the agent's. */
  async laptopBy(interceptId: string, port: number): Promise<FakeLaptop> {
    // Before, the agent cannot tell whom it may serve.
    await this.manager.until(() => this.manager.watchCount > 0);
    const laptop = await FakeLaptop.watch(`session-of-${interceptId}`, port);
    this.#cleanups.unshift(() => laptop.stop());
    return laptop;
  }

  async stop(): Promise<void> {
    for (const cleanup of this.#cleanups.splice(0)) await cleanup();
  }
}

/** A TCP server on loopback that ends its connections when it stops. */
export async function serveTcp(onConnection: (socket: Socket) => void) {
  const sockets = new Set<Socket>();
  const server = net.createServer({ allowHalfOpen: true }, (socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined).once('close', () => sockets.delete(socket));
    onConnection(socket);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const stop = () => {
    for (const socket of sockets) socket.destroy();
    server.close();
  };
  return { port: (server.address() as AddressInfo).port, sockets, stop };
}

/** Answers a whole question with its own name in front. */
export const answerAs = (name: string) => (socket: Socket) =>
  void text(socket).then(
    (question) => socket.end(`${name}: ${question}`),
    () => undefined,
  );

/** Sends the question, half-closes and reads the answer to its end. */
export async function ask(port: number, question = 'hello'): Promise<string> {
  const socket = net.connect({ port, host: '127.0.0.1', allowHalfOpen: true });
  socket.end(question);
  return await text(socket);
}

/** A UDP server on loopback that answers each datagram with its name in front; `callers` are the ports that it heard from. */
export async function serveUdp(name: string) {
  const socket = dgram.createSocket('udp4');
  const callers = new Set<number>();
  socket.on('message', (datagram, { port, address }) => {
    callers.add(port);
    socket.send(`${name}: ${datagram.toString()}`, port, address);
  });
  await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve));
  return { port: socket.address().port, callers, stop: () => socket.close() };
}

async function agentConfig(managerPort: number, ports: AgentBedOptions['ports']): Promise<AgentConfig> {
  const free = await Promise.all(Array.from({ length: ports.length + 2 }, freePort));
  const [apiPort, healthPort, ...agentPorts] = free;
  const config = parseAgentConfig(
    JSON.stringify({
      workload: { kind: 'Deployment', name: 'shop' },
      namespace: 'prod',
      managerHost: '127.0.0.1',
      managerPort,
      managerNamespace: 'ambassador',
      agentImage: 'agent:1',
      logLevel: 'info',
      apiPort,
      healthPort,
      agentGroupId: 7_439,
      containers: [
        {
          name: 'main',
          mountPoint: '/tel_app_mounts/main',
          envPrefix: '_TEL_APP_A_',
          mounts: [],
          ports: ports.map(({ containerPort, protocol = 'TCP', idlePath }, index) => ({
            containerPort,
            agentPort: agentPorts[index],
            protocol,
            services: [],
            mode: 'named',
            idlePath,
          })),
        },
      ],
    }),
  );
  if (config === undefined) throw new Error('The configuration of the test is none');
  return config;
}

/** One that both TCP and UDP are likely to get. */
