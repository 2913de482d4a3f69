import { create } from '@bufbuild/protobuf';
import { parseIp } from '#base/common/ip.ts';
import type { Endpoint, Protocol } from '#net/tunnel/stream-info.ts';
import {
  InterceptDispositionType,
  type InterceptInfo,
  type InterceptSpec,
  InterceptSpecSchema,
  type PreparedIntercept,
} from '#protocol/cluster/generated/manager_pb.js';
import { AppError } from '#protocol/errors/app-error.ts';
import type { EngagementPort, InterceptRequest } from '#protocol/local-api/model.ts';

/** For the agent: what a dial of the handler may take, and the way there and back. */
const dialTimeoutNs = 5_000_000_000n;

type WantedPort = InterceptRequest['ports'][number];

/** One port of an engagement: on the wire it is an intercept of its own. */
export class InterceptedPort {
  /** Name of the intercept: the engagement's for its first port. */
  readonly wireName: string;
  readonly #wanted: WantedPort | undefined;
  #spec: InterceptSpec | undefined;
  #info: InterceptInfo | undefined;
  #containerPort = 0;
  #serviceUid = '';

  constructor(wireName: string, wanted: WantedPort | undefined) {
    this.wireName = wireName;
    this.#wanted = wanted;
  }

  /** As the traffic-manager has it; absent where it has none. */
  get info(): InterceptInfo | undefined {
    return this.#info;
  }

  get isActive(): boolean {
    return this.#info?.disposition === InterceptDispositionType.ACTIVE;
  }

  get protocol(): 'TCP' | 'UDP' {
    return (this.#spec?.protocol ?? '').toUpperCase() === 'UDP' || this.#wanted?.identifier?.endsWith('/UDP') === true
      ? 'UDP'
      : 'TCP';
  }

  get laptopPort(): number | undefined {
    return this.#spec?.targetPort ?? this.#wanted?.laptopPort;
  }

  get spec(): InterceptSpec | undefined {
    return this.#spec;
  }

  take(info: InterceptInfo): void {
    this.#info = info;
  }

  /** The traffic-manager does not know it any more. */
  lose(): void {
    this.#info = undefined;
  }

  /** What the traffic-manager is asked to prepare. */
  draft(
    request: InterceptRequest,
    place: { readonly namespace: string; readonly owner: string; readonly targetHost: string },
  ): InterceptSpec {
    return create(InterceptSpecSchema, {
      name: this.wireName,
      client: place.owner,
      agent: request.workload ?? request.name,
      namespace: request.namespace ?? place.namespace,
      mechanism: 'tcp',
      targetHost: place.targetHost,
      targetPort: this.#wanted?.laptopPort ?? 0,
      portIdentifier: this.#wanted?.identifier ?? '',
      serviceName: request.service ?? '',
      container: request.container ?? '',
      localPorts: request.toPod.map(String),
      dialTimeout: dialTimeoutNs,
    });
  }

  /** What it is asked to create, now that it has found the port. */
  prepare(draft: InterceptSpec, prepared: PreparedIntercept): InterceptSpec {
    this.#containerPort = prepared.containerPort;
    this.#serviceUid = prepared.serviceUid;
    this.#spec = {
      ...draft,
      namespace: prepared.namespace === '' ? draft.namespace : prepared.namespace,
      workloadKind: prepared.workloadKind,
      serviceUid: prepared.serviceUid,
      serviceName: prepared.serviceName,
      servicePortName: prepared.servicePortName,
      servicePort: prepared.servicePort,
      protocol: prepared.protocol === '' ? 'TCP' : prepared.protocol,
      containerPort: prepared.containerPort,
      targetPort: draft.targetPort === 0 ? prepared.containerPort : draft.targetPort,
      portIdentifier: draft.portIdentifier === '' ? identifierOf(prepared) : draft.portIdentifier,
    };
    return this.#spec;
  }

  /**
   * Whether a connection with this destination is for it. Agents go on asking for a while where the traffic-manager has lost the intercept,
   * which then is about to be made again.
   */
  isTarget({ ip, port }: Endpoint, protocol: Protocol): boolean {
    if (this.#spec === undefined) return false;
    const target = parseIp(this.#spec.targetHost);
    return (
      this.#spec.targetPort === port &&
      this.protocol.toLowerCase() === protocol &&
      target?.family === ip.family &&
      target.value === ip.value
    );
  }

  snapshot(): EngagementPort[] {
    const spec = this.#spec;
    if (spec === undefined) return [];
    return [
      {
        laptopPort: spec.targetPort,
        containerPort: this.#containerPort,
        protocol: this.protocol,
        identifier: spec.portIdentifier,
        ...(this.#serviceUid === '' && spec.serviceName === ''
          ? {}
          : {
              service: { name: spec.serviceName, uid: this.#serviceUid, portName: spec.servicePortName, port: spec.servicePort },
            }),
      },
    ];
  }
}

/** The ports of a request, or the one that the traffic-manager is to find. @throws AppError where two are the same. */
export function portsOf({ name, ports }: InterceptRequest): InterceptedPort[] {
  if (ports.length === 0) return [new InterceptedPort(name, undefined)];
  const seen = new Set<string>();
  for (const { identifier = '' } of ports) {
    if (seen.has(identifier)) {
      const which = identifier === '' ? 'a port without a name' : `port ${identifier}`;
      throw new AppError({
        code: 'usage',
        message: `The intercept "${name}" has ${which} twice`,
        remedies: [{ label: 'Name each port of the workload once', command: '--port 8080:http --port 9090:metrics' }],
      });
    }
    seen.add(identifier);
  }
  return ports.map((port, index) => {
    const suffix = (port.identifier ?? String(port.laptopPort)).replace('/', '-').toLowerCase();
    return new InterceptedPort(index === 0 ? name : `${name}-${suffix}`, port);
  });
}

function identifierOf({ servicePortName, servicePort, containerPort }: PreparedIntercept): string {
  if (servicePortName !== '') return servicePortName;
  return String(servicePort === 0 ? containerPort : servicePort);
}
